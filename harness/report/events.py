"""Events as lines for people."""

from __future__ import annotations

from emu.arch.syndromes import syndrome_text
from emu.core.events import ExceptionTaken, InterruptTaken, Stamped
from harness.symbols import Symbols


def event_line(stamped: Stamped, symbols: Symbols) -> str:
    """An event with its virtual time, in cycles; exceptions with what their syndrome says."""
    event = stamped.event
    match event:
        case ExceptionTaken():
            at = place(event.elr, symbols)
            text = f"vCPU {event.vcpu}: {syndrome_text(event.esr)}, return to {at}"
        case InterruptTaken():
            kind = "FIQ" if event.is_fiq else "IRQ"
            text = f"vCPU {event.vcpu}: {kind}, return to {place(event.elr, symbols)}"
        case _:
            text = str(event)
    return f"{stamped.time:>12} {text}"


def place(address: int, symbols: Symbols) -> str:
    """An address with its name.

    >>> place(0x1004, Symbols({"main": 0x1000})), place(0, Symbols())
    ('0x1004 <main+0x4>', '0x0')
    """
    name = symbols.lookup(address)
    return f"{address:#x} <{name}>" if name else f"{address:#x}"
