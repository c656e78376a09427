"""All devices of a machine, and those of a state file.

Source: `src/vmm/src/device_manager/` and `devices/acpi/` of Firecracker v1.9.0 to v1.16.1 and of
its main branch. Up to v1.12 the devices are in `data.device_states` and `data.acpi_dev_state`; from
v1.13 on all are in `data.device_states`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from emu.arch import vmclock
from emu.boards.board import Board
from emu.boards.equipment import Equipment
from emu.boards.places import Place
from emu.devices.ns16550 import Ns16550, Ns16550State
from emu.devices.vmclock import VmClockState
from emu.devices.vmgenid import VmGenIdState
from emu.errors import BoardError, IncompatibleError
from emu.formats.format import Format
from emu.machine import Machine
from emu.machine.state import ConnectedState
from emu.snapshot.backings import Backings
from emu.snapshot.firecracker.kinds import KINDS
from emu.snapshot.firecracker.prepare import capture_devices
from emu.snapshot.firecracker.virtio import (
    SavedDevice,
    connected_facts,
    kind_of,
    place_facts,
    read_connected,
    read_place,
)
from emu.snapshot.mirror import from_struct
from emu.wire.facts import Facts, Variant, facts_of, value_of
from emu.wire.nodes import OptionNode, field_node, has_field

_LISTS: Final = ("block_devices", "net_devices", "pmem_devices")
_SINGLES: Final = ("vsock_device", "balloon_device", "entropy_device", "memory_device")
_NO_VIRTIO: Final[Facts] = {
    **dict.fromkeys(_LISTS, ()),
    **dict.fromkeys(_SINGLES),
    "mmds": None,
    "mmds_version": None,
}
"""The states of a bus without devices."""

_UNMODELLED: Final = {
    "pmem_devices": "a pmem device",
    "memory_device": "memory to be plugged in",
    "mmds": "a metadata service",
    "mmds_version": "a metadata service",
}
"""What a state of a bus can have, and this machine has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedDevices:
    """The devices of a state file.

    Attributes:
        virtio: those of virtio, in the order in which the board attaches them.
        uart: where the serial console is; None if there is none.
        rtc: where the real-time clock is; None if there is none.
        uart_state: the serial console's state; before v1.16, which do not save it, the one that a
            restore makes.
        vmgenid: the VMGenID device; None if there is none.
        vmclock: the VMClock device; None if there is none.
        order: names of devices in the order of the file, which Firecracker takes from a hash map:
            ids of virtio devices, then "Serial" and "Rtc".
    """

    virtio: tuple[SavedDevice, ...]
    uart: Place | None
    rtc: Place | None
    uart_state: Ns16550State
    vmgenid: VmGenIdState | None
    vmclock: VmClockState | None
    order: tuple[str, ...]

    @property
    def equipment(self) -> Equipment:
        """Where the devices with registers are."""
        return Equipment(
            uart=self.uart, rtc=self.rtc, virtio=tuple(device.place for device in self.virtio)
        )

    def gsis(self) -> Iterator[int]:
        """The interrupts of all devices."""
        yield from (place.gsi for place in self.equipment.places())
        yield from (device.gsi for device in (self.vmgenid, self.vmclock) if device is not None)

    def load_into(self, machine: Machine) -> None:
        """Give their states to the devices with registers of a machine that has the same ones.

        Raises:
            IncompatibleError: a device can't have such a state.
        """
        for saved in self.virtio:
            state = ConnectedState(transport=saved.transport, device=saved.state)
            state.load_into(machine.virtio[saved.config.id])
        if isinstance(machine.uart, Ns16550):
            machine.uart.load_state(self.uart_state)


# --- saving --------------------------------------------------------------------------------------


def save_devices(
    form: Format,
    machine: Machine,
    order: Sequence[str] = (),
    captured: Mapping[str, ConnectedState] | None = None,
) -> Any:
    """The value of `data.device_states`.

    Args:
        form: that of the release.
        machine: one of the release's board.
        order: as in `SavedDevices`; devices that it does not name come last, as they were attached.
        captured: what `prepare_devices` gave; None for devices as they are.

    Raises:
        IncompatibleError: the machine is none of the release's board.
    """
    seen = captured if captured is not None else capture_devices(machine)
    facts = _devices(form, machine, order, seen)
    return value_of(field_node(form.schema, "data", "device_states"), facts)


def save_acpi(form: Format, machine: Machine) -> Any:
    """The value of `data.acpi_dev_state`, up to v1.12; `KeyError` later.

    Raises:
        IncompatibleError: the machine is none of the release's board.
    """
    return value_of(field_node(form.schema, "data", "acpi_dev_state"), _acpi(form, machine))


def _devices(
    form: Format, machine: Machine, order: Sequence[str], captured: Mapping[str, ConnectedState]
) -> Facts:
    """The fields of `DeviceStates` up to v1.12, and of `DevicesState`."""
    uart, rtc = machine.equipment.uart, machine.equipment.rtc
    uart_state = _uart_state(machine)
    legacy = [(name, place) for name, place in (("Serial", uart), ("Rtc", rtc)) if place]
    mmio = {
        **_virtio(form, machine, order, captured),
        "legacy_devices": [
            {"type_": Variant(name, {}), "device_info": place_facts(place)}
            for name, place in sorted(legacy, key=lambda item: _rank(order, item[0]))
        ],
    }
    return {
        **mmio,
        "mmio_state": mmio,
        "virtio_state": Variant("Mmio", mmio),
        "mmio_platform_state": {"serial": _optional(uart), "rtc": _optional(rtc)},
        "acpi_state": _acpi(form, machine),
        "pci_state": {**_NO_VIRTIO, "pci_enabled": False},
        "serial_state": uart_state,
    }


