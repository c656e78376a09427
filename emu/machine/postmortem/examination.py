"""What there is to know about a machine."""

from __future__ import annotations

from dataclasses import dataclass

from emu.core.events import Stamped
from emu.machine.machine import Machine
from emu.machine.postmortem.interrupts import InterruptReport, examine_interrupts
from emu.machine.postmortem.recorder import Recorder
from emu.machine.postmortem.vcpus import VcpuReport, examine_vcpu

CONSOLE_BYTES_MAX = 2048


@dataclass(frozen=True, slots=True)
class Postmortem:
    """A machine, as it was when it was looked at.

    Attributes:
        reason: why it stopped.
        cycles: virtual time.
        cycles_per_s: cycles of a second of virtual time.
        instructions: executed by all vCPUs.
        vcpus: each of them.
        gicd_ctlr: GICD_CTLR: EnableGrp0 (bit 0) and EnableGrp1 (bit 1).
        interrupts: those that are not in their reset state.
        exceptions: the last exceptions and interrupts taken, as far as they were recorded.
        events: the last other events, as far as they were recorded.
        console: the end of what the guest sent to its serial console.
    """

    reason: str
    cycles: int
    cycles_per_s: int
    instructions: int
    vcpus: tuple[VcpuReport, ...]
    gicd_ctlr: int
    interrupts: tuple[InterruptReport, ...]
    exceptions: tuple[Stamped, ...]
    events: tuple[Stamped, ...]
    console: bytes


def examine(machine: Machine, reason: str, recorder: Recorder | None = None) -> Postmortem:
    """Gather all that there is to know about `machine`, which stays as it is.

    Args:
        machine: may have stopped for any reason, a `GuestError` too.
        reason: why it stopped.
        recorder: what listened while it ran, if anything did.

    Raises:
        MachineError: the machine is closed.
    """
    recorder = recorder or Recorder()
    vcpus = tuple(examine_vcpu(machine, vcpu) for vcpu in machine.vcpus)
    return Postmortem(
        reason=reason,
        cycles=machine.clock.now(),
        cycles_per_s=machine.board.cycles_per_s,
        instructions=machine.instructions,
        vcpus=vcpus,
        gicd_ctlr=machine.gic.state().distributor.ctlr,
        interrupts=examine_interrupts(machine, vcpus),
        exceptions=recorder.exceptions,
        events=recorder.events,
        console=bytes(machine.console[-CONSOLE_BYTES_MAX:]),
    )
