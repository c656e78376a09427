"""A trace as text: instructions, and between them what they caused."""

from __future__ import annotations

from emu.core.events import Stamped
from harness.disassembly import disassemble
from harness.instruction_trace import Executed
from harness.report.events import event_line, place
from harness.symbols import Symbols

Entry = Executed | Stamped
"""What a trace is made of."""


def trace_line(entry: Entry, symbols: Symbols) -> str:
    """One line: virtual time in cycles, and the instruction or, after an asterisk, the event."""
    if isinstance(entry, Stamped):
        time, text = event_line(entry, symbols).split(maxsplit=1)
        return f"{time:>12}   * {text}"
    where = place(entry.pc, symbols)
    if entry.word is None:
        return f"{entry.time:>12} {entry.vcpu} EL{entry.el} {where}: can't be read"
    text = disassemble(entry.pc, entry.word)
    return f"{entry.time:>12} {entry.vcpu} EL{entry.el} {where}: {entry.word:08x} {text}"
