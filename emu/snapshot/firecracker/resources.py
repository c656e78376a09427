"""The record of what was handed out: Firecracker's `ResourceAllocator`, saved from v1.13 on.

Source: `src/vmm/src/vstate/resources.rs` of v1.13.0 to v1.16.1 and of the main branch, which does
not save interrupts: it takes them anew as it restores the devices that have them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from emu.boards.board import Board
from emu.core.allocator import ResourceAllocator
from emu.core.allocator_state import (
    Data,
    addresses_from_data,
    addresses_to_data,
    gsis_from_data,
    gsis_to_data,
)
from emu.errors import IncompatibleError
from emu.formats.format import Format
from emu.wire.facts import facts_of, value_of
from emu.wire.nodes import field_node, has_field

_PATH: Final = ("data", "vm_state", "resource_allocator")
_GSIS: Final = {"gsi_legacy_allocator": "gsis", "gsi_msi_allocator": "msi_gsis"}
_ADDRESSES: Final = {
    "mmio32_memory": "mmio32",
    "mmio64_memory": "mmio64",
    "past_mmio64_memory": "past_mmio64",
    "system_memory": "system_memory",
}
"""Fields of the state, and of `emu.core.allocator.ResourceAllocator`."""


def save_resources(form: Format, resources: ResourceAllocator) -> Any:
    """The value of `data.vm_state.resource_allocator`; None before v1.13, where it is not saved."""
    if not has_field(form.schema, *_PATH):
        return None
    gsis = {field: gsis_to_data(getattr(resources, name)) for field, name in _GSIS.items()}
    addresses = {
        field: addresses_to_data(getattr(resources, name)) for field, name in _ADDRESSES.items()
    }
    return value_of(field_node(form.schema, *_PATH), {**gsis, **addresses})


def restore_resources(saved: Any, board: Board, taken_gsis: Iterable[int]) -> ResourceAllocator:
    """What a machine has left to hand out.

    Args:
        saved: the value of `data.vm_state.resource_allocator`.
        board: that of the release.
        taken_gsis: those of its devices, for a release that does not save them.

    Raises:
        IncompatibleError: an allocator is none that Firecracker can have saved, or two devices have
            the same GSI.
    """
    data = facts_of(saved)
    resources = board.resource_allocator()
    for names, read in ((_ADDRESSES, addresses_from_data), (_GSIS, gsis_from_data)):
        for field, name in names.items():
            if field in data:
                setattr(resources, name, _read(field, read, data[field]))
    if "gsi_legacy_allocator" not in data:
        _take(resources, taken_gsis)
    return resources


def _read(field: str, read: Callable[[Data], Any], data: Data) -> Any:
    try:
        return read(data)
    except IncompatibleError as error:
        raise IncompatibleError(f"data.vm_state.resource_allocator.{field}: {error}") from None


def _take(resources: ResourceAllocator, gsis: Iterable[int]) -> None:
    taken: set[int] = set()
    for gsi in gsis:
        if gsi in taken or gsi not in resources.gsis.gsis:
            raise IncompatibleError(
                f"a device has the GSI {gsi}; expected one of {resources.gsis.gsis.start} to "
                f"{resources.gsis.gsis.stop - 1} that no other device has"
            )
        taken.add(gsi)
        resources.gsis.allocate_at(gsi)
