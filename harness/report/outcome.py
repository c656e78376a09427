"""How a run ended: one line, or the whole report."""

from __future__ import annotations

from collections.abc import Sequence

import click

from emu.machine import Machine
from emu.machine.postmortem import Postmortem
from harness.report.output import note, print_json
from harness.report.postmortem import postmortem_json, postmortem_lines
from harness.report.text import count
from harness.symbols import Symbols


def print_ending(found: Postmortem) -> None:
    """A run that ended well, in a line on stderr."""
    milliseconds = found.cycles * 1000 / found.cycles_per_s
    executed = count(found.instructions, "instruction")
    note(f"{found.reason}, after {executed}, at {milliseconds:.4f} ms of virtual time")


def print_postmortem(
    found: Postmortem, symbols: Symbols, last: Sequence[str], *, as_json: bool
) -> None:
    """The whole report, as text on stderr or as JSON on stdout.

    Args:
        found: what there is to know.
        symbols: names for addresses.
        last: the end of the trace, line by line.
        as_json: which of the two.
    """
    if as_json:
        print_json({**postmortem_json(found, symbols), "trace": list(last)})
        return
    click.echo(err=True)  # the console may have ended in the middle of a line
    for line in postmortem_lines(found, symbols):
        click.echo(line, err=True)
    if last:
        click.echo("\nthe end of the trace:", err=True)
    for line in last:
        click.echo(line, err=True)


def progress(machine: Machine) -> str:
    """How far a machine is, for the status line."""
    board = machine.board
    seconds = machine.clock.now() / (board.counter_frequency_hz * board.cycles_per_tick)
    return f"{seconds:.3f} s of virtual time, {machine.instructions / 1e6:,.0f} M instructions"
