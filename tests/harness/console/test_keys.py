"""Ctrl-A begins what is for thawbench; everything else is for the guest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.console.keys import EscapeKeys, Typed


def read(*chunks: bytes) -> Typed:
    """What was typed in these pieces means, all together."""
    keys = EscapeKeys()
    read = [keys.read(chunk) for chunk in chunks]
    return Typed(
        b"".join(each.data for each in read),
        any(each.leave for each in read),
        any(each.help for each in read),
    )


@given(st.binary().filter(lambda typed: b"\x01" not in typed))
def test_keys_without_ctrl_a_are_for_the_guest(typed: bytes) -> None:
    """Ctrl-C and Ctrl-Z as well."""
    assert read(typed) == Typed(typed)


@pytest.mark.parametrize(
    ("typed", "meaning"),
    [
        (b"\x01x", Typed(b"", leave=True)),
        (b"ls\x01xrest", Typed(b"ls", leave=True)),
        (b"\x01h", Typed(b"", help=True)),
        (b"a\x01hb", Typed(b"ab", help=True)),
        (b"\x01\x01", Typed(b"\x01")),
        (b"\x01\x01x", Typed(b"\x01x")),
        (b"\x01\x01\x01x", Typed(b"\x01", leave=True)),
        (b"\x01qb", Typed(b"b")),
        (b"\x01", Typed(b"")),
    ],
)
def test_the_second_key_says_what_ctrl_a_means(typed: bytes, meaning: Typed) -> None:
    """However the keys come in pieces."""
    assert read(typed) == meaning
    if not meaning.leave:
        assert read(*(bytes([key]) for key in typed)) == meaning
    assert read(typed[:1], typed[1:]) == meaning
