"""The processor benchmark does what its rows say. How long that takes is no test's business."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from io import StringIO

import pytest
from rich.console import Console

from emu.core.events import Event, ExceptionTaken, IrqEnded, MmioAccess, WaitStarted
from tests.bench import bare, guests, processor
from tests.bench.guests import Guest
from tests.bench.ours import Ours
from tests.bench.processor import COSTS, STRAIGHT, Size

THINGS = 7


def test_it_prints_every_row() -> None:
    console = Console(width=100, file=StringIO(), record=True)
    for table in processor.tables(Size(rounds=1, instructions=100, things=2)):
        console.print(table)
    lines = console.export_text().splitlines()
    for name in [*STRAIGHT, *(contest.name for contest in COSTS)]:
        [line] = [line for line in lines if line.strip().startswith(name)]
        assert len(line.split(name)[1].split()) == 3


@pytest.mark.parametrize(
    ("guest", "kind"),
    [
        (guests.EXCEPTION, ExceptionTaken),
        (guests.INTERRUPT, IrqEnded),
        (guests.MMIO, MmioAccess),
        (guests.WAIT, WaitStarted),
    ],
)
def test_our_round_does_the_thing_once(guest: Guest, kind: type[Event]) -> None:
    with closing(Ours(guest)) as ours:
        happened: list[Event] = []
        ours.machine.events.subscribe(lambda stamped: happened.append(stamped.event))
        ours.run(THINGS)
        assert sum(isinstance(event, kind) for event in happened) == THINGS
        assert ours.machine.vcpus[0].engine.pc == guests.CODE


@pytest.mark.parametrize(
    "peer",
    [
        bare.BareException,
        bare.BareInterrupt,
        bare.BareSystemRegister,
        bare.BareMmio,
        bare.BareWait,
        lambda: bare.BarePair(guests.EMPTY),
    ],
)
def test_the_peers_round_does_the_thing_once(peer: Callable[[], bare.Bare | bare.BarePair]) -> None:
    with closing(peer()) as subject:
        subject.run(THINGS)
        assert subject.calls == THINGS


@pytest.mark.parametrize("guest", STRAIGHT.values(), ids=STRAIGHT)
def test_both_sides_execute_the_same(guest: Guest) -> None:
    with closing(Ours(guest)) as ours, closing(bare.Bare(guest)) as peer:
        for subject in (ours, peer):
            subject.run(THINGS)
        [vcpu] = ours.machine.vcpus
        assert vcpu.engine.pc == peer.pc == guests.CODE
        assert vcpu.engine.x[0] == peer.x0 > 0
