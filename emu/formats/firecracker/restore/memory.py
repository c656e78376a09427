"""What Firecracker asks of the regions of guest memory.

`snapshot_state_sanity_check` in `persist.rs`; `create` (v1.9 and v1.10: `from_state`) and
`GuestRegionMmapExt::from_state` in `vstate/memory.rs`; `restore_memory_regions` (v1.12 and v1.13:
`register_memory_regions`) in `vstate/vm.rs`. The crate vm-memory: 0.14.1 in v1.9, 0.16 in v1.10 to
v1.13, 0.17.1 in v1.14 to v1.16, 0.18 on main.

Left out is what the memory file and the host decide: the size of that file, how many slots KVM
has, how many address bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final

from emu.formats import checks
from emu.formats.firecracker.restore.guest_memory import path, regions, slot_size_bytes
from emu.formats.loader import Check, Loader

PAGE_SIZE_BYTES: Final = 4096
"""The smallest page that a host has; KVM wants whole pages (`kvm_main.c`)."""

_ADDRESS_END = 1 << 64
_FILE_OFFSET_MAX = (1 << 63) - 1


# --- sanity ------------------------------------------------------------------------------------


def _no_memory(state: Any) -> str | None:
    if regions(state):
        return None
    return f"{path(state)} is empty; a VM has at least one region of memory"


def _no_dram(state: Any) -> str | None:
    if any(region.region_type.value == "Dram" for region in regions(state)):
        return None
    return f"{path(state)} has no region of type Dram; a VM has at least one"


def _first_bad_dram(state: Any) -> tuple[int, list[bool]] | None:
    """Index and slots of the first region of DRAM that has not one plugged slot."""
    for index, region in enumerate(regions(state)):
        if region.region_type.value == "Dram" and region.plugged != [True]:
            return index, region.plugged
    return None


def _dram_slots(state: Any) -> str | None:
    match _first_bad_dram(state):
        case index, slots if len(slots) != 1:
            return (
                f"{path(state)}[{index}].plugged has {len(slots)} entries; a region of type Dram "
                "has one slot"
            )
    return None


def _dram_plugged(state: Any) -> str | None:
    match _first_bad_dram(state):
        case index, [False]:
            return f"{path(state)}[{index}].plugged[0] is false; DRAM is always plugged"
    return None


def _sane(rule: str, variant: str, fault: Callable[[Any], str | None]) -> Check:
    return checks.state(rule, f"SnapShotStateSanityCheckError::{variant}", fault)


# --- mapping -----------------------------------------------------------------------------------


def _too_large(state: Any) -> str | None:
    size_bytes = sum(region.size for region in regions(state))
    if size_bytes < _FILE_OFFSET_MAX:
        return None
    return (
        f"{path(state)} have {size_bytes:,} bytes together; a memory file can't be as large: "
        "expected the sizes of the VM's memory"
    )


def _empty(state: Any) -> Iterator[str]:
    for index, region in enumerate(regions(state)):
        if not region.size:
            yield f"{path(state)}[{index}].size is 0; a region has at least a page"


def _too_high(state: Any) -> Iterator[str]:
    for index, region in enumerate(regions(state)):
        if region.base_address + region.size >= _ADDRESS_END:
            yield (
                f"{path(state)}[{index}] begins at {region.base_address:#x} and has "
                f"{region.size:,} bytes; expected it to end below 2^64"
            )


def _unsorted(state: Any) -> Iterator[str]:
    for index, (before, region) in enumerate(pairwise(regions(state)), 1):
        if region.base_address < before.base_address:
            yield (
                f"{path(state)}[{index}] begins at {region.base_address:#x}, below the region "
                f"before it, at {before.base_address:#x}; put the regions in ascending order"
            )


def _overlapping(state: Any) -> Iterator[str]:
    ascending = sorted(enumerate(regions(state)), key=lambda item: item[1].base_address)
    for (_, below), (index, region) in pairwise(ascending):
        if below.base_address + below.size > region.base_address:
            yield (
                f"{path(state)}[{index}] begins at {region.base_address:#x}, inside the region "
                f"that begins at {below.base_address:#x} and has {below.size:,} bytes; regions "
                "must not overlap"
            )


def _partial_page(state: Any) -> Iterator[str]:
    for index, region in enumerate(regions(state)):
        slots = getattr(region, "plugged", [True])
        size_bytes = region.size // len(slots) if slots else 0
        if any(slots) and (region.base_address | size_bytes) % PAGE_SIZE_BYTES:
            yield (
                f"{path(state)}[{index}] begins at {region.base_address:#x} and has slots of "
                f"{size_bytes:,} bytes; KVM maps whole pages of at least {PAGE_SIZE_BYTES:,} bytes"
            )


# --- slots -------------------------------------------------------------------------------------


def _no_slots(state: Any) -> Iterator[str]:
    for index, region in enumerate(regions(state)):
        if not region.plugged:
            yield f"{path(state)}[{index}].plugged is empty; a region has at least one slot"


def _uneven_slots(state: Any) -> Iterator[str]:
    for index, region in enumerate(regions(state)):
        if region.plugged and region.size % len(region.plugged):
            yield (
                f"{path(state)}[{index}].size is {region.size:,}, which can't be divided into the "
                f"{len(region.plugged)} slots of `plugged`; slots are of one size"
            )


def _empty_slots(state: Any) -> Iterator[str]:
    for index, region in enumerate(regions(state)):
        if region.plugged and not slot_size_bytes(region):
            yield (
                f"{path(state)}[{index}] has {len(region.plugged)} slots, but only {region.size} "
                "bytes; a slot has at least a page"
            )


# --- releases ----------------------------------------------------------------------------------


def _mapped(empty: str, beyond: str) -> Loader:
    """The checks that are made of each region as it is mapped; the errors' names differ."""
    return (
        checks.faultless("has no empty region", f"MemoryError::{empty}", _empty),
        checks.faultless("has regions that end below 2^64", f"MemoryError::{beyond}", _too_high),
    )


