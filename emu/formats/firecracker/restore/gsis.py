"""Legacy interrupts of main, where each is given to one device.

`allocate_id_at` in `vstate/resources.rs`, called by `register_mmio_*` in `device_manager/mmio.rs`,
`replay_gsi_allocations` in `device_manager/acpi.rs` and `restore` in `device_manager/persist.rs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from emu.formats import checks
from emu.formats.firecracker.restore import mmio
from emu.formats.firecracker.restore.devices import MMIO_MAIN
from emu.formats.loader import Check

LEGACY_COUNT: Final = 96
"""`GSI_LEGACY_NUM`; those of MSI follow."""

_ACPI = "data.device_states.acpi_state"


def _legacy(state: Any) -> Iterator[tuple[str, int]]:
    for device in mmio.legacy(MMIO_MAIN, state):
        path, interrupts = device.interrupts()
        yield from ((path, gsi) for gsi in interrupts)


def _acpi(state: Any) -> Iterator[tuple[str, int]]:
    devices = state.device_states.acpi_state
    yield f"{_ACPI}.vmgenid.gsi", devices.vmgenid.gsi
    yield f"{_ACPI}.vmclock.gsi", devices.vmclock.gsi


def _virtio(state: Any) -> Iterator[tuple[str, int]]:
    for device in mmio.virtio(MMIO_MAIN, state):
        path, interrupts = device.interrupts()
        yield from ((path, gsi) for gsi in interrupts)


_GROUPS = (_legacy, _acpi, _virtio)


def _check(group: int, whose: str, loader_error: str) -> Check:
    """The interrupts of a group are there, and those before have not taken them."""

    def faults(state: Any) -> Iterator[str]:
        taken = {gsi for before in _GROUPS[:group] for _, gsi in before(state)}
        for path, gsi in _GROUPS[group](state):
            if gsi >= LEGACY_COUNT:
                yield f"{path} is {gsi}; expected 0 to {LEGACY_COUNT - 1}"
            if gsi in taken:
                yield f"{path} is {gsi}, which another device has already; expected a free one"
            taken.add(gsi)

    return checks.faultless(f"has interrupts of their own for {whose}", loader_error, faults)


LEGACY: Final = _check(
    0, "serial port and clock", "DevicePersistError::MmioDeviceManager(MmioError::Allocator)"
)
ACPI: Final = _check(1, "VMGenID and VMClock", "ACPIDeviceError::ResourceAllocator")
VIRTIO: Final = _check(
    2, "virtio devices", "DevicePersistError::ResourceAllocator(vm_allocator::Error)"
)
