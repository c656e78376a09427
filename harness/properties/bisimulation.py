"""Properties of runs: a freeze and a thaw in between change nothing."""

from __future__ import annotations

from collections.abc import Callable

from emu.errors import GuestError
from emu.formats import squib
from emu.machine import Machine
from emu.snapshot import Plan, Snapshot, freeze, thaw
from harness.entropy import SeededEntropy
from harness.properties.round_trip import QUIET_RESTORE_PLAN
from harness.properties.violation import PropertyViolation, expect_none
from harness.trace import INSTRUCTIONS_MAX, Trace, record, trace_differences

Boot = Callable[[], Machine]
"""Makes a machine at the start of a scenario, the same each time it is called."""


def through_bytes(snapshot: Snapshot) -> Snapshot:
    """The snapshot as read back from its own state file."""
    return Snapshot(snapshot.dialect, squib.load(snapshot.encode_state()), snapshot.memory)


def record_thawed(rule: str, machine: Machine, max_instructions: int) -> Trace:
    """As `record`; a guest that does what is not modelled has broken `rule`."""
    try:
        return record(machine, max_instructions)
    except GuestError as error:
        raise PropertyViolation(f"{rule}\n  {error}") from error


def check_bisimilar(
    boot: Boot, *, before: int, after: int = INSTRUCTIONS_MAX, plan: Plan = QUIET_RESTORE_PLAN
) -> None:
    """BISIM: run `before`, freeze, thaw, run `after` equals run `before + after`.

    Equal are every event with its time, the console's output, and all state and RAM at the end.
    The run that is not frozen is quiesced at the same point, since no format carries the exclusive
    monitor, a WFI's wait or the TLB.

    Args:
        boot: makes the machine.
        before: instructions before the freeze.
        after: instructions after it, unless the guest ends earlier.
        plan: how to thaw; the default does not tell the guest, which would change its course.
    """
    with boot() as whole:
        whole.run(before)
        whole.quiesce()
        whole.drive_timer_lines()
        expected = record(whole, after)
    with boot() as frozen:
        frozen.run(before)
        snapshot = through_bytes(freeze(frozen))
    with thaw(snapshot, entropy=SeededEntropy(b"bisimilar"), plan=plan) as thawed:
        rule = f"BISIM: frozen after {before} instructions, the guest goes on as if it had not been"
        found = record_thawed(rule, thawed, after)
    expect_none(rule, trace_differences(expected, found))


def check_deterministic(boot: Boot, *, instructions: int = INSTRUCTIONS_MAX) -> None:
    """Two runs of the same machine are the same, event by event, whatever the host does."""
    with boot() as first, boot() as second:
        expect_none(
            "two runs of one machine are the same",
            trace_differences(record(first, instructions), record(second, instructions)),
        )
