"""How a driver sets up, stops and notifies queues through the registers: Virtio 1.2, 4.2.3.2."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.devices.virtio.chain import Chain
from emu.devices.virtio.virtqueue import QueueState
from harness.properties.devices.rings import WRITE, Descriptor
from harness.properties.devices.world import World
from tests.devices.virtio.echo_bench import (
    DRIVER,
    DRIVER_OK,
    FEATURES_OK,
    NEEDS_RESET,
    USED_BUFFER,
    Bench,
)

PROGRAMMED: Final = {
    "QueueNum": ("size", 0, 0xFFFF),
    "QueueDescLow": ("desc_table", 0, 0xFFFF_FFFF),
    "QueueDescHigh": ("desc_table", 32, 0xFFFF_FFFF),
    "QueueDriverLow": ("avail_ring", 0, 0xFFFF_FFFF),
    "QueueDriverHigh": ("avail_ring", 32, 0xFFFF_FFFF),
    "QueueDeviceLow": ("used_ring", 0, 0xFFFF_FFFF),
    "QueueDeviceHigh": ("used_ring", 32, 0xFFFF_FFFF),
}
"""Which bits of what each register programs: field, lowest bit, mask."""

programs = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(sorted(PROGRAMMED)), st.integers(0, 0xFFFF_FFFF)),
    max_size=12,
)


def expected(program: list[tuple[int, str, int]]) -> list[QueueState]:
    queues = [QueueState.reset(16), QueueState.reset(8)]
    for index, name, value in program:
        if index < 2:
            field, lowest, mask = PROGRAMMED[name]
            kept = getattr(queues[index], field) & ~(mask << lowest)
            setattr(queues[index], field, kept | (value & mask) << lowest)
    return queues


@given(programs)
def test_registers_program_the_selected_queue_in_any_order(
    program: list[tuple[int, str, int]],
) -> None:
    """Each half-programmed queue is state: a freeze after each write changes nothing."""
    bench = Bench().to(FEATURES_OK)
    for index, name, value in program:
        bench["QueueSel"] = index
        bench = bench.thaw()
        bench[name] = value
        bench = bench.thaw()
    assert bench.device.state().virtio.queues == expected(program)
    assert len(bench.violations) == sum(index == 2 for index, _, _ in program)


@pytest.mark.parametrize("status", [0, 1, DRIVER, DRIVER_OK])
@pytest.mark.parametrize("name", [*PROGRAMMED, "QueueReady"])
def test_queues_are_programmed_between_features_ok_and_driver_ok(name: str, status: int) -> None:
    bench = Bench().to(status) if status else Bench()
    before = bench.device.state()
    bench.world.take_notes()
    bench[name] = 1
    assert bench.device.state() == before
    assert len(bench.violations) == 1


def test_a_queue_that_is_ready_is_not_programmed() -> None:
    """4.2.2.2; until the driver takes it back."""
    bench = Bench().to(FEATURES_OK)
    bench["QueueReady"] = 1
    bench["QueueNum"] = 4
    assert len(bench.violations) == 1
    bench["QueueReady"] = 0
    bench["QueueNum"] = 4
    assert not bench.violations
    assert bench.device.state().virtio.queues[0].size == 4


def test_a_queue_that_does_not_exist_has_no_size() -> None:
    bench = Bench().to(FEATURES_OK)
    bench["QueueSel"] = 2
    assert bench["QueueNumMax"] == 0
    assert bench["QueueReady"] == 0
    bench["QueueReady"] = 1
    assert bench["QueueReady"] == 0
    assert len(bench.violations) == 1


def test_ready_is_one_and_nothing_else() -> None:
    bench = Bench().to(FEATURES_OK)
    bench["QueueReady"] = 3
    assert bench["QueueReady"] == 0


def test_a_queue_reset_is_not_offered() -> None:
    bench = Bench().to(FEATURES_OK)
    bench["QueueReset"] = 1
    assert bench["QueueReset"] == 0
    assert len(bench.violations) == 1


def test_a_device_does_with_the_queues_that_are_ready() -> None:
    bench = Bench().to(FEATURES_OK)
    bench.set_up(1)
    bench["Status"] = DRIVER_OK
    assert bench.ask(b"abc", queue=1) == b"cba"
    bench["QueueNotify"] = 0
    assert len(bench.violations) == 1
    assert bench["Status"] == DRIVER_OK


def test_a_stopped_queue_is_not_touched() -> None:
    """`The device MUST NOT access virtual queue contents when QueueReady is zero` (4.2.2.1);
    Firecracker goes on.
    """
    bench = Bench().to(DRIVER_OK)
    bench["QueueSel"] = 0
    bench["QueueReady"] = 0
    assert bench["QueueReady"] == 0
    assert not bench.violations
    bench = bench.thaw()
    bench.poke(*bench.rings[0].post([b"abc"], [3]))
    before = bench.world.ram.contents()
    bench["QueueNotify"] = 0
    bench.device.kick()
    bench.device.process(0)
    bench.device.give_back(0, 0, 3)
    bench.device.interrupt(0)
    assert bench.world.ram.contents() == before
    assert bench["InterruptStatus"] == 0
    assert bench.ask(b"abc", queue=1) == b"cba"


@pytest.mark.parametrize("queue", [2, 3, 0xFFFF, 0x1_0000, 0xFFFF_FFFF])
def test_a_notification_of_no_queue_is_told_and_nothing_else(queue: int) -> None:
    bench = Bench().to(DRIVER_OK)
    bench["QueueNotify"] = queue
    assert len(bench.violations) == 1
    assert bench.device.served == []


@pytest.mark.parametrize("latency_cycles", [0, 100])
@pytest.mark.parametrize("status", [0, 1, DRIVER, FEATURES_OK])
def test_a_notification_before_driver_ok_waits_until_then(status: int, latency_cycles: int) -> None:
    """The device must not consume buffers before (3.1.1), and an eventfd keeps what it is told.

    A freeze in between keeps it too.
    """
    bench = Bench(World(latency_cycles=latency_cycles))
    if status:
        bench.to(status)
    bench["QueueNotify"] = 0
    bench["QueueNotify"] = 0
    bench = bench.thaw()
    bench.world.wait(200)
    assert len(bench.violations) == 2
    assert bench.device.served == []
    bench.to(DRIVER_OK)
    bench.world.wait(latency_cycles)
    assert bench.device.served == [0]


def test_a_reset_forgets_an_early_notification() -> None:
    bench = Bench().to(FEATURES_OK)
    bench["QueueNotify"] = 0
    bench["Status"] = 0
    bench.to(DRIVER_OK)
    assert bench.device.served == []


def test_a_notification_before_driver_ok_is_served_with_it() -> None:
    """As an eventfd keeps it; it is state, and a reset forgets it."""
    bench = Bench().to(FEATURES_OK)
    for index in range(2):
        bench.set_up(index)
    bench.poke(*bench.rings[0].post([b"abc"], [3]))
    bench["QueueNotify"] = 0
    bench = bench.thaw()
    bench["Status"] = DRIVER_OK
    assert bench.device.served == [0]
    assert len(bench.rings[0].reap()) == 1
    bench["Status"] = 0
    bench["QueueNotify"] = 1
    bench["Status"] = 0
    bench.to(DRIVER_OK)
    assert bench.device.served == [0]


def test_used_buffers_interrupt() -> None:
    bench = Bench().to(DRIVER_OK, 1 << 32)
    bench.ask(b"abc")
    assert bench["InterruptStatus"] == USED_BUFFER
    assert bench.interrupts == 1


def test_a_request_that_breaks_the_ring_asks_for_a_reset() -> None:
    """And the device does nothing more until it comes."""
    bench = Bench().to(DRIVER_OK)
    bench.poke(*bench.rings[0].offer(99))
    bench["QueueNotify"] = 0
    assert bench["Status"] == DRIVER_OK | NEEDS_RESET
    assert bench["InterruptStatus"] == 2
    assert bench.world.take_notes().interrupts == ["pulse"]
    bench["QueueNotify"] = 1
    bench.device.kick()
    assert bench.device.served == [0]
    assert len(bench.violations) == 1


def test_a_buffer_that_is_a_part_of_the_rings_does_not_keep_the_device_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each answer here makes another request available, in the driver's place."""
    bench = Bench().to(DRIVER_OK, 1 << 32)
    ring, queue = bench.rings[0], bench.device.queues[0]

    def answer(chain: Chain) -> int:
        return chain.write((queue.state.next_avail + 1).to_bytes(2, "little"))

    monkeypatch.setattr(bench.device, "_answer", answer)
    bench.poke(ring.describe(0, Descriptor(ring.available + 2, 2, WRITE)), *ring.offer(0))
    bench["QueueNotify"] = 0
    assert bench["Status"] == DRIVER_OK | NEEDS_RESET
    assert ring.used_index() == 1


def test_a_late_device_serves_a_notification_once() -> None:
    """With a latency, notifications until then are one; they are state, and a freeze keeps them."""
    bench = Bench(World(latency_cycles=100)).to(DRIVER_OK)
    ring = bench.rings[0]
    bench.poke(*ring.post([b"abc"], [3]))
    bench["QueueNotify"] = 0
    bench["QueueNotify"] = 0
    assert ring.reap() == []
    bench.world.wait(60)
    bench = bench.thaw()
    bench.world.wait(39)
    assert ring.reap() == []
    bench.world.wait(1)
    assert len(ring.reap()) == 1
    assert bench.device.served == [0]
    assert bench.device.state().virtio.notified == ()


def test_a_reset_forgets_a_notification() -> None:
    bench = Bench(World(latency_cycles=100)).to(DRIVER_OK)
    bench["QueueNotify"] = 0
    bench["Status"] = 0
    bench.to(DRIVER_OK)
    bench.world.wait(200)
    assert bench.device.served == []
