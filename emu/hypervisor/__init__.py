"""What a VMM calls: the register and interrupt-controller surface of a hypervisor."""

from emu.hypervisor.hvf import HvfGicState, HvfVcpu, HvfVm

__all__ = ["HvfGicState", "HvfVcpu", "HvfVm"]