def _disjoint(loader_error: str) -> Check:
    return checks.faultless("has regions that do not overlap", loader_error, _overlapping)


_FITS_FILE = checks.state("has regions that fit a file", "MemoryError::OffsetTooLarge", _too_large)
_ASCENDING = checks.faultless(
    "has regions in ascending order",
    "MemoryError::VmMemoryError(Error::UnsortedMemoryRegions)",
    _unsorted,
)
_WHOLE_PAGES = checks.faultless(
    "has regions of whole pages", "VmError::SetUserMemoryRegion", _partial_page
)
_HAS_MEMORY = _sane("has regions of memory", "NoMemory", _no_memory)

V1_9: Final[Loader] = (
    _HAS_MEMORY,
    *_mapped("MmapRegionError", "VmMemoryError(Error::InvalidGuestRegion)"),
    _ASCENDING,
    _disjoint("MemoryError::VmMemoryError(Error::MemoryRegionOverlap)"),
    _WHOLE_PAGES,
)
"""v1.9 and v1.10."""

V1_11: Final[Loader] = (_HAS_MEMORY, _FITS_FILE, *V1_9[1:])

V1_12: Final[Loader] = (
    _HAS_MEMORY,
    _FITS_FILE,
    *_mapped("MmapRegionError", "VmMemoryError(Error::InvalidGuestRegion)"),
    _disjoint("VmError::VmMemory(Error::MemoryRegionOverlap)"),
    _WHOLE_PAGES,
)
"""v1.12 and v1.13: the order of the regions does not matter any more."""

_SANE_DRAM = (
    _HAS_MEMORY,
    _sane("has a region of DRAM", "NoDramMemory", _no_dram),
    _sane("has one slot in each region of DRAM", "DramMemoryTooManySlots", _dram_slots),
    _sane("has all of DRAM plugged", "DramMemoryUnplugged", _dram_plugged),
)
_INSERTED = _disjoint("VmError::InsertRegion(GuestRegionCollectionError::MemoryRegionOverlap)")

V1_14: Final[Loader] = (
    *_SANE_DRAM,
    _FITS_FILE,
    *_mapped("MmapRegionError", "VmMemoryError"),
    checks.faultless("has slots in each region", "MemoryError::Unaligned", _no_slots),
    _INSERTED,
    checks.faultless(
        "has no empty slot", "panic: division by zero in GuestRegionMmapExt::slot_cnt", _empty_slots
    ),
    _WHOLE_PAGES,
)
"""v1.14 and v1.15."""


def _of_slots(empty: str) -> Loader:
    return (
        *_SANE_DRAM,
        _FITS_FILE,
        *_mapped(empty, "VmMemoryError"),
        checks.faultless("has slots in each region", "MemoryError::ZeroSlots", _no_slots),
        checks.faultless("has slots of one size", "MemoryError::Unaligned", _uneven_slots),
        _INSERTED,
        _WHOLE_PAGES,
    )


V1_16: Final[Loader] = _of_slots("MmapRegionError")

MAIN: Final[Loader] = _of_slots("ZeroSize")
