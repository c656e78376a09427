"""Several machines at once, deterministically."""

from __future__ import annotations

from collections.abc import Sequence

from emu.devices.network.cable import Cable
from emu.errors import MachineError
from emu.machine.machine import Machine
from emu.machine.scheduler import Stop


def run_together(
    machines: Sequence[Machine],
    cables: Sequence[Cable],
    *,
    quantum_cycles: int,
    quanta: int,
) -> list[Stop]:
    """Run machines side by side: each in turn for a quantum of its own virtual time, then the next
    quantum. What a machine sends in a quantum reaches the others at the start of the next, so that
    the order of the machines makes no difference.

    Args:
        machines: the machines; where all vCPUs of one wait, its time goes on all the same.
        cables: what joins them.
        quantum_cycles: how long a quantum is, in cycles of each machine.
        quanta: how many there are; fewer if all machines end before.

    Returns:
        Why each machine ended its last quantum.

    Raises:
        GuestError: a guest did what its machine does not model.
        MachineError: a quantum has no cycles, or a machine is closed.
    """
    if quantum_cycles < 1:
        raise MachineError(f"a quantum is of {quantum_cycles} cycles; expected 1 or more")
    stops = [Stop.TIME_LIMIT] * len(machines)
    for _ in range(quanta):
        for cable in cables:
            cable.exchange()
        stops = [_run(machine, quantum_cycles) for machine in machines]
        if all(stop in _ENDED for stop in stops):
            break
    return stops


_ENDED = (Stop.SYSTEM_OFF, Stop.SYSTEM_RESET, Stop.REQUESTED)


def _run(machine: Machine, cycles: int) -> Stop:
    end = machine.deadlines.after(cycles, _nothing)  # else a machine that waits would stand still
    stop = machine.run(max_cycles=cycles)
    end.cancel()
    return stop


def _nothing() -> None:
    """Only time is to pass."""
