"""The virtio devices of a snapshot of squib's: read from it, and made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from emu.boards.board import Board
from emu.boards.equipment import Equipment
from emu.boards.places import VirtioSlots
from emu.devices.virtio.config import DeviceConfig
from emu.errors import BoardError, IncompatibleError
from emu.formats import squib
from emu.formats.thawbench import VIRTIO_ENCODINGS
from emu.machine.state import ConnectedState
from emu.snapshot import virtio_blobs
from emu.snapshot.backings import Backings
from emu.snapshot.virtio_configs import config_of


@dataclass(frozen=True, slots=True)
class SavedDevice:
    """A virtio device of a snapshot.

    Attributes:
        kind: its type, as `DeviceState.kind` has it.
        id: what tells it from others.
        slot: its virtio-mmio slot.
        state: what was saved of it and its transport.
    """

    kind: str
    id: str
    slot: int
    state: ConnectedState


def saved_devices(state: squib.MicrovmState) -> list[SavedDevice]:
    """The virtio devices of a snapshot.

    Raises:
        IncompatibleError: the state of one was not made here, or is damaged.
    """
    found = (saved for saved in state.device_states.devices if saved.kind in VIRTIO_ENCODINGS)
    return [SavedDevice(saved.kind, saved.id, saved.mmio_slot, _decode(saved)) for saved in found]


def _decode(saved: squib.DeviceState) -> ConnectedState:
    try:
        return virtio_blobs.decode(saved.kind, saved.blob)
    except IncompatibleError as error:
        raise IncompatibleError(f"data.device_states, device '{saved.id}': {error}") from None


def equip(
    board: Board, saved: Sequence[SavedDevice], backings: Backings
) -> tuple[list[DeviceConfig], Equipment]:
    """The devices as a user would choose them, and all of the machine at the places it had.

    Raises:
        IncompatibleError: the board can't have these devices, or there is none for a backing.
        BackingError: what stands behind one can't be used.
    """
    backings.check_named((device.kind, device.id) for device in saved)
    configs = [config_of(device.id, device.state.device, backings) for device in saved]
    slot_by_id = {device.id: device.slot for device in saved}
    try:
        ordered = board.attach_order(configs)
        places = tuple(_slots(board).place(slot_by_id[config.id]) for config in ordered)
    except BoardError as error:
        raise IncompatibleError(f"data.device_states: {error}") from None
    return ordered, replace(board.equip(), virtio=places)


def slot_of(board: Board, base: int) -> int:
    """The virtio-mmio slot whose window begins at `base`; `BoardError` if the board has none."""
    slots = _slots(board)
    return (base - slots.span.base) // slots.stride_bytes


def _slots(board: Board) -> VirtioSlots:
    if board.virtio_slots is None:
        raise BoardError(f"the board {board.name} has no virtio-mmio slots")
    return board.virtio_slots
