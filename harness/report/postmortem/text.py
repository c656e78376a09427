"""The report as text."""

from __future__ import annotations

from collections.abc import Iterator

from emu.arch.gicv3 import LPI_FIRST, PRIVATE_COUNT, SGI_COUNT
from emu.core.events import Stamped
from emu.machine.postmortem import InterruptReport, Postmortem
from harness.report.events import event_line
from harness.report.postmortem.vcpus import vcpu_lines
from harness.report.text import count, printable
from harness.symbols import Symbols

_CONSOLE_LINES_MAX = 12

_KINDS = ((LPI_FIRST, "LPI"), (PRIVATE_COUNT, "SPI"), (SGI_COUNT, "PPI"), (0, "SGI"))
"""Kinds of interrupts, each with its first INTID."""


def postmortem_lines(found: Postmortem, symbols: Symbols) -> Iterator[str]:
    """The report, line by line."""
    milliseconds = found.cycles * 1000 / found.cycles_per_s
    yield f"stopped: {printable(found.reason)}"
    yield (
        f"  at {milliseconds:.4f} ms of virtual time ({count(found.cycles, 'cycle')}), "
        f"after {count(found.instructions, 'instruction')}"
    )
    for vcpu in found.vcpus:
        yield ""
        yield from vcpu_lines(vcpu, found, symbols)
    yield ""
    yield from _gic(found)
    yield from _events("last exceptions", found.exceptions, symbols)
    yield from _events("last events", found.events, symbols)
    yield from _console(found.console)


def _gic(found: Postmortem) -> Iterator[str]:
    groups = [f"group {n}" for n in range(2) if found.gicd_ctlr >> n & 1]
    yield f"GIC: GICD_CTLR {found.gicd_ctlr:#x}, forwards {' and '.join(groups) or 'nothing'}"
    if not found.interrupts:
        yield "  every interrupt is as after a reset"
    for interrupt in found.interrupts:
        yield f"  {_interrupt(interrupt)}"


def _interrupt(interrupt: InterruptReport) -> str:
    kind = next(kind for first, kind in _KINDS if interrupt.intid >= first)
    target = "nowhere" if interrupt.target is None else f"vCPU {interrupt.target}"
    states = [
        "enabled" if interrupt.enabled else "disabled",
        *(name for name in ("active", "latch") if getattr(interrupt, name)),
        *(["line high"] if interrupt.line else []),
    ]
    text = (
        f"{interrupt.intid:>4} {kind} to {target}, group {interrupt.group}, "
        f"priority {interrupt.priority:#04x}, {'edge' if interrupt.edge else 'level'}: "
        f"{', '.join(states)}"
    )
    if not interrupt.pending:
        return text
    kept_back = "; ".join(interrupt.obstacles)
    return f"{text}; pending, {f'kept back: {kept_back}' if kept_back else 'signalled'}"


def _events(title: str, events: tuple[Stamped, ...], symbols: Symbols) -> Iterator[str]:
    if events:
        yield ""
        yield f"{title}:"
    for stamped in events:
        yield f"  {event_line(stamped, symbols)}"


def _console(console: bytes) -> Iterator[str]:
    if console:
        yield ""
        yield "the last lines of the console:"
    for line in console.decode("utf-8", "replace").splitlines()[-_CONSOLE_LINES_MAX:]:
        yield f"  | {printable(line)}"
