"""Text that is safe to print."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""`text` on one line, with what a terminal would obey escaped.

    >>> printable("a\x1b[31m\nb")
    'a\\x1b[31m\\nb'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
