"""What a machine must be given."""

from __future__ import annotations

from collections.abc import Sequence

from emu.arch.virtio import RNG
from emu.boards.board import Board
from emu.core.ports import Entropy
from emu.core.ram import Ram
from emu.devices.virtio.balloon import BalloonConfig
from emu.devices.virtio.config import DeviceConfig
from emu.errors import BoardError


def check_entropy(devices: Sequence[DeviceConfig], entropy: Entropy | None) -> None:
    """Raise `BoardError` if a device draws random numbers and nothing is there to draw from."""
    if entropy is None and any(device.type is RNG for device in devices):
        raise BoardError("a virtio-rng device draws random numbers: pass entropy=")


def check_balloon(devices: Sequence[DeviceConfig], ram: Ram) -> None:
    """Raise `BoardError` if a balloon asks for more than the memory that there is."""
    for device in devices:
        if isinstance(device, BalloonConfig) and device.amount_mib << 20 > ram.size_bytes:
            raise BoardError(
                f"the balloon {device.id} asks for {device.amount_mib} MiB, and there are "
                f"{ram.size_bytes >> 20} MiB of RAM; ask for less"
            )


def check_ram(board: Board, ram: Ram) -> None:
    """Raise `BoardError` unless the board can have this memory."""
    expected = board.ram(ram.size_bytes)
    if ram.base != expected.base:
        raise BoardError(
            f"board {board.name}: RAM begins at {ram.base:#x}; its DRAM base is {expected.base:#x}"
        )
