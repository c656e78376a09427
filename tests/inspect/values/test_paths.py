"""Paths are text and back, and what is no path is an error that shows the place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import PathError
from emu.inspect.values.paths import (
    APPEND,
    Path,
    Step,
    key_text,
    parse,
    parse_pattern,
    parse_prefix,
)

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
KEYS = st.integers() | (st.text() | st.booleans() | st.lists(st.integers() | st.text())).map(
    key_text
)
STEPS = st.builds(Step, st.sampled_from([".", "::", ":"]), NAMES) | st.builds(
    Step, st.just("["), KEYS
)


@given(st.lists(STEPS).map(tuple).map(Path))
def test_every_path_is_read_back_from_its_text(path: Path) -> None:
    assert parse(str(path)) == path


@given(st.text() | st.text("ab0.[]:*\"'+=-\\"))
def test_any_text_is_a_path_or_an_error(text: str) -> None:
    """No other exception, whatever the text; and a path that was read is stable."""
    try:
        path = parse(text)
    except PathError:
        return
    assert parse(str(path)) == path


@pytest.mark.parametrize(
    ("text", "proper"),
    [
        ("", ""),
        ("a", "a"),
        (".a.b", "a.b"),
        ("a[0x1f]", "a[31]"),
        ("a[0b11][1_000]", "a[3][1000]"),
        ("a[-0x1]", "a[-1]"),
        ("r[6930010]", "r[6930010]"),
        ("r[0x6030_0000_0013_c080]", "r[0x603000000013c080]"),
        ("m[eth0]", 'm["eth0"]'),
        ('m["a]=b"].c', 'm["a]=b"].c'),
        (r'm["\u00e9"]', 'm["é"]'),
        ("m[true]", "m[true]"),
        ('m[[1, "x"]]', 'm[[1,"x"]]'),
        ("a::Virtio.b:M", "a::Virtio.b:M"),
        ("[2][+]", "[2][+]"),
        ("::A._0", "::A._0"),
    ],
)
def test_notations_of_a_path_have_one_proper_form(text: str, proper: str) -> None:
    assert str(parse(text)) == proper


def test_a_key_in_quotes_is_no_number_and_no_mark() -> None:
    """Text keys that look like numbers or marks stay apart from these."""
    assert parse('a["5"]') != parse("a[5]")
    assert parse('a["+"]').steps[-1] != APPEND
    assert parse("a[+]").steps[-1] == APPEND


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("a..b", 2, "a name after '.'"),
        ("a.", 2, "a name after '.'"),
        ("a[", 2, "a number, a word or a key in JSON"),
        ("a[]", 2, "a number, a word or a key in JSON"),
        ("a[007]", 2, "a number, a word or a key in JSON"),
        ("a[0x]", 2, "a number, a word or a key in JSON"),
        ('a["b]', 2, "a number, a word or a key in JSON"),
        ("a[1", 3, "']'"),
        ("a[1.5]", 3, "']'"),
        ("a b", 1, "'.', '[', '::' or ':'"),
        ("a=1", 1, "'.', '[', '::' or ':'"),
        ("a.*", 2, "a name after '.'"),
        ("é", 0, "'.', '[', '::' or ':'"),
        ("a[" + "[" * 100_000, 2, "a key in JSON"),
        ("a[" + "9" * 10_000 + "]", 2, "a key in JSON"),
        ("a[0x" + "f" * 10_000 + "]", 2, "a key in JSON"),
    ],
)
def test_what_is_no_path_says_where_and_what_was_expected(
    text: str, at: int, expected: str
) -> None:
    with pytest.raises(PathError) as caught:
        parse(text)
    message = str(caught.value)
    assert f"at character {at}, found " in message
    assert expected in message
    assert len(message) < 300


def test_a_prefix_ends_where_the_path_does() -> None:
    path, end = parse_prefix('m["="][+]={"a": 1}')
    assert (str(path), end) == ('m["="][+]', 9)


@pytest.mark.parametrize("text", ["*", "**", "a.*.b", "a[*].b", "**.next_avail", "a.**[1]"])
def test_a_pattern_has_stars_and_a_path_has_not(text: str) -> None:
    assert any("*" in str(step.key) for step in parse_pattern(text).steps)
    with pytest.raises(PathError, match="at character"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "why"), [("a:M", "leave out the bit field"), ("a b", "at character 1")]
)
def test_what_is_no_pattern_is_an_error(text: str, why: str) -> None:
    with pytest.raises(PathError, match=why):
        parse_pattern(text)
