"""Numbers in a row, little endian and without padding: which types the module `struct` can pack."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from emu.wire.nodes import FloatNode, IntNode, Node

_UNSIGNED = {8: "B", 16: "H", 32: "I", 64: "Q"}
_FLOAT = {32: "f", 64: "d"}


def code_of(node: Node) -> str | None:
    """The format character of a number that may have any value; None for other types.

    There is none for 128 bits.
    """
    match node:
        case IntNode(bits, signed, nonzero=False) if bits in _UNSIGNED:
            return _UNSIGNED[bits].lower() if signed else _UNSIGNED[bits]
        case FloatNode(bits):
            return _FLOAT[bits]
        case _:
            return None


def layout_of(nodes: Iterable[Node]) -> Struct | None:
    """The layout of values side by side; None unless there are some and `code_of` knows all."""
    codes = list(map(code_of, nodes))
    if not codes or None in codes:
        return None
    return Struct("<" + "".join(code for code in codes if code))
