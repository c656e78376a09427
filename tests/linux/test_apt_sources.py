"""What sources.list(5) allows is read as apt reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.linux.apt_sources import (
    AptSource,
    parse_deb822_style,
    parse_one_line_style,
    read_sources,
)

KEYRING = "/usr/share/keyrings/debian.gpg"
BOOKWORM = AptSource(("file:/debian",), ("bookworm",), ("main", "contrib"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("deb file:/debian bookworm main contrib", BOOKWORM),
        ("deb\tfile:/debian\tbookworm  main\tcontrib", BOOKWORM),
        ("deb file:/debian bookworm main contrib # and why", BOOKWORM),
        (
            f"deb [ arch=amd64,arm64 signed-by={KEYRING} trusted=yes ] file:/debian sid main",
            AptSource(("file:/debian",), ("sid",), ("main",), KEYRING, "yes"),
        ),
    ],
)
def test_one_line_is_one_source(line: str, expected: AptSource) -> None:
    assert list(parse_one_line_style(line)) == [expected]


@pytest.mark.parametrize(
    "line", ["", "# deb file:/debian sid main", "deb-src file:/debian sid main"]
)
def test_a_line_for_no_packages_is_no_source(line: str) -> None:
    assert list(parse_one_line_style(line)) == []


def test_paragraphs_are_sources_with_lists_for_values() -> None:
    text = f"""\
# The release
types: deb deb-src
URIs: file:/debian file:/mirror/debian
# what the mirrors have
Suites: bookworm bookworm-updates
Components: main
  contrib
Signed-By: {KEYRING}

Types: deb
URIs: file:/local
Suites: ./
Trusted: yes
"""
    assert list(parse_deb822_style(text)) == [
        AptSource(
            ("file:/debian", "file:/mirror/debian"),
            ("bookworm", "bookworm-updates"),
            ("main", "contrib"),
            KEYRING,
        ),
        AptSource(("file:/local",), ("./",), trusted="yes"),
    ]


def test_a_key_inside_a_source_is_kept_line_by_line() -> None:
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF==\n -----END PGP PUBLIC KEY-----"
    text = f"Types: deb\nURIs: file:/debian\nSuites: sid\nComponents: main\nSigned-By:{key}\n"
    assert next(parse_deb822_style(text)).signed_by == key


@pytest.mark.parametrize("line", ["Enabled: no", "Types: deb-src"])
def test_a_paragraph_that_is_off_or_of_sources_only_is_passed_over(line: str) -> None:
    text = "Types: deb\nURIs: file:/debian\nSuites: sid\nComponents: main\n"
    assert len(list(parse_deb822_style(text))) == 1
    assert list(parse_deb822_style(f"{text}{line}\n")) == []


def test_files_are_read_in_the_order_of_apt_and_by_their_suffix(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "b.list").write_text("deb file:/b sid main\n")
    (parts / "a.sources").write_text("Types: deb\nURIs: file:/a\nSuites: sid\nComponents: main\n")
    (parts / "c.list.disabled").write_text("deb file:/c sid main\n")
    assert [source.uris for source in read_sources(tmp_path)] == [("file:/a",), ("file:/b",)]
    (tmp_path / "sources.list").write_text("deb file:/first sid main\n")
    assert next(read_sources(tmp_path)).uris == ("file:/first",)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("deb file:/mirror/debian bookworm main", True),
        ("deb file:/archive/debian/20250520T000000Z stable main", True),
        ("deb file:/debian bookworm-updates main", False),
        ("deb file:/debian-security bookworm-security main", False),
        ("deb file:/ubuntu noble main", False),
        ("deb file:/linux/debian bookworm stable", False),
        ("deb file:/debian ./", False),
    ],
)
def test_a_release_of_debian_is_told_from_its_updates_and_from_others(
    line: str, expected: bool
) -> None:
    """Another release is asked for at the same place, so it must be one that has them all."""
    assert [source.is_debian for source in parse_one_line_style(line)] == [expected]
