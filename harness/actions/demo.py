"""The demonstration: freeze a guest into a squib snapshot, thaw it, see VMGenID arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rich.console import Console

from emu.boards.squib import SQUIB
from emu.core.events import GenerationChanged, IrqAcknowledged, IrqPended, Stamped
from emu.formats import squib
from emu.inspect.describe import describe, registers
from emu.machine import Machine, Stop
from emu.snapshot import Snapshot, freeze, thaw
from firmware.layout import Arguments, Window
from harness import data
from harness.entropy import SeededEntropy
from harness.guests import boot_guest
from harness.properties import (
    PropertyViolation,
    check_bisimilar,
    check_delivered_once,
    check_deterministic,
    check_fresh,
    check_idempotent,
    check_round_trip,
)
from harness.properties.violation import expect
from harness.report.console import stdout
from harness.report.timeline import Timeline

GUEST = "heartbeat"
ARGUMENTS = Arguments(mode=Window.NONE, ticks=6, tick_period=24_000, rounds=1)
FREEZE_AT_TICK = 3
INSTRUCTIONS_INTO_HANDLER = 40
INSTRUCTIONS_MAX = 1_000_000

TIMER_INTID = SQUIB.timers.virtual
VMGENID_INTID = SQUIB.intid(SQUIB.free_gsis[0])


@dataclass(frozen=True, slots=True)
class Story:
    """What the demonstration did, for its verdicts.

    Attributes:
        frozen_at: instructions executed before the freeze.
        snapshot: as read back from its files.
        events: of both machines, in order.
        console: of both machines, in order.
        stop: why the thawed machine ended.
        seed: of the entropy.
    """

    frozen_at: int
    snapshot: Snapshot
    events: tuple[Stamped, ...]
    console: str
    stop: Stop
    seed: bytes


def run(output: Path, seed: bytes) -> int:
    """Run the demonstration, leaving `demo.snap` and `demo.mem` in the folder `output`.

    Args:
        output: made if it does not exist.
        seed: of all randomness; the same seed gives the same output.

    Returns:
        The exit status: 0 if all properties hold, else 1.

    Raises:
        ThawbenchError: a machine or a snapshot could not be had.
        OSError: the files can't be written.
    """
    console = stdout()
    golden = data.read(data.DEMO_SNAPSHOT)
    console.print("[bold]A state file that squib's own crates wrote[/]")
    for line in _golden_summary(golden):
        console.print(f"  {line}", markup=False)
    console.print("\n[bold]A guest over a freeze and a thaw[/]")
    timeline = Timeline(SQUIB, VMGENID_INTID)
    story = _tell(output, seed, timeline)
    console.print(timeline.table())
    console.print("\n[bold]Verdicts[/]")
    held = [_judge(console, name, check) for name, check in _verdicts(golden, story)]
    console.print(f"\nentropy seed: {seed.hex()} (repeat with --entropy {seed.hex()})")
    return 0 if all(held) else 1


def _golden_summary(golden: bytes) -> Iterator[str]:
    description = describe(golden)
    header, state = description.header, description.state
    if header is None or state is None or state.gic is None:
        raise PropertyViolation("the golden file that comes with this package is damaged")
    form = f"{header.encoding}, version {header.version}, {header.architecture}"
    yield f"{data.DEMO_SNAPSHOT}: {len(golden)} bytes, {form}"
    memory, boot_args = state.vm["mem_size_mib"], state.vm["boot_args"]
    yield f"{len(state.vcpus)} vCPUs, {memory} MiB, boot args: {boot_args}"
    for vcpu in state.vcpus:
        groups = {group.title: group.registers for group in vcpu.groups}
        pc = next(register for register in groups["general"] if register.name == "PC")
        where = f"PC {registers.number(pc):#x}, {len(groups['system'])} system registers"
        yield f"vCPU {vcpu.index}: {vcpu.power_state}, {where}"
    kinds = ", ".join(f"{device.id} ({device.kind})" for device in state.devices)
    yield f"devices: {kinds}"
    yield f"GIC: {state.gic.declared_size_bytes} bytes; MMDS: {'yes' if state.mmds else 'no'}"


def _tell(output: Path, seed: bytes, timeline: Timeline) -> Story:
    entropy = SeededEntropy(seed)
    events: list[Stamped] = []

    def listen(stamped: Stamped) -> None:
        events.append(stamped)
        timeline.listen(stamped)

    timeline.chapter(f"machine 1: {GUEST} boots on the board {SQUIB.name}")
    with boot_guest(GUEST, arguments=ARGUMENTS, entropy=entropy) as first:
        first.events.subscribe(listen)
        _run_into_handler(first)
        timeline.chapter("freeze, in the middle of the timer interrupt's handler")
        snapshot = freeze(first)
        frozen_at, printed = first.instructions, bytes(first.console)
    output.mkdir(parents=True, exist_ok=True)
    state_path, memory_path = snapshot.save(output, "demo")
    timeline.chapter(f"saved: {state_path.name}, {memory_path.name}; machine 2: thaw")
    loaded = Snapshot.load(state_path)
    with thaw(loaded, entropy=entropy, listener=listen) as second:
        timeline.chapter("machine 2: the guest goes on")
        stop = second.run(INSTRUCTIONS_MAX)
        printed += bytes(second.console)
    return Story(frozen_at, loaded, tuple(events), printed.decode("ascii"), stop, seed)


def _run_into_handler(machine: Machine) -> None:
    """Run until the guest has just taken the timer interrupt at which it is frozen."""
    ticks = 0

    def count(stamped: Stamped) -> None:
        nonlocal ticks
        if isinstance(stamped.event, IrqAcknowledged) and stamped.event.intid == TIMER_INTID:
            ticks += 1
            if ticks == FREEZE_AT_TICK:
                machine.stop()

    unsubscribe = machine.events.subscribe(count)
    machine.run(INSTRUCTIONS_MAX)
    unsubscribe()
    machine.run(INSTRUCTIONS_INTO_HANDLER)


def _verdicts(golden: bytes, story: Story) -> list[tuple[str, Callable[[], object]]]:
    snapshot = story.snapshot

    def boot() -> Machine:
        return boot_guest(GUEST, arguments=ARGUMENTS, entropy=SeededEntropy(story.seed))

    return [
        ("the golden file is re-encoded to the same bytes", lambda: check_round_trip(golden)),
        ("demo.snap is accepted by squib's loader", lambda: squib.load(snapshot.encode_state())),
        ("demo.snap and demo.mem thaw and freeze to the same bytes",
         lambda: check_idempotent(snapshot)),
        ("no timer tick is lost, repeated or moved", lambda: _check_ticks(story)),
        ("each clone has a new generation id before its first instruction",
         lambda: check_fresh(snapshot)),
        ("the new id is in memory before its interrupt is pending", lambda: _check_order(story)),
        ("VMGenID's interrupt is acknowledged once and ended once",
         lambda: check_delivered_once(snapshot, seed=story.seed)),
        ("the guest's handler saw the new id", lambda: _check_handled(story)),
        ("untold of the restore, the guest goes on as if it had not been frozen",
         lambda: check_bisimilar(boot, before=story.frozen_at)),
        ("two runs of the guest are identical", lambda: check_deterministic(boot)),
    ]  # fmt: skip


def _judge(console: Console, name: str, check: Callable[[], object]) -> bool:
    try:
        check()
    except PropertyViolation as violation:
        console.print(f"  [bold red]broken[/]  {name}")
        console.print(f"          {violation}", markup=False)
        return False
    console.print(f"  [bold green]holds[/]   {name}")
    return True


def _check_ticks(story: Story) -> None:
    times = [
        stamped.time
        for stamped in story.events
        if isinstance(stamped.event, IrqAcknowledged) and stamped.event.intid == TIMER_INTID
    ]
    intervals = {later - earlier for earlier, later in pairwise(times)}
    expect("ticks come at even intervals", len(intervals) == 1, f"intervals: {sorted(intervals)}")
    printed = [line for line in story.console.splitlines() if line.startswith("tick ")]
    expected = [f"tick {number}" for number in range(1, ARGUMENTS.ticks + 1)]
    expect("the guest counts every tick", printed == expected, f"it printed {printed}")


def _check_order(story: Story) -> None:
    kinds = [
        type(stamped.event)
        for stamped in story.events
        if isinstance(stamped.event, GenerationChanged)
        or (isinstance(stamped.event, IrqPended) and stamped.event.intid == VMGENID_INTID)
    ]
    seen = ", ".join(kind.__name__ for kind in kinds)
    expect("first the id, then the interrupt", kinds == [GenerationChanged, IrqPended], seen)


def _check_handled(story: Story) -> None:
    ids = [
        stamped.event.generation_id
        for stamped in story.events
        if isinstance(stamped.event, GenerationChanged)
    ]
    expected = [f"vmgenid: new generation {value:032x}" for value in ids]
    printed = [line for line in story.console.splitlines() if "generation" in line]
    expect("the guest prints the new id, once", printed == expected, f"it printed {printed}")
    expect("the guest ends by itself", story.stop is Stop.SYSTEM_OFF, story.stop.value)
