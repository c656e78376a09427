"""Virtio over MMIO: the transport that connects any virtio device to a machine.

Sources: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 4.2 and, for the status, 2.1 and 3.1. Its
state is what Firecracker saves, and where the specification leaves a choice it does as Firecracker
v1.9.0 to v1.16.1 do (`src/vmm/src/devices/virtio/transport/mmio.rs`; up to v1.12
`devices/virtio/mmio.rs`):

* Registers answer aligned accesses of four bytes; others read as zero and are not written.
* The driver has to set its status bits one by one, in order. What is not such a step is ignored.
* Queues are programmed between FEATURES_OK and DRIVER_OK, and only then. Of QueueNum 16 bits count.

Where it differs, because the specification asks for it: features are refused (FEATURES_OK stays 0)
if they were not offered or VERSION_1 is not among them; a register of a queue that is ready can't
be written; a queue can be stopped at any time, by 0 in QueueReady; not all queues have to be ready
at DRIVER_OK; and a driver that breaks the rules of a queue sets DEVICE_NEEDS_RESET.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

from emu.arch.virtio import DeviceStatus, Feature, InterruptStatus
from emu.arch.virtio_mmio import CONFIG_OFFSET, MAGIC, READ_ONLY, VERSION, VIRTIO_MMIO, WRITE_ONLY
from emu.core.ports import IrqLine
from emu.devices.virtio.device import VirtioDevice
from emu.devices.virtio.virtqueue import QueueState
from emu.errors import DriverError, IncompatibleError

_U32: Final = 0xFFFF_FFFF

_ACKNOWLEDGE: Final = DeviceStatus.ACKNOWLEDGE.mask
_DRIVER: Final = DeviceStatus.DRIVER.mask
_FEATURES_OK: Final = DeviceStatus.FEATURES_OK.mask
_DRIVER_OK: Final = DeviceStatus.DRIVER_OK.mask
_FAILED: Final = DeviceStatus.FAILED.mask
_NEEDS_RESET: Final = DeviceStatus.DEVICE_NEEDS_RESET.mask

_NEXT_STATUS: Final = {
    0: _ACKNOWLEDGE,
    _ACKNOWLEDGE: _ACKNOWLEDGE | _DRIVER,
    _ACKNOWLEDGE | _DRIVER: _ACKNOWLEDGE | _DRIVER | _FEATURES_OK,
    _ACKNOWLEDGE | _DRIVER | _FEATURES_OK: _ACKNOWLEDGE | _DRIVER | _FEATURES_OK | _DRIVER_OK,
}
"""The steps of initialization (3.1.1)."""

_ADDRESSES: Final = {
    "QueueDescLow": ("desc_table", 0),
    "QueueDescHigh": ("desc_table", 32),
    "QueueDriverLow": ("avail_ring", 0),
    "QueueDriverHigh": ("avail_ring", 32),
    "QueueDeviceLow": ("used_ring", 0),
    "QueueDeviceHigh": ("used_ring", 32),
}
"""Which half of what each register programs: the field of `QueueState`, and the lowest bit."""


_CONSTANT: Final = {
    "MagicValue": MAGIC,
    "Version": VERSION,
    "VendorID": 0,
    "QueueReset": 0,
    "SHMLenLow": _U32,
    "SHMLenHigh": _U32,
    "SHMBaseLow": _U32,
    "SHMBaseHigh": _U32,
}
"""What is always the same. All ones is the length and base of shared memory where there is none
(4.2.2)."""

_BY_OFFSET: Final = {slot.offset: slot.name for slot in VIRTIO_MMIO.slots}

_KEPT: Final = {
    "DeviceFeaturesSel": "features_select",
    "DriverFeaturesSel": "acked_features_select",
    "QueueSel": "queue_select",
    "InterruptStatus": "interrupt_status",
    "Status": "device_status",
    "ConfigGeneration": "config_generation",
}
"""The registers that are state, and the field of `MmioTransportState` that has each."""


@dataclass(slots=True, kw_only=True)
class MmioTransportState:
    """The transport's registers, each of 32 bits; the defaults are those after reset.

    Attributes:
        features_select: DeviceFeaturesSel.
        acked_features_select: DriverFeaturesSel.
        queue_select: QueueSel.
        device_status: Status.
        config_generation: ConfigGeneration.
        interrupt_status: InterruptStatus.
    """

    features_select: int = 0
    acked_features_select: int = 0
    queue_select: int = 0
    device_status: int = 0
    config_generation: int = 0
    interrupt_status: int = 0

    def check(self, where: str) -> None:
        """Raise `IncompatibleError` for a value that no register can hold; `where` it is."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= _U32:
                raise IncompatibleError(f"{where}: {field.name} is {value:#x}, not of 32 bits")


