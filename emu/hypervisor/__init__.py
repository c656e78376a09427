"""What a VMM calls: the registers and the interrupt controller, as its hypervisor offers them.

`hvf` is shaped like Apple's framework, `kvm` like Linux. Each is over a `Machine`.
"""

from emu.hypervisor.hvf import HvfGicState, HvfVcpu, HvfVm
from emu.hypervisor.kvm import KvmIts, KvmVcpu, KvmVgic, KvmVm

__all__ = ["HvfGicState", "HvfVcpu", "HvfVm", "KvmIts", "KvmVcpu", "KvmVgic", "KvmVm"]
