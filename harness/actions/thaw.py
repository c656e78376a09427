"""The command that thaws a snapshot and lets it run on."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from emu.boards.squib import SQUIB
from emu.errors import PlanError
from emu.snapshot import RESTORE_PLAN, Plan, Snapshot, thaw
from harness.actions.devices import BackingOptions, backings
from harness.actions.files import about
from harness.actions.running import RunOptions, Session
from harness.entropy import SeededEntropy
from harness.report.console import stdout
from harness.report.status_line import StatusLine
from harness.report.timeline import Timeline


@dataclass(frozen=True, slots=True)
class ThawOptions:
    """What the command line says.

    Attributes:
        memory: the memory file, in place of the one beside the state file.
        seed: of the entropy from which the new generation id is drawn.
        host_clock: the host's clock, in cycles; None for what it was at the freeze.
        foreign_gic: what to do about a GIC state that was not made here.
        plan: a restore plan in TOML, in place of the dialect's own.
        backings: what stands behind its devices.
    """

    memory: Path | None
    seed: bytes
    host_clock: int | None
    foreign_gic: str
    plan: Path | None
    backings: BackingOptions


def thaw_and_run(state_path: Path, options: ThawOptions, running: RunOptions) -> int:
    """Thaw `state_path` with its memory, run on, and print the timeline; the exit status.

    Raises:
        ThawbenchError: it can't be thawed.
        OSError: a file can't be read or written.
    """
    console = stdout()
    plan = _plan(options)
    with about(state_path):
        snapshot = Snapshot.load(state_path, options.memory)
    timeline = Timeline(SQUIB, SQUIB.intid(SQUIB.free_gsis[0]))
    timeline.chapter(f"thaw {state_path.name}")
    status = StatusLine(sys.stderr if running.shows_status(at_console=False) else None)
    session = Session(running, listeners=[timeline.listen], status=status)
    with backings(options.backings) as behind, session:
        machine = thaw(
            snapshot,
            entropy=SeededEntropy(options.seed),
            plan=plan,
            host_clock=options.host_clock,
            listener=session.listen,
            drives=behind.drives,
            links=behind.links,
            endpoints=behind.endpoints,
        )
        with machine:
            timeline.chapter("the guest goes on")
            ending = session.run(machine)
    if not running.stdout_users:
        console.print(timeline.table())
        console.print(f"\n{ending.reason}, after {ending.found.instructions} instructions")
        console.print(
            f"entropy seed: {options.seed.hex()} (repeat with --entropy {options.seed.hex()})"
        )
    return 0 if ending.powered_off else 1


def _plan(options: ThawOptions) -> Plan:
    plan = RESTORE_PLAN
    if options.plan is not None:
        with about(options.plan):
            plan = Plan.from_toml(_utf8(options.plan))
    if options.foreign_gic != "refuse":
        plan = plan.with_arguments("set-gic-state", foreign=options.foreign_gic)
    return plan


def _utf8(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise PlanError("a plan is a TOML file in UTF-8") from None
