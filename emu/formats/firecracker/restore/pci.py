"""What is asked of devices where they are put on the PCI bus.

`restore_pci_device`, `attach_common` and `register_bars_with_bus` in `device_manager/pci_mngr.rs`;
`VirtioPciDevice::new_from_state` in `devices/virtio/transport/pci/device.rs`; `type0_from_state` in
`pci/configuration.rs` (v1.13: `PciConfiguration::new` in `src/pci/src/configuration.rs`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from emu.formats import checks
from emu.formats.firecracker.restore import mmio, msix, queues
from emu.formats.firecracker.restore.devices import KINDS, MEM, Transport, transport_check
from emu.formats.firecracker.restore.guest_memory import GuestMemory
from emu.formats.firecracker.restore.occupancy import Occupancy, Window
from emu.formats.firecracker.restore.virtio import lacks_unplugged_inaccessible
from emu.formats.loader import Check, Loader

REGISTER_COUNT: Final = 1024
BAR_COUNT: Final = 6
CFG_CAP_SIZE_BYTES: Final = 18
"""`VirtioPciCfgCap`."""

BAR_SIZE_BYTES: Final = 0x8_0000
"""`CAPABILITY_BAR_SIZE`."""

_ECAM = Window("the PCI configuration space", 0x7000_0000, 0x10_0000)
_ADDRESS_END = 1 << 64
_STATUS_INIT = 0
_STATUS_RUNNING = 0xF
_ROOT_DEVICE = 0

# --- configuration space -----------------------------------------------------------------------


def _length(field: str, expected: int) -> Callable[[str, Any], Iterator[str]]:
    def faults(path: str, device: Any) -> Iterator[str]:
        found = len(getattr(device.pci_configuration_state, field))
        if found != expected:
            yield (
                f"{path}.pci_configuration_state.{field} has {found} entries; expected {expected}"
            )

    return faults


def _cfg_cap(path: str, device: Any) -> Iterator[str]:
    if len(device.cap_pci_cfg) != CFG_CAP_SIZE_BYTES:
        yield (
            f"{path}.cap_pci_cfg has {len(device.cap_pci_cfg)} bytes; expected {CFG_CAP_SIZE_BYTES}"
        )


def _driver_status(path: str, device: Any) -> Iterator[str]:
    status = device.pci_dev_state.driver_status
    if device.device_activated and status not in {_STATUS_INIT, _STATUS_RUNNING}:
        yield (
            f"{path}.pci_dev_state.driver_status is {status:#x}, but the device is activated; "
            f"expected {_STATUS_RUNNING:#x}, or {_STATUS_INIT:#x} during a reset"
        )


def _region_type(path: str, device: Any) -> Iterator[str]:
    found = device.bar_configuration.region_type.value
    if found != "Memory64BitRegion":
        yield (
            f"{path}.bar_configuration.region_type is {found}; Firecracker's devices have a "
            "Memory64BitRegion"
        )


def _lengths_panic(transport: Transport) -> Loader:
    """v1.13 to v1.15."""
    lengths = {"registers": REGISTER_COUNT, "writable_bits": REGISTER_COUNT, "bars": BAR_COUNT}
    return tuple(
        transport_check(
            transport,
            f"has all {field} of each PCI device",
            f"panic: unwrap on Vec::try_into: {field}",
            _length(field, expected),
        )
        for field, expected in lengths.items()
    )


def _lengths_checked(transport: Transport) -> Loader:
    """v1.16 and later."""
    variants = {"registers": "InvalidRegistersLength", "writable_bits": "InvalidWritableBitsLength"}
    return tuple(
        transport_check(
            transport,
            f"has all {field} of each PCI device",
            transport.error(transport.manager, f"PciConfigurationError::{variant}"),
            _length(field, REGISTER_COUNT),
        )
        for field, variant in variants.items()
    )


# --- bus ---------------------------------------------------------------------------------------


def _bar(path: str, device: Any) -> Window:
    """The guest addresses of a device's registers."""
    if hasattr(device, "bar_configuration"):  # v1.13
        bar = device.bar_configuration
        return Window(path, bar.addr, bar.size)
    if hasattr(device, "bar_address"):  # v1.14 and v1.15; main
        return Window(path, device.bar_address, BAR_SIZE_BYTES)
    low, high = device.bars.bars[:2]
    return Window(path, high.encoded_addr << 32 | low.encoded_addr & ~0xF, BAR_SIZE_BYTES)


def _configuration_space(pci: Transport, on_mmio: Transport, loader_error: str) -> Check:
    def faults(state: Any) -> Iterator[str]:
        if pci.find(state) is not None:
            occupancy = Occupancy()
            list(mmio.put_on_bus(on_mmio, state, occupancy))
            yield from occupancy.insert(_ECAM)

    return checks.faultless("has a PCI bus apart from other devices", loader_error, faults)


