"""What is asked of VMGenID and VMClock: that they are in guest memory.

`restore` in `device_manager/persist.rs`, `devices/acpi/vmgenid.rs` and `devices/acpi/vmclock.rs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from emu.formats import checks
from emu.formats.firecracker.resources import SYSTEM_MEMORY
from emu.formats.firecracker.restore.guest_memory import GuestMemory
from emu.formats.firecracker.system_memory import (
    VMCLOCK_WRITTEN_SIZE_BYTES,
    VMGENID_ALIGNMENT_BYTES,
    VMGENID_SIZE_BYTES,
)
from emu.formats.loader import Check, Loader

_Devices = Callable[[Any], Iterator[tuple[str, int]]]
"""Path and value of the address of a device."""


def _vmgenid_of_1_9(state: Any) -> Iterator[tuple[str, int]]:
    if state.acpi_dev_state.vmgenid is not None:
        yield "data.acpi_dev_state.vmgenid.addr", state.acpi_dev_state.vmgenid.addr


def _vmgenid(state: Any) -> Iterator[tuple[str, int]]:
    device = state.device_states.acpi_state.vmgenid
    if device is not None:
        yield "data.device_states.acpi_state.vmgenid.addr", device.addr


def _vmclock(state: Any) -> Iterator[tuple[str, int]]:
    device = state.device_states.acpi_state.vmclock
    yield "data.device_states.acpi_state.vmclock.guest_address", device.guest_address


def _unallocatable(state: Any) -> Iterator[str]:
    first, last = SYSTEM_MEMORY.first, SYSTEM_MEMORY.last + 1 - VMGENID_SIZE_BYTES
    for path, address in _vmgenid_of_1_9(state):
        if address % VMGENID_ALIGNMENT_BYTES or not first <= address <= last:
            yield (
                f"{path} is {address:#x}; expected a multiple of {VMGENID_ALIGNMENT_BYTES} from "
                f"{first:#x} to {last:#x}"
            )


def _written(
    name: str, loader_error: str, devices: _Devices, size_bytes: int, *, plugged: bool = False
) -> Check:
    """The device can write to guest memory; `plugged` if it looks whether that is plugged in."""

    def faults(state: Any) -> Iterator[str]:
        memory = GuestMemory(state)
        reaches, what = (memory.plugs, "plugged-in RAM") if plugged else (memory.spans, "RAM")
        for path, address in devices(state):
            if not reaches(address, size_bytes):
                yield f"{path} is {address:#x}; expected {size_bytes} bytes of {what} there"

    return checks.faultless(f"has {name} in guest memory", loader_error, faults)


def _vmgenid_written(loader_error: str, devices: _Devices, *, plugged: bool = False) -> Check:
    return _written("VMGenID", loader_error, devices, VMGENID_SIZE_BYTES, plugged=plugged)


def _from_1_15(*, plugged: bool) -> Loader:
    return (
        _vmgenid_written(
            "ACPIDeviceError::VmGenId(VmGenIdError::WriteGuestMemory)", _vmgenid, plugged=plugged
        ),
        _written(
            "VMClock",
            "ACPIDeviceError::VmClock(VmClockError::WriteGuestMemory)",
            _vmclock,
            VMCLOCK_WRITTEN_SIZE_BYTES,
            plugged=plugged,
        ),
    )


V1_9: Final[Loader] = (
    checks.faultless(
        "has VMGenID in system memory",
        "ACPIDeviceManagerRestoreError::VMGenID(VmGenIdError::Allocator)",
        _unallocatable,
    ),
    _vmgenid_written(
        "ACPIDeviceManagerRestoreError::VMGenID(VmGenIdError::GuestMemory)", _vmgenid_of_1_9
    ),
)
"""v1.9 to v1.12."""

V1_13: Final[Loader] = (
    _vmgenid_written("ACPIDeviceManagerRestoreError::VMGenID(VmGenIdError::GuestMemory)", _vmgenid),
)

V1_14: Final[Loader] = (_vmgenid_written("ACPIDeviceError::WriteGuestMemory", _vmgenid),)

V1_15: Final[Loader] = _from_1_15(plugged=False)
"""v1.15 and v1.16."""

MAIN: Final[Loader] = _from_1_15(plugged=True)