class VirtioMmio:
    """A virtio device in its MMIO window of 4 KiB.

    Args:
        device: the device; it is connected to this transport for good.
        irq: its interrupt (edge, rising).
        can_reset: whether the driver can reset a device that it has started; if it can't, FAILED
            tells it so, and stays.
        counts_config_changes: whether ConfigGeneration goes up with each change of the
            configuration space.
    """

    def __init__(
        self,
        device: VirtioDevice,
        irq: IrqLine,
        *,
        can_reset: bool = True,
        counts_config_changes: bool = True,
    ) -> None:
        self.device = device
        self._irq = irq
        self._can_reset = can_reset
        self._counts_config_changes = counts_config_changes
        self._state = MmioTransportState()
        device.connect(self)

    def state(self) -> MmioTransportState:
        """A copy of the transport's state; the device has its own."""
        return replace(self._state)

    def load_state(self, state: MmioTransportState) -> None:
        """Become `state`. No interrupt is raised.

        Raises:
            IncompatibleError: `state` has a value that no register can hold.
        """
        state.check(f"state of the device {self.device.name}")
        self._state = replace(state)

    # --- the device's way to its driver --------------------------------------------------------

    @property
    def needs_reset(self) -> bool:
        """Whether DEVICE_NEEDS_RESET is set."""
        return bool(self._state.device_status & _NEEDS_RESET)

    def notify_used(self) -> None:
        """Interrupt: buffers were given back."""
        self._interrupt(InterruptStatus.USED_BUFFER.mask)

    def notify_configuration(self) -> None:
        """Interrupt: the configuration space has changed."""
        if self._counts_config_changes:
            self._state.config_generation = self._state.config_generation + 1 & _U32
        if self._has(_DRIVER_OK):
            self._interrupt(InterruptStatus.CONFIGURATION.mask)

    def fail(self) -> None:
        """Set DEVICE_NEEDS_RESET, and tell a driver that has started the device (2.1.2)."""
        self._state.device_status |= _NEEDS_RESET
        if self._has(_DRIVER_OK):
            self._interrupt(InterruptStatus.CONFIGURATION.mask)

    # --- the driver's way to the device --------------------------------------------------------

    def read(self, offset: int, size: int, /) -> int:
        """Load `size` bytes."""
        if offset >= CONFIG_OFFSET:
            return self._read_config(offset - CONFIG_OFFSET, size)
        name = self._register_at(offset, size, WRITE_ONLY, "read")
        return 0 if name is None else self._read_register(name)

    def write(self, offset: int, size: int, value: int, /) -> None:
        """Store `size` bytes."""
        if offset >= CONFIG_OFFSET:
            self._write_config(offset - CONFIG_OFFSET, value.to_bytes(size, "little"))
            return
        name = self._register_at(offset, size, READ_ONLY, "written")
        if name is not None:
            self._write_register(name, value)

    # --- inside ------------------------------------------------------------------------------

    def _register_at(self, offset: int, size: int, denied: frozenset[str], what: str) -> str | None:
        name = _BY_OFFSET.get(offset)
        if name is None or size != 4 or name in denied:
            self.device.tell_violation(
                f"{size} bytes at {offset:#x} are {what}; no register takes that"
            )
            return None
        return name

    def _read_register(self, name: str) -> int:
        queue = self._queue()
        match name:
            case "DeviceID":
                return self.device.type.id
            case "DeviceFeatures":
                return _page(self.device.avail_features, self._state.features_select)
            case "QueueNumMax":
                return queue.max_size if queue else 0
            case "QueueReady":
                return int(queue.ready) if queue else 0
            case _ if name in _CONSTANT:
                return _CONSTANT[name]
            case _:
                value: int = getattr(self._state, _KEPT[name])
                return value

    def _write_register(self, name: str, value: int) -> None:
        match name:
            case "DriverFeatures":
                self._accept_features(value)
            case "QueueNotify":
                self._notified(value)
            case "InterruptACK":
                self._state.interrupt_status &= ~value
            case "Status":
                self._set_status(value)
            case "SHMSel":
                pass  # there is no shared memory to select
            case _ if name in _KEPT:
                setattr(self._state, _KEPT[name], value)
            case _:
                self._program_queue(name, value)

    def _queue(self) -> QueueState | None:
        """The queue that is selected; None if there is none."""
        queues, index = self.device.queues, self._state.queue_select
        return queues[index].state if index < len(queues) else None

    def _has(self, bits: int) -> bool:
        return self._state.device_status & bits == bits

    def _accept_features(self, value: int) -> None:
        page = self._state.acked_features_select
        if not self._has(_DRIVER) or self._state.device_status & (_FEATURES_OK | _FAILED):
            self._ignore(f"features are written with the status {self._state.device_status:#x}")
        elif page > 1:
            if value:
                self._ignore(f"features {value:#x} are written to word {page}; there are two")
        else:
            kept = self.device.acked_features & ~(_U32 << 32 * page)
            self.device.acked_features = kept | value << 32 * page

    def _program_queue(self, name: str, value: int) -> None:
        queue, status = self._queue(), self._state.device_status
        if name == "QueueReady" and value == 0 and queue is not None:
            self.device.stop_queue(self._state.queue_select)
        elif not status & _FEATURES_OK or status & (_DRIVER_OK | _FAILED):
            self._ignore(f"{name} is written with the status {status:#x}")
        elif queue is None:
            self._ignore(f"{name} is written of queue {self._state.queue_select}; there is none")
        elif name == "QueueReady":
            queue.ready = value == 1
        elif queue.ready:
            self._ignore(f"{name} is written of a queue that is ready")
        elif name == "QueueNum":
            queue.size = value & 0xFFFF
        elif name in _ADDRESSES:
            field, lowest = _ADDRESSES[name]
            kept = getattr(queue, field) & ~(_U32 << lowest)
            setattr(queue, field, kept | value << lowest)
        else:
            self._ignore(f"{name} is written, and that feature is not offered")

    def _notified(self, queue: int) -> None:
        if self.needs_reset:
            self._ignore(
                f"queue {queue} is notified with the status {self._state.device_status:#x}"
            )
        else:
            self.device.notify(queue)

    def _set_status(self, value: int) -> None:
        status = self._state.device_status
        if value == 0:
            self._reset()
        elif value & _FAILED:
            self._state.device_status |= _FAILED
        elif _NEXT_STATUS.get(status) == value:
            self._step_to(value)
        elif value != status:
            self._ignore(f"the status goes from {status:#x} to {value:#x}")

    def _step_to(self, status: int) -> None:
        if status & _DRIVER_OK:
            self._state.device_status = status
            self._activate()
        elif not status & _FEATURES_OK or self._features_are_good():
            self._state.device_status = status

    def _features_are_good(self) -> bool:
        device = self.device
        foreign = device.acked_features & ~device.avail_features
        if foreign or not device.has(Feature.VERSION_1):
            names = ", ".join(device.type.feature_names(foreign)) or "none"
            self._ignore(f"features are refused: not offered: {names}; VERSION_1 is required")
            return False
        return True

    def _activate(self) -> None:
        try:
            self.device.activate()
        except DriverError as error:
            self.device.fail(str(error))
        else:
            self.device.serve_early_notifications()

    def _reset(self) -> None:
        if not self._can_reset and (self.device.activated or self._has(_FAILED)):
            self._state.device_status |= _FAILED
            return
        self.device.reset()
        generation = self._state.config_generation
        self._state = MmioTransportState(config_generation=generation)

    def _read_config(self, offset: int, size: int) -> int:
        space = self.device.config_space
        if offset + size > len(space):
            self._ignore(
                f"{size} bytes are read at {offset:#x} of the configuration space, which has "
                f"{len(space)}"
            )
        return int.from_bytes(space[offset : offset + size], "little")

    def _write_config(self, offset: int, data: bytes) -> None:
        status = self._state.device_status
        if not status & _DRIVER or status & (_FAILED | _NEEDS_RESET):
            self._ignore(f"the configuration space is written with the status {status:#x}")
        else:
            self.device.write_config(offset, data)

    def _interrupt(self, cause: int) -> None:
        self._state.interrupt_status |= cause
        self._irq.pulse()

    def _ignore(self, reason: str) -> None:
        self.device.tell_violation(reason)


def _page(features: int, page: int) -> int:
    """One of the words of 32 feature bits; there are two that have any."""
    return features >> 32 * page & _U32 if page < 2 else 0
