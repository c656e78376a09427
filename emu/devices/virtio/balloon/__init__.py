"""The memory balloon: pages that the guest gives up, at its monitor's wish."""

from __future__ import annotations

from emu.devices.virtio.balloon.balloon import Balloon
from emu.devices.virtio.balloon.config import BalloonConfig
from emu.devices.virtio.balloon.state import (
    BalloonConfigSpace,
    BalloonState,
    BalloonStats,
    HintingState,
)

__all__ = [
    "Balloon",
    "BalloonConfig",
    "BalloonConfigSpace",
    "BalloonState",
    "BalloonStats",
    "HintingState",
]
