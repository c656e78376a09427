"""What Firecracker asks of a state that it has read, as far as no host is needed to tell.

`restore_from_snapshot` in `src/vmm/src/persist.rs` makes a machine configuration of the state,
checks the regions of guest memory, maps them, and gives the rest to `build_microvm_from_snapshot`
in `builder.rs`: vCPUs, interrupt controller, devices. Read at the tags v1.9.1, v1.10.1, v1.11.0,
v1.12.1, v1.13.0, v1.14.4, v1.15.1, v1.16.1 and on main at commit 81b38b9dad.

An error goes by its outermost name that tells the part, with the innermost one in parentheses; a
panic by what panics. Where the code goes through a list and makes several checks of each item,
here each check goes through the list: of two faults in different items the other may be told.

What KVM refuses on every host is checked too, where a hand-edited file may well have it wrong.
What depends on the host is not: the memory file, disks and TAP devices, capabilities, registers.
"""

from __future__ import annotations

from typing import Final

from emu.formats.firecracker.restore import (
    acpi,
    gic,
    gsis,
    machine,
    memory,
    mmio,
    pci,
    vcpus,
    virtio,
)
from emu.formats.firecracker.restore.devices import (
    MMIO_MAIN,
    MMIO_V1_9,
    MMIO_V1_13,
    MMIO_V1_16,
    PCI_MAIN,
    PCI_V1_13,
    PCI_V1_16,
    Transport,
)
from emu.formats.firecracker.restore.guest_memory import regions as memory_regions
from emu.formats.loader import Loader

__all__ = [
    "MAIN",
    "V1_9",
    "V1_10",
    "V1_11",
    "V1_12",
    "V1_13",
    "V1_14",
    "V1_15",
    "V1_16",
    "memory_regions",
]

V1_9: Final[Loader] = (
    *machine.V1_9,
    *memory.V1_9,
    *vcpus.V1_9,
    *gic.V1_9,
    *mmio.legacy_of_1_9(MMIO_V1_9),
    *virtio.up_to_1_12(MMIO_V1_9, of_1_9=True),
    *mmio.up_to_1_12(MMIO_V1_9),
    *acpi.V1_9,
)

V1_10: Final[Loader] = (
    *machine.V1_9,
    *memory.V1_9,
    *vcpus.V1_9,
    *gic.V1_9,
    *mmio.legacy_of_1_9(MMIO_V1_9),
    *virtio.up_to_1_12(MMIO_V1_9),
    *mmio.up_to_1_12(MMIO_V1_9),
    *acpi.V1_9,
)
"""v1.10.0 and v1.10.1."""

_DEVICES_V1_11: Loader = (
    *mmio.legacy_of_1_11(MMIO_V1_9),
    *virtio.up_to_1_12(MMIO_V1_9),
    *mmio.up_to_1_12(MMIO_V1_9),
    *acpi.V1_9,
)

V1_11: Final[Loader] = (
    *machine.V1_11,
    *memory.V1_11,
    *vcpus.V1_9,
    *gic.V1_9,
    *_DEVICES_V1_11,
)

V1_12: Final[Loader] = (
    *machine.V1_11,
    *memory.V1_12,
    *vcpus.V1_12,
    *gic.V1_9,
    *_DEVICES_V1_11,
)

V1_13: Final[Loader] = (
    *machine.V1_11,
    *memory.V1_12,
    *vcpus.V1_13,
    *gic.V1_13,
    *mmio.legacy_of_1_13(MMIO_V1_13),
    *virtio.of_1_13(MMIO_V1_13, needs_mmds=True),
    *mmio.from_1_13(MMIO_V1_13),
    *acpi.V1_13,
    *pci.bus_of_1_13(PCI_V1_13, MMIO_V1_13),
    *virtio.of_1_13(PCI_V1_13, needs_mmds=False),
    *pci.of_1_13(PCI_V1_13, MMIO_V1_13),
)


def _virtio_mmio(transport: Transport, *, pmem_limited: bool) -> Loader:
    return virtio.from_1_14(transport, needs_mmds=True, pmem_limited=pmem_limited)


def _virtio_pci(transport: Transport, *, pmem_limited: bool) -> Loader:
    return virtio.from_1_14(transport, needs_mmds=False, pmem_limited=pmem_limited)


_MMIO_V1_14: Loader = (
    *mmio.legacy_of_1_13(MMIO_V1_13),
    *_virtio_mmio(MMIO_V1_13, pmem_limited=False),
    *mmio.from_1_13(MMIO_V1_13),
    *virtio.activation(MMIO_V1_13),
)
_PCI_V1_14: Loader = (
    *pci.bus_of_1_13(PCI_V1_13, MMIO_V1_13),
    *_virtio_pci(PCI_V1_13, pmem_limited=False),
    *pci.of_1_14(PCI_V1_13, MMIO_V1_13),
)

V1_14: Final[Loader] = (
    *machine.V1_11,
    *memory.V1_14,
    *vcpus.V1_13,
    *gic.V1_13,
    *_MMIO_V1_14,
    *acpi.V1_14,
    *_PCI_V1_14,
)

V1_15: Final[Loader] = (
    *machine.V1_11,
    *memory.V1_14,
    *vcpus.V1_13,
    *gic.V1_15,
    *_MMIO_V1_14,
    *acpi.V1_15,
    *_PCI_V1_14,
)

V1_16: Final[Loader] = (
    *machine.V1_11,
    *memory.V1_16,
    *vcpus.V1_16,
    *gic.V1_15,
    *mmio.legacy_of_1_16(MMIO_V1_16),
    *_virtio_mmio(MMIO_V1_16, pmem_limited=True),
    *mmio.from_1_16(MMIO_V1_16),
    *virtio.activation(MMIO_V1_16),
    *acpi.V1_15,
    *pci.bus_of_1_16(PCI_V1_16, MMIO_V1_16),
    *_virtio_pci(PCI_V1_16, pmem_limited=True),
    *pci.of_1_16(PCI_V1_16, MMIO_V1_16),
)

MAIN: Final[Loader] = (
    *machine.V1_11,
    *memory.MAIN,
    *vcpus.V1_16,
    *gic.V1_15,
    *mmio.legacy_of_main(MMIO_MAIN),
    gsis.LEGACY,
    gsis.ACPI,
    *acpi.MAIN,
    *_virtio_mmio(MMIO_MAIN, pmem_limited=True),
    *mmio.from_1_16(MMIO_MAIN, gsis=(gsis.VIRTIO,)),
    *virtio.activation(MMIO_MAIN),
    *pci.bus_of_1_16(PCI_MAIN, MMIO_MAIN),
    *_virtio_pci(PCI_MAIN, pmem_limited=True),
    *pci.of_main(PCI_MAIN, MMIO_MAIN),
)
"""The main branch."""
