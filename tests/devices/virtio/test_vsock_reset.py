"""A vsock over a snapshot: the reset of the transport, and what is state and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.vsock import EVENT, EVENT_QUEUE, RX_QUEUE, TX_QUEUE, EventId, Operation
from emu.core.events import VsockPacketDropped
from emu.devices.virtio.vsock import Collect, Discard, Echo, Vsock, VsockState
from emu.devices.virtio.vsock.connections import LOCAL_PORT_FIRST
from emu.errors import IncompatibleError
from tests.devices.virtio.driver import OUTSIDE_RAM, Part, Used
from tests.devices.virtio.vsock_guest import Guest

PORT = 1024


def load(old: Vsock, new: Vsock) -> None:
    """Give the state of one device to another one."""
    new.load_state(old.state())


# --- the reset -----------------------------------------------------------------------------------


def test_a_reset_goes_into_the_first_buffer_of_the_event_queue() -> None:
    """Firecracker's `send_transport_reset_event`: its id, the used ring, an interrupt."""
    guest = Guest()
    before = guest.device.state().virtio.queues[EVENT_QUEUE]
    guest.driver.acknowledge()
    assert guest.device.send_transport_reset()
    after = guest.device.state().virtio.queues[EVENT_QUEUE]
    assert (after.next_avail, after.next_used) == (before.next_avail + 1, before.next_used + 1)
    queue = guest.driver.queues[EVENT_QUEUE]
    assert queue.take_used() == [Used(0, EVENT.size)]
    assert queue.content(0) == EVENT.pack(EventId.TRANSPORT_RESET)
    assert guest.driver.acknowledge() == 1


def test_a_reset_interrupts_even_if_the_driver_did_not_ask_for_it() -> None:
    """As Firecracker does, which signals the event queue without looking."""
    guest = Guest()
    guest.driver.queues[EVENT_QUEUE].set_used_event(1000)
    pulses = guest.bench.line.pulses
    guest.device.send_transport_reset()
    assert guest.bench.line.pulses == pulses + 1


def test_with_the_reset_connections_are_gone_and_listeners_stay() -> None:
    endpoint = Collect()
    guest = Guest({PORT: endpoint})
    guest.connect(PORT)
    guest.device.open_stream(22, endpoint)
    guest.device.send_transport_reset(awaits_ack=False)
    assert guest.device.connections == 0
    assert endpoint.gone == 2
    guest.receive()
    guest.connect(PORT, 1026)


@pytest.mark.parametrize("starts", [False, True])
def test_a_reset_that_the_guest_can_not_get_is_lost(starts: bool) -> None:
    """Without buffers for events, which Firecracker logs, or a driver: connections go on."""
    guest = Guest({PORT: Echo()}, events=0, starts=starts)
    guest.device.open_stream(22, Discard())
    assert not guest.device.send_transport_reset()
    assert guest.device.connections == 1
    assert not guest.device.pending_event_ack
    lost = [event.reason for event in guest.bench.log if isinstance(event, VsockPacketDropped)]
    assert lost == ["the event TRANSPORT_RESET: its queue has no buffer"] * starts


def test_a_buffer_that_takes_no_event_is_given_back() -> None:
    guest = Guest(events=0)
    guest.driver.queues[EVENT_QUEUE].offer(3)
    assert guest.device.send_transport_reset()
    assert len(guest.bench.violations) == 1
    assert guest.driver.queues[EVENT_QUEUE].take_used() == [Used(0, 3)]


def test_a_buffer_outside_ram_needs_a_reset_of_the_device() -> None:
    guest = Guest(events=0)
    guest.driver.queues[EVENT_QUEUE].offer(Part(OUTSIDE_RAM, 4, is_writable=True))
    assert not guest.device.send_transport_reset()
    assert guest.driver.needs_reset


# --- the acknowledgement -------------------------------------------------------------------------


def test_nothing_is_sent_until_the_reset_is_acknowledged() -> None:
    """Firecracker from v1.16 on: a packet could be taken for one of a connection that is gone."""
    guest = Guest({PORT: Echo()})
    guest.device.send_transport_reset()
    guest.device.open_stream(22, Discard())
    guest.send(guest.packet(PORT, 1025, Operation.REQUEST, buf_alloc=4096))
    guest.driver["QueueNotify"] = RX_QUEUE
    assert guest.operations() == []
    guest.acknowledge_events()
    assert guest.operations() == ["REQUEST", "RESPONSE"]


def test_releases_that_do_not_wait_send_at_once() -> None:
    """Firecracker before v1.16."""
    guest = Guest()
    guest.device.send_transport_reset(awaits_ack=False)
    guest.device.open_stream(22, Discard())
    assert guest.operations() == ["REQUEST"]


def test_each_reset_is_acknowledged() -> None:
    """With EVENT_IDX the device has to ask for the notification (`avail_event`), every time."""
    guest = Guest(events=4)
    for _ in range(10):
        guest.device.send_transport_reset()
        guest.acknowledge_events()
        assert not guest.device.pending_event_ack


