"""Virtio devices in squib's `DeviceState`s: what a machine has, and what is made of it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from emu.arch import virtio
from emu.devices.virtio.balloon import BalloonState
from emu.devices.virtio.block import BlockState
from emu.devices.virtio.mmio import MmioTransportState, VirtioMmio
from emu.devices.virtio.net_state import NetState
from emu.devices.virtio.rng import RngState
from emu.devices.virtio.vsock import VsockState
from emu.formats.thawbench import VIRTIO_ENCODINGS
from emu.machine.state import ConnectedState
from emu.snapshot.mirror import from_struct, to_struct

STATES: Final[Mapping[str, type[Any]]] = {
    virtio.BLOCK.name: BlockState,
    virtio.NET.name: NetState,
    virtio.VSOCK.name: VsockState,
    virtio.BALLOON.name: BalloonState,
    virtio.RNG.name: RngState,
}
"""What each type of device keeps, by `DeviceState.kind`."""


def encode(connected: VirtioMmio) -> bytes:
    """The blob of a device and its transport.

    Raises:
        EncodeError: a value does not fit its field.
    """
    return encode_state(connected.device.type.name, ConnectedState.of(connected))


def encode_state(kind: str, state: ConnectedState) -> bytes:
    """The blob of a state.

    Raises:
        EncodeError: a value does not fit its field.
    """
    encoding = VIRTIO_ENCODINGS[kind]
    return encoding.encode(to_struct(state, encoding.schema))


def decode(kind: str, blob: bytes) -> ConnectedState:
    """The state of a device of this kind, and of its transport.

    Raises:
        IncompatibleError: the blob was not made here, or is damaged.
    """
    value = VIRTIO_ENCODINGS[kind].decode(blob)
    return ConnectedState(
        transport=from_struct(value.transport, MmioTransportState),
        device=from_struct(value.device, STATES[kind]),
    )
