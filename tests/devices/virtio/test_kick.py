"""A monitor's restore brings no notification, so it looks at all queues."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.properties.devices.world import World
from tests.devices.virtio.echo_bench import DRIVER_OK, NEEDS_RESET, Bench

VERSION_1 = 1 << 32


def restored(bench: Bench) -> Bench:
    """As from a file of a monitor's: without what was notified."""
    other = bench.thaw()
    state = other.device.state()
    other.device.load_state(replace(state, virtio=replace(state.virtio, notified=())))
    return other


@given(
    posted=st.lists(st.integers(0, 1), max_size=8),
    told=st.booleans(),
    waited=st.sampled_from([0, 99, 100, 250]),
    kicks=st.integers(1, 3),
)
def test_no_request_is_lost_or_repeated(
    posted: list[int], told: bool, waited: int, kicks: int
) -> None:
    """Whether the driver had told of them, and whether the device had looked, or not."""
    bench = Bench(World(latency_cycles=100)).to(DRIVER_OK, VERSION_1)
    for number, queue in enumerate(posted):
        ring = bench.rings[queue]
        if len(ring.free) >= 2:
            bench.poke(*ring.post([bytes([number])], [1]))
            if told:
                bench["QueueNotify"] = queue
    bench.world.wait(waited)
    held = [list(ring.held) for ring in bench.rings]
    bench = restored(bench)
    for _ in range(kicks):
        bench.device.kick()
    bench.world.wait(1000)
    assert [[used.head for used in ring.reap()] for ring in bench.rings] == held


def test_the_driver_is_interrupted_for_what_a_kick_finds() -> None:
    bench = Bench(World(latency_cycles=100)).to(DRIVER_OK, VERSION_1)
    bench.poke(*bench.rings[0].post([b"a"], [1]))
    bench["QueueNotify"] = 0
    bench = restored(bench)
    assert bench.interrupts == 0
    bench.device.kick()
    assert bench.interrupts == 1
    assert bench["InterruptStatus"] == 1
    bench.device.kick()
    assert bench.interrupts == 0


@pytest.mark.parametrize("is_started", [False, True])
def test_a_device_that_does_not_work_is_not_woken(is_started: bool) -> None:
    bench = Bench()
    if is_started:
        bench.to(DRIVER_OK).device.fail("on purpose")
    bench = restored(bench)
    bench.world.take_notes()
    bench.device.kick()
    assert bench.device.served == []
    assert bench.interrupts == 0
    assert bench["Status"] == (DRIVER_OK | NEEDS_RESET if is_started else 0)
