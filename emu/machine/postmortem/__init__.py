"""What there is to know about a machine that stopped where it should not, as plain data.

`examine(machine, reason)` gathers it, whatever state the guest is in; it changes nothing and raises
nothing because of it. Who prints it adds names and disassembly.
"""

from emu.machine.postmortem.backtrace import Frame, backtrace, strip_pac
from emu.machine.postmortem.examination import Postmortem, examine
from emu.machine.postmortem.interrupts import InterruptReport
from emu.machine.postmortem.recorder import Recorder
from emu.machine.postmortem.vcpus import CodeWord, TimerReport, VcpuReport
from emu.machine.postmortem.virtual_memory import read_virtual

__all__ = [
    "CodeWord",
    "Frame",
    "InterruptReport",
    "Postmortem",
    "Recorder",
    "TimerReport",
    "VcpuReport",
    "backtrace",
    "examine",
    "read_virtual",
    "strip_pac",
]
