"""Devices get ready to be saved: what a release does with them before, and when it looks at them.

A vsock tells its guest that connections are gone. Source: `save` in
`src/vmm/src/device_manager/persist.rs` and `prepare_save` of the devices, of Firecracker v1.9.0 to
v1.16.1 and of its main branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from emu.devices.virtio.mmio import MmioTransportState, VirtioMmio
from emu.devices.virtio.vsock import Vsock
from emu.machine import Machine


class Moment(NamedTuple):
    """When a release looks at a device that gets ready.

    Attributes:
        state_is_before: its state is of before that; of after it otherwise.
        transport_is_before: its transport's state is.
    """

    state_is_before: bool = False
    transport_is_before: bool = False


MOMENTS: Final[Mapping[str, Moment]] = MappingProxyType(
    {
        "firecracker-1.9": Moment(state_is_before=True, transport_is_before=True),
        "firecracker-1.13": Moment(transport_is_before=True),
        "firecracker-1.14": Moment(transport_is_before=True),
    }
)
"""By board. All others look after it; v1.10 to v1.12 look at a transport before, but at its
InterruptStatus, which alone changes, after."""


class Captured(NamedTuple):
    """What a release has seen of a device.

    Attributes:
        state: its state, of the class of its type.
        transport: its transport's state.
    """

    state: Any
    transport: MmioTransportState


def capture_devices(machine: Machine) -> dict[str, Captured]:
    """The virtio devices of a machine as they are, by id."""
    return {name: _capture(transport) for name, transport in machine.virtio.items()}


def prepare_devices(machine: Machine) -> dict[str, Captured]:
    """Get the virtio devices of a machine ready to be saved, and capture them.

    The machine may go on afterwards: to its guest it is as if a snapshot had been taken.

    Returns:
        What is to be saved of each, by id.
    """
    moment = MOMENTS.get(machine.board.name, Moment())
    captured = {}
    for name, transport in machine.virtio.items():
        before = _capture(transport)
        if isinstance(transport.device, Vsock):
            transport.device.send_transport_reset(awaits_ack=machine.board.virtio.awaits_reset_ack)
        after = _capture(transport)
        captured[name] = Captured(
            (before if moment.state_is_before else after).state,
            (before if moment.transport_is_before else after).transport,
        )
    return captured


def _capture(transport: VirtioMmio) -> Captured:
    device: Any = transport.device  # each type has a state of its own
    return Captured(device.state(), transport.state())