def _bars(pci: Transport, on_mmio: Transport, *, ends: bool) -> Check:
    """The devices are apart; `ends` if they must be in the address space, as from v1.16."""

    def faults(state: Any) -> Iterator[str]:
        occupancy = Occupancy()
        list(mmio.put_on_bus(on_mmio, state, occupancy))
        list(occupancy.insert(_ECAM))
        for path, device in pci.transport_states(state):
            window = _bar(path, device)
            if not window.size_bytes:
                yield f"{path}.bar_configuration.size is 0; expected {BAR_SIZE_BYTES:#x}"
            elif window.end <= _ADDRESS_END:
                yield from occupancy.insert(window)
            elif ends:
                yield f"{window} ends behind 2^64; expected registers in the address space"

    loader_error = pci.error(pci.manager, "PciManagerError::Bus")
    return checks.faultless("has PCI devices apart from each other", loader_error, faults)


def _notified(transport: Transport) -> Check:
    """On main KVM is told of the notification registers first."""

    def faults(state: Any) -> Iterator[str]:
        taken: set[int] = set()
        for path, device in transport.transport_states(state):
            if device.bar_address in taken:
                yield f"{path}.bar_address is {device.bar_address:#x}, which another device has"
            taken.add(device.bar_address)

    loader_error = transport.error(transport.manager, "PciManagerError::Kvm")
    return checks.faultless("has PCI devices at different addresses", loader_error, faults)


def _device_numbers(transport: Transport) -> Check:
    def faults(state: Any) -> Iterator[str]:
        taken = {_ROOT_DEVICE}
        for path, device in transport.transport_states(state):
            number = device.sbdf._0 >> 3 & 0x1F
            if number in taken:
                yield (
                    f"{path}.sbdf is {device.sbdf._0:#x}, device {number}, which is taken; "
                    "expected a device number of its own, from 1"
                )
            taken.add(number)

    loader_error = transport.error(transport.manager, "PciRootError::DuplicateDeviceId")
    return checks.faultless("has device numbers of their own", loader_error, faults)


def _activated(transport: Transport) -> Check:
    """On main errors of activation count; before, nobody looks at them."""

    def faults(state: Any) -> Iterator[str]:
        memory = GuestMemory(state)
        for kind in KINDS:
            for path, device, virtio in transport.virtio_states(state, kind):
                if not device.transport_state.device_activated:
                    continue
                if kind is MEM:
                    yield from lacks_unplugged_inaccessible(path, virtio)
                for index, queue in enumerate(virtio.queues):
                    yield from queues.activated_faults(f"{path}.queues[{index}]", queue, memory)

    loader_error = transport.error(transport.manager, "VirtioPciDeviceError::Activate")
    return checks.faultless("has PCI devices that can be activated", loader_error, faults)


# --- releases ----------------------------------------------------------------------------------


def bus_of_1_13(pci: Transport, on_mmio: Transport) -> Loader:
    """The bus itself, v1.13 to v1.15."""
    return (
        _configuration_space(pci, on_mmio, "DevicePersistError::PciRestore(PciManagerError::Bus)"),
    )


def bus_of_1_16(pci: Transport, on_mmio: Transport) -> Loader:
    """The bus itself, v1.16 and later."""
    loader_error = pci.error(pci.manager, "PciManagerError::Bus")
    return (_configuration_space(pci, on_mmio, loader_error),)


def _has_cfg_cap(transport: Transport, loader_error: str) -> Check:
    return transport_check(transport, "has capabilities of their size", loader_error, _cfg_cap)


def _configured_or_panic(transport: Transport) -> Loader:
    """v1.13 to v1.15."""
    return (
        *_lengths_panic(transport),
        _has_cfg_cap(transport, "panic: unwrap on None: VirtioPciCfgCap::from_slice"),
    )


def _configured(transport: Transport) -> Loader:
    """v1.16 and later."""
    manager = transport.manager
    return (
        *_lengths_checked(transport),
        transport_check(
            transport,
            "has drivers as far as their devices",
            transport.error(manager, "VirtioPciDeviceError::InvalidRestoreState"),
            _driver_status,
        ),
        _has_cfg_cap(
            transport, transport.error(manager, "PciConfigurationError::InvalidCapPciCfgLength")
        ),
    )


def of_1_13(pci: Transport, on_mmio: Transport) -> Loader:
    """The devices of v1.13."""
    return (
        *msix.of_1_13(pci),
        *_configured_or_panic(pci),
        transport_check(
            pci,
            "has PCI devices with 64-bit addresses",
            "panic: assertion failed: bar.region_type",
            _region_type,
        ),
        _bars(pci, on_mmio, ends=False),
    )


def of_1_14(pci: Transport, on_mmio: Transport) -> Loader:
    """The devices of v1.14 and v1.15."""
    return (*msix.of_1_14(pci), *_configured_or_panic(pci), _bars(pci, on_mmio, ends=False))


def of_1_16(pci: Transport, on_mmio: Transport) -> Loader:
    """The devices of v1.16."""
    return (
        *msix.of_1_14(pci),
        *_configured(pci),
        _device_numbers(pci),
        _bars(pci, on_mmio, ends=True),
    )


def of_main(pci: Transport, on_mmio: Transport) -> Loader:
    """The devices of main."""
    return (
        *msix.of_main(pci),
        *_configured(pci),
        _activated(pci),
        _notified(pci),
        _device_numbers(pci),
        _bars(pci, on_mmio, ends=True),
    )
