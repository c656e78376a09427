"""The guest `frames` with its echo: every frame comes back once and in order, at whatever pace the
device goes and whenever its state is captured and applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest

from emu.devices.network.link import Link
from emu.devices.network.responder import Responder
from emu.devices.virtio.block import BlockConfig
from emu.devices.virtio.disk import MemoryDisk
from emu.devices.virtio.net import NetConfig
from emu.devices.virtio.rate_limiter import UNLIMITED, RateLimiterConfig, TokenBucketConfig
from emu.machine import Machine, Stop
from emu.machine.state import ConnectedState
from firmware.layout import FrameArguments, FrameResults
from harness.guests import boot_guest, read_block

ARGUMENTS = FrameArguments(rounds=4)
FRAMES = 2 * ARGUMENTS.rounds
LIMIT_INSTRUCTIONS = 100_000
ONE_FRAME_AT_A_TIME = RateLimiterConfig(ops=TokenBucketConfig(size=1, refill_time_ms=1))


@dataclass(frozen=True)
class Pace:
    """How fast frames go."""

    virtio_latency_cycles: int = 0
    link_latency_cycles: int = 0
    rx_limit: RateLimiterConfig = UNLIMITED
    tx_limit: RateLimiterConfig = UNLIMITED


PACES = {
    "at once": Pace(),
    "next instruction": Pace(virtio_latency_cycles=1),
    "late": Pace(virtio_latency_cycles=700, link_latency_cycles=90),
    "far": Pace(link_latency_cycles=1000),
    "held up on their way in": Pace(rx_limit=ONE_FRAME_AT_A_TIME),
    "held up both ways": Pace(10, 5, ONE_FRAME_AT_A_TIME, ONE_FRAME_AT_A_TIME),
}
each_pace = pytest.mark.parametrize("pace", PACES.values(), ids=PACES)


def echo_link(pace: Pace) -> Link:
    """A link to a responder."""
    return Link(Responder(IPv4Address("172.16.0.1")), latency_cycles=pace.link_latency_cycles)


def boot(pace: Pace, link: Link | None = None) -> Machine:
    """A machine with `frames`, its device in slot 0, and a responder."""
    device = NetConfig(
        id="eth0",
        link=link or echo_link(pace),
        rx_rate_limiter=pace.rx_limit,
        tx_rate_limiter=pace.tx_limit,
    )
    return boot_guest(
        "frames",
        arguments=ARGUMENTS,
        devices=[device],
        virtio_latency_cycles=pace.virtio_latency_cycles,
    )


def check_all_done(machine: Machine) -> None:
    """Nothing was lost, repeated or changed on the way."""
    results = read_block(machine, "frames", FrameResults)
    assert (results.sent, results.returned, results.received) == (FRAMES, FRAMES, FRAMES)
    assert (results.unexpected, results.finished) == (0, 1)


@each_pace
def test_all_frames_come_back_at_any_pace(pace: Pace) -> None:
    with boot(pace) as machine:
        assert machine.run(LIMIT_INSTRUCTIONS) is Stop.SYSTEM_OFF
        check_all_done(machine)


@each_pace
def test_capture_and_apply_between_any_two_instructions_changes_nothing(pace: Pace) -> None:
    """The run is the same to the cycle as one that nobody looked into."""
    with boot(pace) as left, boot(pace) as right:
        left.run(LIMIT_INSTRUCTIONS)
        transport = right.virtio["eth0"]
        while right.run(1) is Stop.LIMIT:
            ConnectedState.of(transport).load_into(transport)
        assert right.state() == left.state()
        assert right.instructions == left.instructions
        check_all_done(right)


def test_a_machine_without_the_device_says_so() -> None:
    with boot_guest(
        "frames", devices=[BlockConfig(id="disk", disk=MemoryDisk(bytes(512)))]
    ) as machine:
        assert machine.run(LIMIT_INSTRUCTIONS) is Stop.SYSTEM_OFF
        assert b"there is no virtio-net device" in machine.console
