"""Sets of named bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from emu.arch.bits import Register


def flag_names(value: int, names: Mapping[int, str]) -> Iterator[str]:
    """The names of the bits that are set, the lowest first; `bit N` where there is no name.

    >>> list(flag_names(0b101, {2: "STOP"}))
    ['bit 0', 'STOP']
    """
    for position in range(value.bit_length()):
        if value >> position & 1:
            yield names.get(position, f"bit {position}")


def bit_names(layout: type[Register]) -> dict[int, str]:
    """The names of a layout's single bits."""
    return {field.lsb: field.name for field in layout.fields if field.lsb == field.msb}
