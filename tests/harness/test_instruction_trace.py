"""Every instruction is told, with its time, and the guest can't tell that it is watched."""

from __future__ import annotations

from itertools import pairwise

import pytest

from emu.boards.squib import SQUIB
from emu.core.events import ExceptionTaken, MmioAccess, Stamped
from emu.machine import Machine
from firmware.layout import Arguments, Window
from harness.guests import boot_guest, guest_symbols
from harness.instruction_trace import Executed, watched_instructions
from harness.report.trace import Entry, trace_line
from harness.symbols import Symbols
from harness.trace import record, trace_differences

BUSY = Arguments(mode=Window.NONE, ticks=3, tick_period=1_000, rounds=1)


def boot(name: str = "heartbeat") -> Machine:
    return boot_guest(name, arguments=BUSY)


@pytest.mark.parametrize("name", ["heartbeat", "quiet"])
def test_a_run_is_the_same_whether_it_is_watched_or_not(name: str) -> None:
    """The same events at the same times, and the same state at the end."""
    with boot_guest(name) as plain, boot_guest(name) as traced:
        expected = record(plain, 20_000)
        seen: list[Executed] = []
        with watched_instructions(traced, seen.append):
            found = record(traced, 20_000)
    assert list(trace_differences(expected, found)) == []
    assert len(seen) == found.instructions


def test_each_instruction_has_its_own_time_and_events_have_that_of_their_cause() -> None:
    entries: list[Entry] = []
    with boot() as machine:
        machine.events.subscribe(entries.append)
        with watched_instructions(machine, entries.append):
            machine.run()
    executed = [entry for entry in entries if isinstance(entry, Executed)]
    times = [entry.time for entry in executed]
    assert times == sorted(set(times))
    for entry, after in pairwise(entries):
        if isinstance(after, Stamped) and isinstance(after.event, MmioAccess | ExceptionTaken):
            assert entry.time == after.time


def test_the_words_are_those_in_memory_and_the_first_is_the_entry() -> None:
    with boot() as machine:
        seen: list[Executed] = []
        entry, word = machine.vcpus[0].engine.pc, machine.ram.read(SQUIB.kernel_base, 4)
        with watched_instructions(machine, seen.append):
            machine.run(1)
    assert seen == [Executed(1, 0, 1, entry, int.from_bytes(word, "little"))]


def test_a_watch_may_begin_and_end_in_the_middle() -> None:
    with boot() as plain, boot() as machine:
        plain.run(1500)
        seen: list[Executed] = []
        machine.run(500)
        with watched_instructions(machine, seen.append):
            machine.run(300)
        machine.run(700)
        assert len(seen) == 300
        assert machine.state() == plain.state()


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            Executed(1234, 0, 1, 0x8020_0010, 0xD503201F),
            "        1234 0 EL1 0x80200010 <main+0x10>: d503201f nop",
        ),
        (
            Executed(7, 3, 0, 0x40, None),
            "           7 3 EL0 0x40: can't be read",
        ),
        (
            Stamped(9, ExceptionTaken(0, 0xF200_0001, 0x8020_0000)),
            "           9   * vCPU 0: BRK (imm16=1), return to 0x80200000 <main>",
        ),
    ],
    ids=["instruction", "unreadable", "event"],
)
def test_a_trace_is_told_line_by_line(entry: Entry, line: str) -> None:
    assert trace_line(entry, Symbols({"main": 0x8020_0000})) == line


def test_the_symbols_of_a_guest_come_along() -> None:
    assert guest_symbols("heartbeat").lookup(SQUIB.kernel_base + 0x44) == "boot+0x4"
