"""A report on a machine, for whoever has one in hand: a test that failed, a debugger's prompt."""

from __future__ import annotations

from emu.machine import Machine
from emu.machine.postmortem import Recorder, examine
from harness.report.postmortem import postmortem_lines
from harness.symbols import Symbols


def postmortem(
    machine: Machine,
    reason: str = "it was looked at",
    *,
    recorder: Recorder | None = None,
    symbols: Symbols | None = None,
) -> str:
    """All that there is to know about `machine`, as text. The machine stays as it is.

    Args:
        machine: may have stopped for any reason, a `GuestError` too.
        reason: why it stopped.
        recorder: what listened while it ran, for the last exceptions and events.
        symbols: names for addresses.

    Raises:
        MachineError: the machine is closed.
    """
    found = examine(machine, reason, recorder)
    return "\n".join(postmortem_lines(found, symbols or Symbols()))
