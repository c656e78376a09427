"""Version text is accepted exactly as the Rust crate `semver` does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.wire.semver import is_semver, parse


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("0.0.0", (0, 0, 0)),
        ("5.0.0", (5, 0, 0)),
        ("1.2.3-rc.1+build.007", (1, 2, 3)),
        ("1.2.3--", (1, 2, 3)),
        ("1.2.3-0a.00a", (1, 2, 3)),
        ("1.2.3+00.-", (1, 2, 3)),
        (f"{(1 << 64) - 1}.0.1", ((1 << 64) - 1, 0, 1)),
    ],
)
def test_versions(text: str, version: tuple[int, int, int]) -> None:
    assert parse(text) == version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5.0",
        "5.0.0.0",
        "v5.0.0",
        " 5.0.0",
        "5.0.0\n",
        "05.0.0",
        "5.0.-1",
        "5.0.0-",
        "5.0.0-a..b",
        "5.0.0-01",
        "5.0.0+",
        "5.0.0+a+b",
        "5.0.0-é",
        "\N{ARABIC-INDIC DIGIT FIVE}.0.0",
        f"{1 << 64}.0.0",
        f"0.0.{10**30}",
    ],
)
def test_texts_that_are_no_version(text: str) -> None:
    assert not is_semver(text)


@given(st.tuples(*[st.integers(0, (1 << 64) - 1)] * 3))
def test_the_numbers_come_out_as_they_went_in(version: tuple[int, int, int]) -> None:
    assert parse("{}.{}.{}".format(*version)) == version
