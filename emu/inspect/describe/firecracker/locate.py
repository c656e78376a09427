"""Where Firecracker's releases keep things: found by the names of fields, not by release.

What is the same thing has moved about and changed its name; a fork may do so again. Everything
here is missing in some release, so everything may be None or empty.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from emu.arch import pci, virtio
from emu.formats.firecracker.main import PciDevicesState

_KINDS = {
    "balloon_device": virtio.BALLOON,
    "block_devices": virtio.BLOCK,
    "net_devices": virtio.NET,
    "vsock_device": virtio.VSOCK,
    "entropy_device": virtio.RNG,
    "pmem_devices": virtio.PMEM,
    "memory_device": virtio.MEM,
}
"""Types of virtio devices, by the field that holds devices of the type."""

_HELD_BY_ALL = ("vm_info", "vm_state", "vcpu_states", "device_states")


def first(holder: Any, *paths: str) -> Any:
    """What the first path that leads somewhere leads to; None if none does.

    >>> class Vm:
    ...     size = 3
    >>> first(Vm, "memory.size", "size")
    3
    """
    for path in paths:
        found = holder
        for name in path.split("."):
            found = getattr(found, name, None)
        if found is not None:
            return found
    return None


def is_microvm_state(state: Any) -> bool:
    """Whether a state is Firecracker's, of any release or of a fork."""
    return all(hasattr(state, name) for name in _HELD_BY_ALL)


# --- the VM ------------------------------------------------------------------------------------


def kvm_cap_modifiers(state: Any) -> list[str]:
    """Changes to the list of capabilities that Firecracker asks of KVM."""
    found = first(state, "kvm_state.kvm_cap_modifiers", "vm_state.kvm_cap_modifiers")
    return list(found or ())


def allocators(state: Any) -> Any:
    """The record of what was handed out."""
    return first(state, "vm_state.resource_allocator")


# --- devices -----------------------------------------------------------------------------------


def virtio_devices(state: Any) -> Iterator[tuple[virtio.DeviceType, Any]]:
    """Each virtio device with its type, those on the MMIO bus first."""
    for group in _groups(state):
        for field in dataclasses.fields(group):
            kind = _KINDS.get(field.name)
            if kind:
                yield from ((kind, device) for device in _as_list(getattr(group, field.name)))


def mmds(state: Any) -> Any:
    """The metadata service: a struct, or just its version."""
    found = (first(group, "mmds", "mmds_version") for group in _groups(state))
    return next((service for service in found if service is not None), None)


def pci_enabled(state: Any) -> bool | None:
    """Whether there is a PCI bus; None if the release has none."""
    devices = state.device_states
    if hasattr(devices, "virtio_state"):
        return type(devices.virtio_state) is PciDevicesState
    enabled: bool | None = first(devices, "pci_state.pci_enabled")
    return enabled


def platform_devices(state: Any) -> Iterator[tuple[str, Any]]:
    """The kind of each device that is neither virtio nor ACPI, and the `MMIODeviceInfo` of it."""
    legacy = first(state, "device_states.mmio_state.legacy_devices", "device_states.legacy_devices")
    for device in legacy or ():
        yield type(device.type_).__name__.lower(), device.device_info
    for kind in ("serial", "rtc"):
        info = first(state, f"device_states.mmio_platform_state.{kind}")
        if info is not None:
            yield kind, info


def serial(state: Any) -> Any:
    """The registers of the serial port."""
    return first(state, "device_states.serial_state")


def acpi_devices(state: Any) -> Any:
    """VMGenID and VMClock."""
    return first(state, "acpi_dev_state", "device_states.acpi_state")


def _groups(state: Any) -> Iterator[Any]:
    """The structs that hold virtio devices."""
    devices = state.device_states
    found = [first(devices, name) for name in ("virtio_state", "mmio_state", "pci_state")]
    groups = [group for group in found if group is not None]
    yield from groups or [devices]


def _as_list(devices: Any) -> list[Any]:
    if devices is None:
        return []
    return devices if isinstance(devices, list) else [devices]


# --- places ------------------------------------------------------------------------------------


def gsis(info: Any) -> tuple[int, ...]:
    """The interrupts of a device, by its `MMIODeviceInfo`."""
    found = first(info, "irqs", "irq", "gsi")
    if found is None:
        return ()
    return tuple(found) if isinstance(found, list) else (found,)


def pci_address(device: Any) -> str:
    """Segment, bus, device and function of a device on a PCI bus."""
    number = first(device, "sbdf._0", "pci_device_bdf")
    return pci.address_text(number)


def msix_gsis(transport: Any) -> list[int]:
    """The GSIs of a device's MSI-X interrupts."""
    return list(first(transport, "msix_state.vectors", "msi_vector_group") or ())


def bar_words(transport: Any) -> list[tuple[int, int]]:
    """What the base address registers of a device read: address, and size as a mask."""
    bars = first(transport, "bars.bars", "pci_configuration_state.bars") or ()
    return [
        (first(bar, "encoded_addr", "addr"), first(bar, "encoded_size", "size")) for bar in bars
    ]
