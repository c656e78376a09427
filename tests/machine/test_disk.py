"""The guest `disk` with its drive: every request is answered once, at whatever pace the device goes
and whenever its state is captured and applied.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from emu.devices.virtio.block import BlockConfig
from emu.devices.virtio.disk import Disk, MemoryDisk
from emu.devices.virtio.rate_limiter import UNLIMITED, RateLimiterConfig, TokenBucketConfig
from emu.machine import Machine, Stop
from emu.machine.state import ConnectedState
from firmware.layout import DiskArguments, DiskResults
from harness.guests import boot_guest, read_block
from tests.firmware.disk_work import SECTOR_SIZE_BYTES, request_count, work_on

ARGUMENTS = DiskArguments(rounds=4, target_sector=16)
CONTENTS = bytes(range(256)) * (24 * SECTOR_SIZE_BYTES // 256)
LATENCY_CYCLES = 700
ONE_REQUEST_AT_A_TIME = RateLimiterConfig(ops=TokenBucketConfig(size=1, refill_time_ms=1))
LIMIT_INSTRUCTIONS = 100_000


@dataclass(frozen=True)
class Pace:
    """How fast the device goes."""

    latency_cycles: int = 0
    rate_limiter: RateLimiterConfig = UNLIMITED


PACES = {
    "at once": Pace(),
    "next instruction": Pace(latency_cycles=1),
    "late": Pace(latency_cycles=LATENCY_CYCLES),
    "limited": Pace(rate_limiter=ONE_REQUEST_AT_A_TIME),
    "late and limited": Pace(LATENCY_CYCLES, ONE_REQUEST_AT_A_TIME),
}
each_pace = pytest.mark.parametrize("pace", PACES.values(), ids=PACES)


def boot(disk: Disk, pace: Pace) -> Machine:
    """A machine with `disk` in slot 0."""
    return boot_guest(
        "disk",
        arguments=ARGUMENTS,
        devices=[BlockConfig(id="disk", disk=disk, rate_limiter=pace.rate_limiter)],
        virtio_latency_cycles=pace.latency_cycles,
    )


def check_all_done(machine: Machine, disk: MemoryDisk) -> None:
    """Nothing was lost, repeated or changed on the way."""
    results = read_block(machine, "disk", DiskResults)
    contents, checksum = work_on(CONTENTS, ARGUMENTS)
    expected = request_count(ARGUMENTS)
    assert (results.submitted, results.completed) == (expected, expected)
    assert (results.failed, results.unexpected) == (0, 0)
    assert (results.checksum, results.finished) == (checksum, 1)
    assert disk.read(0, disk.size_bytes) == contents


@each_pace
def test_all_requests_are_answered_at_any_pace(pace: Pace) -> None:
    disk = MemoryDisk(CONTENTS)
    with boot(disk, pace) as machine:
        assert machine.run(LIMIT_INSTRUCTIONS) is Stop.SYSTEM_OFF
        check_all_done(machine, disk)


@each_pace
def test_capture_and_apply_between_any_two_instructions_changes_nothing(
    pace: Pace,
) -> None:
    """The run is the same to the cycle as one that nobody looked into."""
    plain, reloaded = MemoryDisk(CONTENTS), MemoryDisk(CONTENTS)
    with boot(plain, pace) as left, boot(reloaded, pace) as right:
        left.run(LIMIT_INSTRUCTIONS)
        transport = right.virtio["disk"]
        while right.run(1) is Stop.LIMIT:
            ConnectedState.of(transport).load_into(transport)
        assert right.state() == left.state()
        assert right.instructions == left.instructions
        check_all_done(right, reloaded)
