"""What is asked of devices where they are put on the MMIO bus.

`restore` in `device_manager/persist.rs`, `register_mmio_*` in `device_manager/mmio.rs`, `insert`
in `devices/bus.rs` (v1.9 to v1.12), `vm-device/src/bus.rs` (v1.13) and `vstate/bus.rs`;
`SerialDevice::new` in `devices/legacy/serial.rs` with vm-superio 0.8.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from emu.formats import checks
from emu.formats.firecracker.restore.devices import Transport
from emu.formats.firecracker.restore.occupancy import Occupancy, Window
from emu.formats.loader import Check, Loader

WINDOW_SIZE_BYTES: Final = 0x1000
"""`MMIO_LEN`: what up to v1.12 is allocated for a device, whatever its `len` says."""

_ALLOCATOR_BASE = 0x4000_0000
_ALLOCATOR_LAST = 0x8000_0000 - WINDOW_SIZE_BYTES
_ADDRESS_END = 1 << 64
_SERIAL_FIFO_SIZE_BYTES = 64
_LEGACY = ("Serial", "Rtc")


class Placed(NamedTuple):
    """A device on the bus.

    Attributes:
        path: the path of `info`.
        name: "Serial" or "Rtc"; empty for virtio devices.
        info: address, size and interrupt.
    """

    path: str
    name: str
    info: Any

    @property
    def window(self) -> Window:
        """Where it is."""
        return Window(self.path, self.info.addr, self.info.len)

    def interrupts(self) -> tuple[str, list[int]]:
        """The path of the interrupts, and those that there are."""
        if hasattr(self.info, "irqs"):  # up to v1.10
            return f"{self.path}.irqs", self.info.irqs
        field = "irq" if hasattr(self.info, "irq") else "gsi"  # v1.11 and v1.12; later
        interrupt = getattr(self.info, field)
        return f"{self.path}.{field}", [] if interrupt is None else [interrupt]


# --- what is on the bus ------------------------------------------------------------------------


def legacy(transport: Transport, state: Any) -> Iterator[Placed]:
    """The serial port and the real-time clock."""
    platform = getattr(state.device_states, "mmio_platform_state", None)
    return _listed(transport, state) if platform is None else _of_platform(platform)


def _listed(transport: Transport, state: Any) -> Iterator[Placed]:
    for index, device in enumerate(transport.find(state).legacy_devices):
        name = type(device.type_).__name__
        if name in _LEGACY:
            path = f"{transport.path}.legacy_devices[{index}].device_info"
            yield Placed(path, name, device.device_info)


def _of_platform(platform: Any) -> Iterator[Placed]:
    """Those of main."""
    for name in _LEGACY:
        info = getattr(platform, name.lower())
        if info is not None:
            yield Placed(f"data.device_states.mmio_platform_state.{name.lower()}", name, info)


def virtio(transport: Transport, state: Any) -> Iterator[Placed]:
    """The virtio devices of a transport."""
    for path, device in transport.all_devices(state):
        yield Placed(f"{path}.device_info", "", device.device_info)


def _all(transport: Transport, state: Any) -> Iterator[Placed]:
    """All devices on the bus in the order in which they are put there."""
    yield from legacy(transport, state)
    yield from virtio(transport, state)


# --- addresses ---------------------------------------------------------------------------------


def _allocated(transport: Transport) -> Check:
    """Up to v1.12, addresses are allocated as they were: in pages, each once."""

    def faults(state: Any) -> Iterator[str]:
        taken: set[int] = set()
        for path, _, info in _all(transport, state):
            if info.addr % WINDOW_SIZE_BYTES or not _ALLOCATOR_BASE <= info.addr <= _ALLOCATOR_LAST:
                yield (
                    f"{path}.addr is {info.addr:#x}; expected a multiple of "
                    f"{WINDOW_SIZE_BYTES:#x} from {_ALLOCATOR_BASE:#x} to {_ALLOCATOR_LAST:#x}"
                )
            if info.addr in taken:
                yield f"{path}.addr is {info.addr:#x}, which another device has already"
            taken.add(info.addr)

    loader_error = transport.error(transport.manager, "MmioError::Allocator")
    return checks.faultless("has devices at addresses that can be allocated", loader_error, faults)


def _notified(transport: Transport) -> Check:
    """From v1.13: KVM watches the notification register of each virtio device."""

    def faults(state: Any) -> Iterator[str]:
        taken: set[int] = set()
        for path, _, info in virtio(transport, state):
            if info.addr in taken:
                yield f"{path}.addr is {info.addr:#x}, which another virtio device has already"
            taken.add(info.addr)

    loader_error = transport.error(transport.manager, "MmioError::RegisterIoEvent")
    return checks.faultless("has virtio devices at different addresses", loader_error, faults)


def put_on_bus(transport: Transport, state: Any, occupancy: Occupancy) -> Iterator[str]:
    """Put the devices on the bus, and tell what is in the way."""
    for device in _all(transport, state):
        window = device.window
        if not window.size_bytes:
            yield f"{window.path}.len is 0; expected the size of the device's window"
        elif window.end <= _ADDRESS_END:  # v1.16 and later have a check of their own for others
            yield from occupancy.insert(window)


def _inserted(transport: Transport) -> Check:
    return checks.faultless(
        "has devices apart from each other",
        transport.error(transport.manager, "MmioError::BusInsert"),
        lambda state: put_on_bus(transport, state, Occupancy()),
    )


def _ends(transport: Transport) -> Check:
    def faults(state: Any) -> Iterator[str]:
        for device in _all(transport, state):
            if device.window.end > _ADDRESS_END:
                yield f"{device.window} ends behind 2^64; expected a window of the address space"

    loader_error = transport.error(transport.manager, "MmioError::BusInsert")
    return checks.faultless("has devices in the address space", loader_error, faults)


# --- interrupts --------------------------------------------------------------------------------


def _interrupt(transport: Transport) -> Check:
    def faults(state: Any) -> Iterator[str]:
        for device in virtio(transport, state):
            path, interrupts = device.interrupts()
            if len(interrupts) != 1:
                yield f"{path} tells {len(interrupts)} interrupts; a virtio device has one"

    loader_error = transport.error(transport.manager, "MmioError::InvalidIrqConfig")
    return checks.faultless("has an interrupt of each virtio device", loader_error, faults)


def _legacy_interrupts(transport: Transport, loader_error: str, *names: str) -> Check:
    def faults(state: Any) -> Iterator[str]:
        for device in legacy(transport, state):
            path, interrupts = device.interrupts()
            if device.name in names and not interrupts:
                yield f"{path} tells no interrupt; expected that of the device, {device.name}"

    rule = f"has an interrupt of {' and '.join(names)}"
    return checks.faultless(rule, loader_error, faults)


def _serial_fifo(transport: Transport) -> Check:
    def fault(state: Any) -> str | None:
        serial = state.device_states.serial_state
        has_port = any(device.name == "Serial" for device in legacy(transport, state))
        if not has_port or serial is None or len(serial.in_buffer) <= _SERIAL_FIFO_SIZE_BYTES:
            return None
        return (
            f"data.device_states.serial_state.in_buffer has {len(serial.in_buffer)} bytes; the "
            f"port keeps {_SERIAL_FIFO_SIZE_BYTES}"
        )

    loader_error = transport.error("Legacy", "io::Error::other")
    return checks.state("has serial input that fits its buffer", loader_error, fault)


# --- releases ----------------------------------------------------------------------------------


def legacy_of_1_9(transport: Transport) -> Loader:
    """Serial port and clock of v1.9 and v1.10."""
    return (_legacy_interrupts(transport, "panic: index out of bounds: irqs[0]", "Serial"),)


def legacy_of_1_11(transport: Transport) -> Loader:
    """Serial port and clock of v1.11 and v1.12."""
    return (_legacy_interrupts(transport, "panic: unwrap on None: irq", "Serial"),)


def legacy_of_1_13(transport: Transport) -> Loader:
    """Serial port and clock of v1.13 to v1.15."""
    return (_legacy_interrupts(transport, "panic: unwrap on None: gsi", "Serial"),)


def legacy_of_1_16(transport: Transport) -> Loader:
    """Serial port and clock of v1.16."""
    return (_serial_fifo(transport), *legacy_of_1_13(transport))


def legacy_of_main(transport: Transport) -> Loader:
    """Serial port and clock of main."""
    loader_error = transport.error(transport.manager, "MmioError::InvalidIrqConfig")
    return (_serial_fifo(transport), _legacy_interrupts(transport, loader_error, *_LEGACY))


def up_to_1_12(transport: Transport) -> Loader:
    """The bus of v1.9 to v1.12."""
    return (_allocated(transport), _interrupt(transport), _inserted(transport))


def from_1_13(transport: Transport) -> Loader:
    """The bus of v1.13 to v1.15."""
    return (_interrupt(transport), _notified(transport), _inserted(transport))


def from_1_16(transport: Transport, *, gsis: Loader = ()) -> Loader:
    """The bus of v1.16 and later; `gsis` are the checks of interrupts that are allocated."""
    return (
        _interrupt(transport),
        *gsis,
        _notified(transport),
        _ends(transport),
        _inserted(transport),
    )
