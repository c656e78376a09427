"""Frames in flight over a freeze and a thaw: none is lost or comes twice, wherever they are.

The link goes along from the frozen machine to the thawed one, with what travels and waits in it.
"""

from __future__ import annotations

import pytest

from emu.devices.network.link import Link
from emu.machine import Machine, Stop
from emu.snapshot import Snapshot, freeze, thaw
from harness.properties.bisimulation import through_bytes
from tests.machine.test_frames import (
    LIMIT_INSTRUCTIONS,
    PACES,
    Pace,
    boot,
    check_all_done,
    echo_link,
)

INSTRUCTIONS = 2_200
"""Less than the guest `frames` executes, whatever the pace of its device."""


def frozen(instructions: int, pace: Pace, link: Link) -> Snapshot:
    with boot(pace, link) as machine:
        assert machine.run(instructions) is Stop.LIMIT
        return through_bytes(freeze(machine))


def thawed(snapshot: Snapshot, pace: Pace, link: Link) -> Machine:
    return thaw(
        snapshot,
        entropy=bytes,
        links={"eth0": link},
        virtio_latency_cycles=pace.virtio_latency_cycles,
    )


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
@pytest.mark.parametrize("instructions", range(101, INSTRUCTIONS, 197))
def test_every_frame_comes_back_once_wherever_the_guest_was_frozen(
    instructions: int, pace: Pace
) -> None:
    link = echo_link(pace)
    with thawed(frozen(instructions, pace, link), pace, link) as machine:
        assert machine.run(LIMIT_INSTRUCTIONS) is Stop.SYSTEM_OFF
        check_all_done(machine)


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_every_frame_comes_back_once_through_many_machines(pace: Pace) -> None:
    """Frozen and thawed again and again."""
    link = echo_link(pace)
    snapshot = frozen(1, pace, link)
    for _ in range(40):
        with thawed(snapshot, pace, link) as machine:
            stop = machine.run(127)
            if stop is Stop.SYSTEM_OFF:
                check_all_done(machine)
                return
            assert stop is Stop.LIMIT
            snapshot = through_bytes(freeze(machine))
    with thawed(snapshot, pace, link) as machine:
        assert machine.run(LIMIT_INSTRUCTIONS) is Stop.SYSTEM_OFF
        check_all_done(machine)


def test_frames_that_travel_in_a_link_that_stays_behind_are_lost() -> None:
    """A fault: they are the network's, and in no snapshot."""
    pace = PACES["far"]
    link = echo_link(pace)
    with boot(pace, link) as machine:
        while not machine.virtio["eth0"].device.queues[1].state.next_used:
            machine.run(1)
        snapshot = through_bytes(freeze(machine))
    with thawed(snapshot, pace, echo_link(pace)) as machine:
        assert machine.run(LIMIT_INSTRUCTIONS) is Stop.IDLE
