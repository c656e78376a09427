"""A guest is told of a snapshot, and what a release has seen of it by then."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from emu.devices.virtio.virtqueue import QueueState
from emu.devices.virtio.vsock import Vsock
from emu.formats import registry
from emu.machine import Machine
from emu.snapshot.firecracker.devices import save_devices
from emu.snapshot.firecracker.prepare import prepare_devices
from tests.snapshot.firecracker.test_devices import read, state_of, thawed

EVENT_QUEUE = 2
WRITABLE = 2
BUFFER = 0x8300_0000
ALL = ["firecracker-1.9", "firecracker-1.10", "firecracker-1.12", "firecracker-1.13"]
ALL += ["firecracker-1.14", "firecracker-1.15", "firecracker-1.16", "firecracker-main"]


@contextmanager
def with_vsock(format_id: str) -> Iterator[Machine]:
    """A machine whose guest waits for events of its vsock."""
    saved = read(format_id, state_of(format_id, devices={"vsock": 1}).data)
    with thawed(format_id, saved) as machine:
        queue: QueueState = machine.virtio["vsock"].device.queues[EVENT_QUEUE].state
        ring = struct.pack("<HH", 0, queue.next_avail + 1) + bytes(2 * queue.size)
        machine.ram.write(queue.avail_ring, ring)
        machine.ram.write(queue.desc_table, struct.pack("<QIHH", BUFFER, 4, WRITABLE, 0))
        machine.ram.write(BUFFER, b"\xff" * 4)
        yield machine


@pytest.mark.parametrize("format_id", ALL)
def test_the_guest_is_told_that_connections_are_gone(format_id: str) -> None:
    """VIRTIO_VSOCK_EVENT_TRANSPORT_RESET is 0; the interrupt says that there is something."""
    with with_vsock(format_id) as machine:
        before = machine.virtio["vsock"].device.queues[EVENT_QUEUE].state.next_used
        prepare_devices(machine)
        device = machine.virtio["vsock"].device
        assert isinstance(device, Vsock)
        assert machine.ram.read(BUFFER, 4) == bytes(4)
        assert device.queues[EVENT_QUEUE].state.next_used == before + 1
        assert machine.virtio["vsock"].state().interrupt_status == 1
        assert device.pending_event_ack == (format_id in ("firecracker-1.16", "firecracker-main"))


@pytest.mark.parametrize("format_id", ALL)
def test_what_a_release_saves_is_of_its_own_moment(format_id: str) -> None:
    """v1.9 saves what was before it told the guest; v1.13 and v1.14 the transport of before."""
    with with_vsock(format_id) as machine:
        used = machine.virtio["vsock"].device.queues[EVENT_QUEUE].state.next_used
        saved = saved_vsock(format_id, machine)
        virtio = saved.device_state.frontend.virtio_state
        told = virtio.queues[EVENT_QUEUE].next_used - used
        holder = virtio if hasattr(virtio, "interrupt_status") else saved.transport_state
    expected = {"firecracker-1.9": (0, 0), "firecracker-1.13": (1, 0), "firecracker-1.14": (1, 0)}
    assert (told, holder.interrupt_status) == expected.get(format_id, (1, 1))


def saved_vsock(format_id: str, machine: Machine) -> Any:
    """`Connected` of the vsock, after the machine got ready."""
    captured = prepare_devices(machine)
    states = save_devices(registry.get(format_id), machine, captured=captured)
    for field in ("virtio_state", "mmio_state"):
        states = getattr(states, field, states)
    return states.vsock_device


@pytest.mark.parametrize("format_id", ALL)
def test_from_v1_16_a_restored_vsock_waits_for_its_guest(format_id: str) -> None:
    """On the main branch if the file says so; v1.16 does in any case."""
    data = state_of(format_id, devices={"vsock": 1}).data
    (vsock,) = read(format_id, data).virtio
    waits = format_id in ("firecracker-1.16", "firecracker-main")
    assert vsock.state.pending_event_ack == waits


def test_a_vsock_that_is_not_in_use_has_nothing_to_wait_for() -> None:
    data = state_of("firecracker-1.16", devices={"vsock": 1}).data
    vsock = data.device_states.mmio_state.vsock_device
    vsock.device_state.frontend.virtio_state.activated = False
    (read_vsock,) = read("firecracker-1.16", data).virtio
    assert not read_vsock.state.pending_event_ack
