"""The record of what was handed out, told from the devices of a state.

A state of v1.12 or older has devices from 0x40000000 on, of which the first three windows lie
where later releases have their boot timer, clock and serial port: they are not in the record.
"""

from __future__ import annotations

from collections.abc import Iterator

from emu.arch.pvtime import STOLEN_TIME_SIZE_BYTES
from emu.formats.firecracker import resources
from emu.formats.firecracker.resources import Span
from emu.formats.firecracker.system_memory import VMGENID_SIZE_BYTES
from emu.formats.firecracker.v1_13_resources import AddressAllocator, IdAllocator
from emu.inspect.convert.rules import structs
from emu.inspect.convert.tree import Fields, Leaf, Tree
from emu.inspect.convert.work import Work, find, leaf

_ALLOCATORS = "vm_state.resource_allocator"


def resource_allocator(data: Fields) -> Tree:
    """A `ResourceAllocator` of v1.13 for a state whose devices are on the MMIO bus."""
    system_memory = resources.address_allocator(resources.SYSTEM_MEMORY, _in_system_memory(data))
    return Fields(
        {
            "gsi_legacy_allocator": legacy_gsis(data),
            "gsi_msi_allocator": msi_gsis(data),
            "mmio32_memory": Leaf(resources.address_allocator(resources.MMIO32, _windows(data))),
            "mmio64_memory": nothing_of(resources.MMIO64),
            "system_memory": Leaf(system_memory),
        }
    )


def nothing_of(space: Span) -> Leaf:
    """An `AddressAllocator` that has handed out nothing."""
    return Leaf(resources.address_allocator(space, []))


def legacy_gsis(data: Fields) -> Leaf:
    """An `IdAllocator` of the interrupt lines that devices have."""
    lines = (leaf(struct, "gsi").value for struct in structs(data, "gsi"))
    taken = [gsi for gsi in lines if gsi is not None]
    return Leaf(resources.id_allocator(resources.LEGACY_GSIS, taken))


def msi_gsis(data: Fields) -> Leaf:
    """An `IdAllocator` of the message interrupts that PCI devices have."""
    taken = [gsi for msix in structs(data, "vectors") for gsi in leaf(msix, "vectors").value]
    return Leaf(resources.id_allocator(resources.MSI_GSIS, taken))


def _windows(data: Fields) -> Iterator[Span]:
    for info in structs(data, "len"):
        address = leaf(info, "addr").value
        yield Span(address, address + leaf(info, "len").value - 1)


def _in_system_memory(data: Fields) -> Iterator[Span]:
    vmgenid = find(data, "device_states.acpi_state.vmgenid")
    if isinstance(vmgenid, Fields):
        address = leaf(vmgenid, "addr").value
        yield Span(address, address + VMGENID_SIZE_BYTES - 1)
    for vcpu in structs(data, "pvtime_ipa"):
        record = leaf(vcpu, "pvtime_ipa").value
        if record is not None:
            yield Span(record, record + STOLEN_TIME_SIZE_BYTES - 1)


# --- handing out -------------------------------------------------------------------------------


def hand_out_gsi(work: Work) -> int:
    """A free interrupt line, which is taken from now on."""
    record = leaf(work.data, f"{_ALLOCATORS}.gsi_legacy_allocator")
    assert isinstance(record.value, IdAllocator)
    gsi, allocator = resources.allocate_id(record.value)
    work.change(record, allocator, f"GSI {gsi} is handed out")
    return gsi


def hand_out_system_memory(work: Work, size_bytes: int, alignment_bytes: int) -> int:
    """The address of the highest free bytes in system memory, which are taken from now on."""
    record = leaf(work.data, f"{_ALLOCATORS}.system_memory")
    assert isinstance(record.value, AddressAllocator)
    address, allocator = resources.allocate_last(record.value, size_bytes, alignment_bytes)
    work.change(record, allocator, f"{size_bytes:,} bytes at {address:#x} are handed out")
    return address
