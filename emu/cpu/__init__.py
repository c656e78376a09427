"""One vCPU: the core, its system registers, its generic timer and its performance monitors."""

from emu.cpu.inner_shareable import InnerShareableDomain
from emu.cpu.model import CORTEX_A72, MAX, CpuModel, find_cpu_model
from emu.cpu.vcpu import SAVED_SYSREGS, TimerLines, Vcpu, VcpuState

__all__ = [
    "CORTEX_A72",
    "MAX",
    "SAVED_SYSREGS",
    "CpuModel",
    "InnerShareableDomain",
    "TimerLines",
    "Vcpu",
    "VcpuState",
    "find_cpu_model",
]
