"""How a run ended: one line, or the whole report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a machine is.

    Attributes:
        virtual_s: virtual time.
        instructions: executed so far.
        instructions_per_s: of late, in real time; None if that is not known yet.
        vcpus_running: those that are on and do not wait.
        vcpus: all that there are.
    """

    virtual_s: float
    instructions: int
    instructions_per_s: float | None
    vcpus_running: int
    vcpus: int

    def text(self) -> str:
        """For the status line.

        >>> Progress(
        ...     virtual_s=1.5, instructions=2_000_000_000, instructions_per_s=4e7,
        ...     vcpus_running=1, vcpus=2,
        ... ).text()
        '1.500 s of virtual time, 2,000 M instructions, 40.0 MIPS, 1 of 2 vCPUs running'
        """
        speed = self.instructions_per_s
        return ", ".join(
            [
                f"{self.virtual_s:.3f} s of virtual time",
                f"{self.instructions / 1e6:,.0f} M instructions",
                *([] if speed is None else [f"{speed / 1e6:.1f} MIPS"]),
                f"{self.vcpus_running} of {count(self.vcpus, 'vCPU')} running",
            ]
        )
