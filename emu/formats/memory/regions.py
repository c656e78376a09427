"""Which guest-physical address each byte of a memory file has.

A memory file has no header: it is the regions of guest RAM, raw, one after another in the order of
the state file (Firecracker v1.9 to v1.16, `src/vmm/src/vstate/memory.rs`). squib has one region.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

from emu.errors import MemoryFileError
from emu.formats.memory.extents import Extent

_ADDRESS_END = 1 << 64
_FILE_SIZE_MAX = (1 << 63) - 1  # of a file offset, which is signed


@dataclass(frozen=True, slots=True)
class Region:
    """A range of guest RAM, in guest-physical addresses."""

    base_address: int
    size_bytes: int

    @property
    def end_address(self) -> int:
        """The first address behind it."""
        return self.base_address + self.size_bytes

    def __str__(self) -> str:
        return f"{self.base_address:#x} to {self.end_address - 1:#x}"


class Span(NamedTuple):
    """Bytes of a memory file that lie in one region.

    Attributes:
        address: guest-physical address of the first; None behind the last region.
        offset: its offset in the file.
        size_bytes: how many there are.
    """

    address: int | None
    offset: int
    size_bytes: int


class _Place(NamedTuple):
    """A region, and where it begins in the file."""

    offset: int
    region: Region

    @property
    def end(self) -> int:
        return self.offset + self.region.size_bytes


@dataclass(frozen=True)
class Layout:
    """The regions of a memory file, in its order.

    Raises:
        MemoryFileError: there is no region, one is empty or ends behind the address space, two
            overlap, or the file would be too large for any file system.
    """

    regions: tuple[Region, ...]

    def __post_init__(self) -> None:
        if not self.regions:
            raise MemoryFileError("the state file has no memory region; expected at least one")
        for region in self.regions:
            if region.size_bytes <= 0 or not 0 <= region.base_address <= _ADDRESS_END:
                raise MemoryFileError(f"memory region {_numbers(region)} is empty or nowhere")
            if region.end_address > _ADDRESS_END:
                raise MemoryFileError(f"memory region {_numbers(region)} ends above 2^64")
        for low, high in pairwise(sorted(self.regions, key=lambda region: region.base_address)):
            if low.end_address > high.base_address:
                raise MemoryFileError(f"memory regions overlap: {low} and {high}")
        if self.size_bytes > _FILE_SIZE_MAX:
            raise MemoryFileError(
                f"the memory regions have {self.size_bytes} bytes together; no file can be as large"
            )

    @property
    def size_bytes(self) -> int:
        """What the regions take together: the size of the memory file."""
        return sum(region.size_bytes for region in self.regions)

    def spans(self, extent: Extent) -> Iterator[Span]:
        """`extent` cut where one region ends and the next begins."""
        offset = extent.offset
        for place in self._places:
            if place.offset <= offset < min(place.end, extent.end):
                size_bytes = min(place.end, extent.end) - offset
                yield Span(place.region.base_address + offset - place.offset, offset, size_bytes)
                offset += size_bytes
        if offset < extent.end:
            yield Span(None, offset, extent.end - offset)

    def extents(self, address: int, size_bytes: int) -> Iterator[Extent]:
        """Where the `size_bytes` bytes at guest-physical `address` are in the file.

        There is more than one extent if regions that adjoin in memory do not adjoin in the file.

        Raises:
            MemoryFileError: not all of them are RAM. What comes before is yielded.
        """
        end = address + size_bytes
        while address < end:
            place = self._place_of(address)
            part = min(end, place.region.end_address) - address
            yield Extent(place.offset + address - place.region.base_address, part)
            address += part

    def check_size(self, name: str, size_bytes: int, *, exact: bool = False) -> None:
        """Check that a memory file of `size_bytes` bytes can belong to the state file.

        Firecracker refuses a file that is shorter than the regions from v1.14.0 on, as
        `OffsetTooLarge`; before, it maps the file all the same, and is killed by SIGBUS where the
        guest touches what is not there. Bytes behind the last region it ignores.

        Args:
            name: what messages call the file.
            size_bytes: its size.
            exact: whether a longer file is wrong too.

        Raises:
            MemoryFileError: it can't.
        """
        if size_bytes < self.size_bytes or (exact and size_bytes != self.size_bytes):
            raise MemoryFileError(
                f"{name} has {size_bytes:,} bytes; the memory regions of the state file have "
                f"{self.size_bytes:,}: it belongs to another snapshot, or was cut short"
            )

    @cached_property
    def _places(self) -> tuple[_Place, ...]:
        sizes = (region.size_bytes for region in self.regions)
        return tuple(map(_Place, accumulate(sizes, initial=0), self.regions))

    def _place_of(self, address: int) -> _Place:
        for place in self._places:
            if place.region.base_address <= address < place.region.end_address:
                return place
        raise MemoryFileError(
            f"guest-physical {address:#x} is not RAM, which is {', '.join(map(str, self.regions))}"
        )


def _numbers(region: Region) -> str:
    return f"at {region.base_address:#x} of {region.size_bytes:,} bytes"
