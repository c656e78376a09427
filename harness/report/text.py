"""Pieces of text that several reports have."""

from __future__ import annotations

import json
from typing import Any


def printable(text: str) -> str:
    r"""`text` on one line, with what a terminal would obey escaped.

    >>> printable("a\x1b[31m\nb")
    'a\\x1b[31m\\nb'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def count(number: int, noun: str) -> str:
    """So many of something.

    >>> count(1, "page"), count(2000, "page")
    ('1 page', '2,000 pages')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def value_text(value: Any, *, hex_from: int, length_max: int) -> str:
    """Plain JSON data on one line, cut off where it is long.

    Args:
        value: the data.
        hex_from: the least integer that is written in hexadecimal, as addresses are read.
        length_max: how many characters to show.

    >>> value_text(0x8020_0000, hex_from=1 << 16, length_max=60)
    '0x80200000'
    """
    if value is None:
        return "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return hex(value) if value >= hex_from else str(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= length_max else f"{text[:length_max]}…"
