"""KVM on arm64, as far as VMMs use it to save and restore a guest, over a `Machine`.

Calls are methods, error numbers are `KvmError`s, and the rules are those of the host's kernel.
Where KVM would take a value that the machine beneath is not made for, it is an
`IncompatibleError`, which no KVM gives: nothing is taken and then not done.
"""

from emu.hypervisor.kvm.host import Change, Host
from emu.hypervisor.kvm.interrupts import Irqfd
from emu.hypervisor.kvm.vcpu import KvmVcpu, VcpuInit
from emu.hypervisor.kvm.vgic import KvmVgic
from emu.hypervisor.kvm.vgic_its import KvmIts
from emu.hypervisor.kvm.vm import KvmVm

__all__ = ["Change", "Host", "Irqfd", "KvmIts", "KvmVcpu", "KvmVgic", "KvmVm", "VcpuInit"]