def _rank(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _virtio(
    form: Format, machine: Machine, order: Sequence[str], captured: Mapping[str, ConnectedState]
) -> Facts:
    facts = {**_NO_VIRTIO, **{field: [] for field in _LISTS}}
    attached = zip(machine.virtio.items(), machine.equipment.virtio, strict=True)
    for (name, transport), place in sorted(attached, key=lambda item: _rank(order, item[0][0])):
        kind, seen = kind_of(transport.device.type.id), captured[name]
        state = kind.prepared(form, seen.device)
        connected = connected_facts(name, kind, state, seen.transport, place)
        if kind.field in _LISTS:
            facts[kind.field].append(connected)
        else:
            facts[kind.field] = connected
    return facts


def _optional(place: Place | None) -> Facts | None:
    return None if place is None else place_facts(place)


def _acpi(form: Format, machine: Machine) -> Facts:
    found = {"vmgenid": _vmgenid(machine), "vmclock": _vmclock(machine)}
    for path in (("data", "acpi_dev_state"), ("data", "device_states", "acpi_state")):
        for field, device in found.items():
            if device is None and _is_required(form, *path, field):
                raise IncompatibleError(
                    f"a machine of the board {machine.board.name} has no {field}, and {form.id} "
                    "can't do without: take the board of the release, and boot"
                )
    return found


def _is_required(form: Format, *path: str) -> bool:
    has_it = has_field(form.schema, *path)
    return has_it and not isinstance(field_node(form.schema, *path), OptionNode)


def _vmgenid(machine: Machine) -> VmGenIdState | None:
    return None if machine.vmgenid is None else machine.vmgenid.save()


def _vmclock(machine: Machine) -> Facts | None:
    if machine.vmclock is None:
        return None
    saved = machine.vmclock.save()
    inner = vmclock.unpack(saved.inner)
    return {"guest_address": saved.guest_address, "gsi": saved.gsi, "inner": inner}


def _uart_state(machine: Machine) -> Ns16550State | None:
    if machine.uart is None:
        return None
    if not isinstance(machine.uart, Ns16550):
        raise IncompatibleError(
            f"a machine of the board {machine.board.name} has a {machine.board.uart_kind.value}, "
            "and Firecracker a 16550: take one of its boards"
        )
    return machine.uart.state()


# --- reading -------------------------------------------------------------------------------------


def read_devices(data: Any, board: Board, backings: Backings) -> SavedDevices:
    """The devices of a state.

    Args:
        data: the value of `data`: `MicrovmState` of any release.
        board: that of the release.
        backings: what stands behind them.

    Raises:
        IncompatibleError: there are devices that this machine has not.
        BackingError: what stands behind one is not there.
    """
    states = data.device_states
    bus = _bus(states)
    platform = _platform(states, bus)
    acpi = getattr(states, "acpi_state", None) or data.acpi_dev_state
    uart_state = getattr(states, "serial_state", None)
    virtio = list(_read_virtio(bus, board, backings))
    return SavedDevices(
        virtio=_in_order(board, virtio),
        uart=_read_place("serial", platform.get("Serial")),
        rtc=_read_place("rtc", platform.get("Rtc")),
        uart_state=from_struct(uart_state, Ns16550State) if uart_state else Ns16550State.unsaved(),
        vmgenid=None if acpi.vmgenid is None else from_struct(acpi.vmgenid, VmGenIdState),
        vmclock=_read_vmclock(getattr(acpi, "vmclock", None)),
        order=(*(device.config.id for device in virtio), *platform),
    )


def _bus(states: Any) -> Any:
    """The states of the MMIO bus.

    Raises:
        IncompatibleError: devices are on a PCI bus.
    """
    bus = getattr(states, "virtio_state", None) or getattr(states, "mmio_state", states)
    pci = getattr(states, "pci_state", None)
    is_pci = getattr(bus, "variant_name", None) == "Pci"
    if is_pci or (pci is not None and pci.pci_enabled):
        raise IncompatibleError(
            "data.device_states has virtio devices on a PCI bus, which this machine does not have; "
            "take a snapshot of a VM without --enable-pci"
        )
    return bus


def _platform(states: Any, bus: Any) -> dict[str, Any]:
    """Where UART and clock are: `MMIODeviceInfo` or None."""
    if hasattr(states, "mmio_platform_state"):
        platform = states.mmio_platform_state
        return {"Serial": platform.serial, "Rtc": platform.rtc}
    return {type(device.type_).__name__: device.device_info for device in bus.legacy_devices}


def _read_place(name: str, info: Any) -> Place | None:
    return None if info is None else read_place(f"data.device_states, {name}", info)


def _read_virtio(bus: Any, board: Board, backings: Backings) -> Iterator[SavedDevice]:
    for field, what in _UNMODELLED.items():
        if getattr(bus, field, None):
            raise IncompatibleError(
                f"data.device_states has {what} in {field}, which this machine does not have"
            )
    for kind in KINDS:
        found = getattr(bus, kind.field)
        devices = found if kind.field in _LISTS else [found] if found is not None else []
        for device in devices:
            field = f"data.device_states.{kind.field}"
            yield read_connected(kind, field, device, board, backings)


def _in_order(board: Board, devices: list[SavedDevice]) -> tuple[SavedDevice, ...]:
    by_id = {device.config.id: device for device in devices}
    try:
        ordered = board.attach_order([device.config for device in devices])
    except BoardError as error:
        raise IncompatibleError(f"data.device_states: {error}") from None
    return tuple(by_id[config.id] for config in ordered)


def _read_vmclock(saved: Any) -> VmClockState | None:
    if saved is None:
        return None
    inner = vmclock.pack(facts_of(saved.inner))
    return VmClockState(guest_address=saved.guest_address, gsi=saved.gsi, inner=inner)
