"""JSON text as `serde_json` 1.0.154 prints it."""

from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.wire.json_text import Float, format_float, round_to_f32, write

# Printed by Rust: number, as f64, as f32.
FLOATS = [
    (0.0, "0.0", "0.0"),
    (-0.0, "-0.0", "-0.0"),
    (1.0, "1.0", "1.0"),
    (-12.5, "-12.5", "-12.5"),
    (100.0, "100.0", "100.0"),
    (0.1, "0.1", "0.1"),
    (0.001, "0.001", "0.001"),
    (1e-5, "0.00001", "0.00001"),
    (1.5e-5, "0.000015", "0.000015"),
    (1e-6, "1e-6", "0.000001"),
    (1e-7, "1e-7", "1e-7"),
    (1e15, "1000000000000000.0", "1e+15"),
    (1e16, "1e+16", "1e+16"),
    (9007199254740993.0, "9007199254740992.0", "9.007199e+15"),
    (123456789012345680000.0, "1.2345678901234568e+20", "1.2345679e+20"),
    (2.0**-44, "5.684341886080802e-14", "5.684342e-14"),
    (2.0**90, "1.2379400392853803e+27", "1.2379401e+27"),
    (5e-324, "5e-324", "0.0"),
]


@pytest.mark.parametrize(("value", "as_f64", "as_f32"), FLOATS)
def test_floats_are_printed_as_rust_prints_them(value: float, as_f64: str, as_f32: str) -> None:
    assert format_float(value, 64) == as_f64
    assert format_float(round_to_f32(value), 32) == as_f32


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_null(value: float) -> None:
    assert format_float(value, 64) == format_float(value, 32) == "null"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_f64_text_reads_back_as_the_same_bits(value: float) -> None:
    assert struct.pack("<d", float(format_float(value, 64))) == struct.pack("<d", value)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_f32_text_reads_back_as_the_same_number(value: float) -> None:
    assert round_to_f32(float(format_float(value, 32))) == value


def test_control_characters_are_escaped_and_nothing_else_is() -> None:
    text = "".join(map(chr, range(0x20))) + '"\\/\x7f\u2028é\N{PENGUIN}'
    assert write(text) == (
        '"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e'
        "\\u000f\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a"
        '\\u001b\\u001c\\u001d\\u001e\\u001f\\"\\\\/\x7f\u2028é\N{PENGUIN}"'
    )


def test_pretty_text() -> None:
    """The layout of `serde_json::to_string_pretty`."""
    value = {"a": [], "b": {}, "c": [1, [Float(2.0, 64)]], "d": {"e": None}}
    assert write(value, indent=2) == (
        '{\n  "a": [],\n  "b": {},\n  "c": [\n    1,\n    [\n      2.0\n    ]\n  ],\n'
        '  "d": {\n    "e": null\n  }\n}'
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON, st.sampled_from([None, 0, 2]))
def test_text_without_floats_is_that_of_python(value: object, indent: int | None) -> None:
    separators = (",", ":") if indent is None else (",", ": ")
    expected = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    assert write(value, indent) == expected
