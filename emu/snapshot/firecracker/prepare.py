"""Devices get ready to be saved: what a release does with them before, and when it looks at them.

A vsock tells its guest that connections are gone. Source: `save` in
`src/vmm/src/device_manager/persist.rs` and `prepare_save` of the devices, of Firecracker v1.9.0 to
v1.16.1 and of its main branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from emu.devices.virtio.vsock import Vsock
from emu.machine import Machine
from emu.machine.state import ConnectedState


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


def capture_devices(machine: Machine) -> dict[str, ConnectedState]:
    """The virtio devices of a machine as they are, by id."""
    return {name: ConnectedState.of(transport) for name, transport in machine.virtio.items()}


def prepare_devices(machine: Machine) -> dict[str, ConnectedState]:
    """Get the virtio devices of a machine ready to be saved, and capture them.

    The machine may go on afterwards: to its guest it is as if a snapshot had been taken.

    Returns:
        What is to be saved of each, by id.
    """
    moment = MOMENTS.get(machine.board.name, Moment())
    captured = {}
    for name, transport in machine.virtio.items():
        before = ConnectedState.of(transport)
        if isinstance(transport.device, Vsock):
            transport.device.send_transport_reset(awaits_ack=machine.board.virtio.awaits_reset_ack)
        after = ConnectedState.of(transport)
        captured[name] = ConnectedState(
            transport=(before if moment.transport_is_before else after).transport,
            device=(before if moment.state_is_before else after).device,
        )
    return captured
