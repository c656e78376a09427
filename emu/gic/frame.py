"""Dispatch of memory-mapped accesses to the register functions of a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from emu.arch.bits import RegisterMap
from emu.arch.gicv3 import access_sizes

Reader = Callable[[int], int]
"""The value of the register with the given index in its array."""

Writer = Callable[[int, int], None]
"""Store into the register with the given index in its array."""


class RegisterFrame:
    """A memory-mapped frame of the GIC, as an `MmioWindow`.

    What the map or the block has no register for, and every access of a size that the register
    does not allow, reads as zero and ignores writes (IHI 0069, 12.1).

    Args:
        registers: where they are.
        readers: read functions, by name.
        writers: write functions, by name. What can be written can be read.
        held: what registers hold, where it is not what is read: the rest of it stays as it is when
            a part of the register is written.
    """

    def __init__(
        self,
        registers: RegisterMap,
        readers: Mapping[str, Reader],
        writers: Mapping[str, Writer],
        held: Mapping[str, Reader] | None = None,
    ) -> None:
        self._registers = registers
        self._readers = readers
        self._writers = writers
        self._held = {**readers, **(held or {})}

    def read(self, offset: int, size: int, /) -> int:
        """The value of an aligned load of 1, 2, 4 or 8 bytes."""
        place = _locate(self._registers, offset, size)
        if place is None or place[0] not in self._readers:
            return 0
        name, index, shift, mask = place
        return (self._readers[name](index) & mask) >> shift

    def write(self, offset: int, size: int, value: int, /) -> None:
        """An aligned store of 1, 2, 4 or 8 bytes.

        A store to a part of a register leaves the rest of it alone. Only registers that keep
        what is written allow such stores, so reading the rest first has no effect.
        """
        place = _locate(self._registers, offset, size)
        if place is None or place[0] not in self._writers:
            return
        name, index, shift, mask = place
        kept = self._held[name](index) & ~mask
        self._writers[name](index, kept | (value << shift) & mask)


@lru_cache(maxsize=1 << 14)
def _locate(registers: RegisterMap, offset: int, size: int) -> tuple[str, int, int, int] | None:
    """Name, index, and shift and mask within the register, of an access; None if not allowed."""
    found = registers.find(offset)
    if found is None:
        return None
    slot, index, byte = found
    if size not in access_sizes(slot) or byte % size:
        return None
    return slot.name, index, 8 * byte, ((1 << 8 * size) - 1) << 8 * byte
