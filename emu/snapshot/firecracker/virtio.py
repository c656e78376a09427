"""A virtio device on the MMIO bus, and `Connected` of a state file: its state, transport and place.

Source: `src/vmm/src/device_manager/persist.rs` and `devices/virtio/persist.rs` of Firecracker
v1.9.0 to v1.16.1 and of its main branch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from emu.boards.board import Board
from emu.boards.places import Place, Window
from emu.devices.virtio.config import DeviceConfig
from emu.devices.virtio.device import VirtioState
from emu.devices.virtio.mmio import MmioTransportState
from emu.errors import IncompatibleError
from emu.formats.firecracker.device_types import DeviceType
from emu.snapshot.backings import Backings
from emu.snapshot.firecracker.kinds import KINDS, Kind
from emu.snapshot.mirror import from_struct, named
from emu.snapshot.virtio_configs import config_of
from emu.wire.facts import Facts

_BY_TYPE: Final = {kind.type: kind for kind in KINDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedDevice:
    """A virtio device of a state file.

    Attributes:
        config: what its user chose.
        state: its state, of the class of its type.
        transport: its transport's state.
        place: where it is.
    """

    config: DeviceConfig
    state: Any
    transport: MmioTransportState
    place: Place


def kind_of(type_id: int) -> Kind:
    """How a type of device is saved, by its virtio id."""
    return _BY_TYPE[DeviceType(type_id)]


def connected_facts(
    name: str, kind: Kind, state: Any, transport: MmioTransportState, place: Place
) -> Facts:
    """The fields of `Connected` of any release."""
    virtio = {
        **named(state.virtio),
        "device_type": kind.type,
        "interrupt_status": transport.interrupt_status,  # here up to v1.12
    }
    return {
        "device_id": name,
        "device_state": kind.facts(state, virtio),
        "transport_state": transport,
        "device_info": place_facts(place),
    }


def read_connected(
    kind: Kind, field: str, connected: Any, board: Board, backings: Backings
) -> SavedDevice:
    """A device of a state file; `field` is where it is.

    Raises:
        IncompatibleError: it is of another type, or has what this machine has not.
        BackingError: what stands behind it is not there.
    """
    saved = connected.device_state
    virtio = kind.virtio(saved)
    found = getattr(virtio.device_type, "value", virtio.device_type)
    if found not in (kind.type.value, kind.type.name):
        raise IncompatibleError(
            f"{field}: device_type is {found}; expected {kind.type.value}, {kind.type.name}"
        )
    state = kind.restored(board, saved, kind.state(saved, from_struct(virtio, VirtioState)))
    transport = connected.transport_state
    has_interrupts = hasattr(transport, "interrupt_status")
    interrupt_status = (transport if has_interrupts else virtio).interrupt_status
    return SavedDevice(
        config=config_of(connected.device_id, state, backings),
        state=state,
        transport=from_struct(transport, MmioTransportState, interrupt_status=interrupt_status),
        place=read_place(field, connected.device_info),
    )


def place_facts(place: Place) -> Facts:
    """The fields of `MMIODeviceInfo`; each release takes one of three for the interrupt."""
    return {
        "addr": place.window.base,
        "len": place.window.size_bytes,
        "irqs": [place.gsi],  # up to v1.10
        "irq": place.gsi,  # v1.11 and v1.12
        "gsi": place.gsi,  # from v1.13 on
    }


def read_place(field: str, info: Any) -> Place:
    """Where a device is.

    Raises:
        IncompatibleError: it has no interrupt, or several.
    """
    gsis = list(_gsis(info))
    if len(gsis) != 1:
        raise IncompatibleError(f"{field}.device_info: {len(gsis)} interrupts; expected one")
    return Place(Window(info.addr, info.len), gsis[0])


def _gsis(info: Any) -> Iterator[int]:
    if hasattr(info, "irqs"):
        yield from info.irqs
        return
    gsi = info.irq if hasattr(info, "irq") else info.gsi
    if gsi is not None:
        yield gsi
