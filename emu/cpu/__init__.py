"""One vCPU: the core, its system registers, its generic timer and its performance monitors."""

from emu.cpu.inner_shareable import InnerShareableDomain
from emu.cpu.vcpu import SAVED_SYSREGS, TimerLines, Vcpu, VcpuState

__all__ = ["SAVED_SYSREGS", "InnerShareableDomain", "TimerLines", "Vcpu", "VcpuState"]
