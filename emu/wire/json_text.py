"""JSON text, character for character as Rust's `serde_json` prints it.

Only numbers differ from Python's `json`. Source: the crates `serde_json` 1.0.154 and `zmij` 1.0.23,
which print the fewest digits that read back as the same number.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Any

_POSITIONAL_EXPONENTS = {32: range(-6, 13), 64: range(-5, 16)}
_F32_DIGITS_MAX = 9


class Float(float):
    """A float that knows from how wide a type it came: 32 or 64 bits."""

    __slots__ = ("bits",)
    bits: int

    def __new__(cls, value: float, bits: int) -> Float:
        """The number `value` of a type `bits` wide."""
        self = super().__new__(cls, value)
        self.bits = bits
        return self


def round_to_f32(value: float) -> float:
    """The nearest `f32`; raises `OverflowError` if it is out of range."""
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def format_float(value: float, bits: int) -> str:
    """A number as `serde_json` prints an `f32` or `f64`.

    >>> format_float(1e16, 64), format_float(1.5e-5, 64), format_float(round_to_f32(0.1), 32)
    ('1e+16', '0.000015', '0.1')
    >>> format_float(math.inf, 64)
    'null'
    """
    if not math.isfinite(value):
        return "null"
    sign, digit_tuple, exponent = Decimal(_shortest(value, bits)).as_tuple()
    digits = "".join(map(str, digit_tuple)).rstrip("0") or "0"
    # The power of ten of the first digit.
    scale = len(digit_tuple) + int(exponent) - 1 if value else 0
    body = (
        _positional(digits, scale)
        if scale in _POSITIONAL_EXPONENTS[bits]
        else f"{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{scale:+}"
    )
    return "-" * sign + body


def _shortest(value: float, bits: int) -> str:
    """The fewest decimal digits that read back as `value`."""
    if bits == 64:
        return repr(value)
    return next(text for text in _f32_candidates(value) if _reads_back(text, value))


def _reads_back(text: str, value: float) -> bool:
    try:
        return round_to_f32(float(text)) == value
    except OverflowError:
        return False


def _f32_candidates(value: float) -> Iterator[str]:
    for digits in range(1, _F32_DIGITS_MAX + 1):
        nearest = Context(prec=digits).create_decimal(value)
        yield str(nearest)
        # Above a power of two, numbers lie twice as far apart as below: the nearest decimal may
        # be just outside, while the next one away from zero is inside.
        away = math.copysign(math.inf, value)
        yield str(nearest.next_toward(Decimal(away), Context(prec=digits)))


def _positional(digits: str, scale: int) -> str:
    if scale < 0:
        return "0." + "0" * (-scale - 1) + digits
    whole = digits[: scale + 1].ljust(scale + 1, "0")
    return f"{whole}.{digits[scale + 1 :] or '0'}"


def write(value: Any, indent: int | None = None) -> str:
    """The text of a value made of dicts, lists, `Float`s and what else JSON knows.

    With `indent`, as `serde_json::to_string_pretty` for an indent of 2; otherwise compact.
    """
    return "".join(_tokens(value, None if indent is None else " " * indent, "\n"))


def _tokens(value: Any, indent: str | None, newline: str) -> Iterator[str]:
    match value:
        case dict() if value:
            colon = ":" if indent is None else ": "
            items = ((_text(key) + colon, item) for key, item in value.items())
            yield from _bracketed("{}", items, indent, newline)
        case list() if value:
            yield from _bracketed("[]", (("", item) for item in value), indent, newline)
        case Float():
            yield format_float(value, value.bits)
        case _:
            yield _text(value)


def _bracketed(
    brackets: str, items: Iterator[tuple[str, Any]], indent: str | None, newline: str
) -> Iterator[str]:
    inner = "" if indent is None else newline + indent
    separator = brackets[0] + inner
    for prefix, item in items:
        yield separator + prefix
        yield from _tokens(item, indent, newline + (indent or ""))
        separator = "," + inner
    yield ("" if indent is None else newline) + brackets[1]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
