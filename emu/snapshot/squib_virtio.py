"""The virtio devices of a snapshot of squib's: read from it, and made again over what its user has
behind them.

A state does not have what is behind a device: the bytes of a disk, the network, the host's ends of
sockets. A drive's state names its file, which is taken if the user names nothing else; it stays as
it is, under an overlay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from emu.arch import virtio
from emu.arch.virtio_balloon import BalloonFeature
from emu.boards.board import Board
from emu.boards.equipment import Equipment
from emu.boards.places import VirtioSlots
from emu.devices.network.link import Link
from emu.devices.virtio.balloon import BalloonConfig
from emu.devices.virtio.block import BlockConfig
from emu.devices.virtio.config import DeviceConfig
from emu.devices.virtio.disk import Disk, FileDisk, OverlayDisk
from emu.devices.virtio.net import NetConfig
from emu.devices.virtio.rng import RngConfig
from emu.devices.virtio.vsock import Endpoint, VsockConfig
from emu.errors import BackingError, BoardError, IncompatibleError
from emu.formats import squib
from emu.formats.thawbench import VIRTIO_ENCODINGS
from emu.machine.state import ConnectedState
from emu.snapshot import virtio_blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Backings:
    """What stands behind the devices of a machine that is thawed.

    Attributes:
        drives: disks by the id of their block device, in place of the files that states name.
        links: links by the id of their network device; others lead nowhere.
        endpoints: what the guest finds at ports of the host, by vsock.
    """

    drives: Mapping[str, Disk]
    links: Mapping[str, Link]
    endpoints: Mapping[int, Endpoint]


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
    _check_named(backings, saved)
    slot_by_id = {device.id: device.slot for device in saved}
    try:
        configs = [_CONFIGS[device.kind](device, backings) for device in saved]
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


def _check_named(backings: Backings, saved: Iterable[SavedDevice]) -> None:
    """Raise `IncompatibleError` for a drive or a link that there is not."""
    for kind, named in ((virtio.BLOCK, backings.drives), (virtio.NET, backings.links)):
        there = [device.id for device in saved if device.kind == kind.name]
        for name in named:
            if name not in there:
                raise IncompatibleError(
                    f"the snapshot has no {kind.name} '{name}'; it has {', '.join(there) or 'none'}"
                )


def _block(saved: SavedDevice, backings: Backings) -> DeviceConfig:
    state: Any = saved.state.device
    return BlockConfig(
        id=saved.id,
        disk=backings.drives.get(saved.id) or _file(saved.id, state.disk_path),
        path=state.disk_path,
        is_read_only=bool(state.virtio.avail_features & virtio.BLOCK.mask("RO")),
        is_root=state.root_device,
        partuuid=state.partuuid,
    )


def _file(name: str, path: str) -> Disk:
    if not path:
        raise BackingError(
            f"the state of the drive '{name}' names no file: it was in memory; pass its disk, "
            f"drives={{'{name}': …}}"
        )
    try:
        return OverlayDisk(FileDisk(Path(path), is_read_only=True))
    except BackingError as error:
        raise BackingError(f"{error}; pass another disk, drives={{'{name}': …}}") from None


def _net(saved: SavedDevice, backings: Backings) -> DeviceConfig:
    return NetConfig(id=saved.id, link=backings.links.get(saved.id) or Link())


def _vsock(saved: SavedDevice, backings: Backings) -> DeviceConfig:
    state: Any = saved.state.device
    return VsockConfig(
        id=saved.id, cid=state.cid, endpoints=backings.endpoints, uds_path=state.uds_path
    )


def _balloon(saved: SavedDevice, _backings: Backings) -> DeviceConfig:
    state: Any = saved.state.device
    features = state.virtio.avail_features
    return BalloonConfig(
        id=saved.id,
        stats_polling_interval_s=state.stats_polling_interval_s,
        free_page_hinting=bool(features >> BalloonFeature.FREE_PAGE_HINT & 1),
        free_page_reporting=bool(features >> BalloonFeature.PAGE_REPORTING & 1),
    )


def _rng(saved: SavedDevice, _backings: Backings) -> DeviceConfig:
    return RngConfig(id=saved.id)


_CONFIGS: Final[Mapping[str, Callable[[SavedDevice, Backings], DeviceConfig]]] = {
    virtio.BLOCK.name: _block,
    virtio.NET.name: _net,
    virtio.VSOCK.name: _vsock,
    virtio.BALLOON.name: _balloon,
    virtio.RNG.name: _rng,
}
"""What a user would choose, for a device that its state is loaded into then."""