# --- a snapshot ----------------------------------------------------------------------------------


def test_a_restored_device_has_no_connections() -> None:
    """The guest is interrupted for the reset; when it has taken it, it can connect again."""
    guest = Guest({PORT: Echo()})
    old = guest.connect(PORT)
    guest.device.send_transport_reset()
    guest.driver.acknowledge()
    guest.driver.thaw(load)
    guest.device.kick()
    assert guest.driver.acknowledge() == 1
    assert guest.device.connections == 0
    old.write(b"lost")
    assert guest.operations() == []
    guest.acknowledge_events()
    assert guest.operations() == ["RST"]
    socket = guest.connect(PORT, 1026)
    socket.write(b"found")
    socket.poll()
    assert socket.read() == b"found"


def test_what_the_guest_sent_before_the_snapshot_is_looked_at_after_it() -> None:
    """Firecracker v1.16.1's `kick`: with EVENT_IDX the guest would not notify again."""
    guest = Guest({PORT: Echo()}, latency_cycles=100)
    guest.send(guest.packet(PORT, 1025, Operation.REQUEST, buf_alloc=4096))

    def load_from_a_file(old: Vsock, new: Vsock) -> None:
        state = old.state()
        new.load_state(replace(state, virtio=replace(state.virtio, notified=())))

    guest.driver.thaw(load_from_a_file)
    guest.device.kick()
    guest.driver.queues[TX_QUEUE].take_used()
    assert guest.operations() == ["RESPONSE"]


def test_a_kick_is_no_acknowledgement() -> None:
    guest = Guest()
    guest.device.send_transport_reset()
    guest.device.kick()
    assert guest.device.pending_event_ack


def test_a_kick_of_a_device_that_was_not_started_does_nothing() -> None:
    guest = Guest(starts=False)
    guest.device.kick()
    assert guest.bench.line.pulses == 0


def test_local_ports_go_on_over_a_snapshot() -> None:
    """Firecracker from v1.15 on; before, they begin again, and the guest may know them."""
    guest = Guest()
    guest.device.open_stream(22, Discard())
    guest.driver.thaw(load)
    assert guest.device.open_stream(22, Discard()).host_port == LOCAL_PORT_FIRST + 1


def test_a_state_can_be_put_back_where_it_was_taken() -> None:
    """Connections are no part of it, and stay: nothing is lost on the way."""
    guest = Guest({PORT: Echo()}, rx_buffers=0)
    endpoint = Collect()
    stream = guest.device.open_stream(22, endpoint)
    stream.send(b"to the guest")
    guest.device.load_state(guest.device.state())
    for _ in range(4):
        guest.driver.queues[RX_QUEUE].offer(4096)
    guest.notify(RX_QUEUE)
    socket = guest.accept(guest.receive()[0])
    guest.device.load_state(guest.device.state())
    socket.poll()
    assert socket.read() == b"to the guest"
    socket.write(b"to the host")
    assert endpoint.data == b"to the host"


def test_going_back_to_before_the_driver_came_ends_connections() -> None:
    guest = Guest(starts=False)
    before = guest.device.state()
    guest.start()
    endpoint = Collect()
    guest.device.open_stream(22, endpoint)
    guest.device.load_state(before)
    assert (guest.device.connections, endpoint.gone) == (0, 1)


@given(
    cid=st.integers(0, (1 << 64) - 1),
    uds_path=st.text("/v.sock é", max_size=9),
    local_port_last=st.integers(0, (1 << 32) - 1),
    pending_event_ack=st.booleans(),
)
def test_what_is_loaded_is_what_is_saved(
    cid: int, uds_path: str, local_port_last: int, pending_event_ack: bool
) -> None:
    """Whatever a file says, even a reserved CID: the guest reads what it read before."""
    guest = Guest()
    state = VsockState(
        virtio=guest.device.state().virtio,
        cid=cid,
        uds_path=uds_path,
        local_port_last=local_port_last,
        pending_event_ack=pending_event_ack,
    )
    guest.device.load_state(state)
    assert guest.device.state() == state
    assert guest.driver.config(0, 8) == cid
    port = guest.device.open_stream(22, Discard()).host_port
    assert LOCAL_PORT_FIRST <= port < 2 * LOCAL_PORT_FIRST


@pytest.mark.parametrize(
    ("name", "value"), [("cid", 1 << 64), ("cid", -1), ("local_port_last", 1 << 32)]
)
def test_a_state_that_no_device_can_have_is_refused(name: str, value: int) -> None:
    """And nothing of it is taken."""
    guest = Guest()
    before, bad = guest.device.state(), guest.device.state()
    setattr(bad, name, value)
    with pytest.raises(IncompatibleError, match=f"vsock: {name} is"):
        guest.device.load_state(bad)
    assert guest.device.state() == before
