"""The guest `disk` is frozen before and after each instruction with which it reaches its device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.core.events import MmioAccess, Stamped
from emu.devices.virtio.disk import MemoryDisk
from emu.machine import Machine, Stop
from emu.snapshot import Snapshot, freeze, thaw
from harness.properties.bisimulation import through_bytes
from tests.machine.test_disk import (
    CONTENTS,
    LIMIT_INSTRUCTIONS,
    PACES,
    Pace,
    boot,
    check_all_done,
)

ACCESSES_MIN = 50
"""It sets the device up, notifies it of 17 requests, and acknowledges its interrupts."""


def accesses(machine: Machine) -> Iterator[int]:
    """How many instructions come before each that accesses a virtio device."""
    found: list[str] = []

    def note(stamped: Stamped) -> None:
        if isinstance(stamped.event, MmioAccess):
            found.append(stamped.event.window)

    machine.events.subscribe(note)
    while machine.run(1) is Stop.LIMIT:
        if any(window.startswith("virtio") for window in found):
            yield machine.instructions - 1
        found.clear()


def snapshots(pace: Pace) -> Iterator[tuple[Snapshot, bytes]]:
    """The machine at each boundary, through bytes, and what is on its disk then."""
    with boot(MemoryDisk(CONTENTS), pace) as machine:
        before = list(accesses(machine))
    assert len(before) > ACCESSES_MIN
    boundaries = sorted({boundary for n in before for boundary in (n, n + 1)})
    disk = MemoryDisk(CONTENTS)
    with boot(disk, pace) as machine:
        for boundary in boundaries:
            machine.run(boundary - machine.instructions)
            yield through_bytes(freeze(machine)), disk.read(0, disk.size_bytes)


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_every_request_is_answered_once(pace: Pace) -> None:
    for snapshot, contents in snapshots(pace):
        disk = MemoryDisk(contents)
        with thaw(
            snapshot,
            entropy=bytes,
            drives={"disk": disk},
            virtio_latency_cycles=pace.latency_cycles,
        ) as machine:
            assert machine.run(LIMIT_INSTRUCTIONS) is Stop.SYSTEM_OFF
            check_all_done(machine, disk)
