"""Reads the properties of device trees that boards make."""

from __future__ import annotations

from emu.boards.device_tree.values import interrupt_intid
from emu.boards.places import Window
from emu.core.fdt import Node, read_cells, read_cells64, read_strings


def windows(node: Node) -> list[Window]:
    """The windows of a `reg`."""
    reg = read_cells64(node.properties["reg"])
    return [Window(*pair) for pair in zip(reg[::2], reg[1::2], strict=True)]


def interrupts(node: Node) -> list[tuple[int, int]]:
    """INTID and flags of each interrupt."""
    flat = read_cells(node.properties["interrupts"])
    triples = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return [(interrupt_intid(kind, number), flags) for kind, number, flags in triples]


def text(node: Node, name: str) -> str:
    """The one string of a property."""
    (value,) = read_strings(node.properties[name])
    return value
