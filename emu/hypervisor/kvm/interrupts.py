"""Interrupts that a VMM injects: KVM_IRQ_LINE and irqfds.

KVM's lines are not quite those of a GIC: of an edge-triggered interrupt each level 1 pends it
anew, whether the line was low in between or not.

Sources: kvm_vm_ioctl_irq_line in arch/arm64/kvm/arm.c, kvm_vgic_inject_irq and
vgic_validate_injection in vgic/vgic.c, vgic_irqfd_set_irq in vgic/vgic-irqfd.c, Linux 6.1.
"""

from __future__ import annotations

from emu.arch.gicv3 import PRIVATE_COUNT, SGI_COUNT, SPI_FIRST
from emu.arch.kvm_devices import IrqType, IrqWord
from emu.errors import Errno, KvmError
from emu.gic.gicv3 import GicV3
from emu.hypervisor.kvm.vm_state import VmState

_PPIS = range(SGI_COUNT, PRIVATE_COUNT)


class Irqfd:
    """An event that stands for an interrupt: the `IrqLine` of a GSI.

    Without an initialised vGIC nothing happens: KVM loses the event too.
    """

    def __init__(self, vm: VmState, intid: int) -> None:
        self._vm = vm
        self._intid = intid

    def set_level(self, high: bool) -> None:
        """Inject a level."""
        if self._vm.gic_initialized:
            _inject(self._vm.machine.gic, None, self._intid, high)

    def pulse(self) -> None:
        """What KVM does when the event is signalled: the line goes high, and low."""
        self.set_level(True)
        self.set_level(False)


def irqfd(vm: VmState, gsi: int) -> Irqfd:
    """`KVM_IRQFD` with KVM's own routing: GSI n is SPI n, INTID 32 + n.

    Raises:
        KvmError: EINVAL if there is no such SPI.
    """
    intid = SPI_FIRST + gsi
    if intid not in vm.machine.gic.interrupts(None):
        raise KvmError("EINVAL", "KVM_IRQFD", f"GSI {gsi}; expected one that has an SPI")
    return Irqfd(vm, intid)


def irq_line(vm: VmState, irq: int, level: bool) -> None:
    """`KVM_IRQ_LINE`; raises `KvmError`."""
    word = IrqWord(irq)
    if word.Type not in (IrqType.SPI, IrqType.PPI) or not vm.has_gic:
        errno: Errno = "ENXIO" if word.Type in set(IrqType) else "EINVAL"
        raise _refused(errno, word, "SPI or PPI, and a vGIC")
    vcpu = word.vcpu if word.Type == IrqType.PPI else None
    if vcpu is not None and vcpu not in vm.created:
        raise _refused("EINVAL", word, "a vCPU that was created")
    private = word.Number in _PPIS
    if private != (vcpu is not None) or word.Number < SGI_COUNT:
        raise _refused("EINVAL", word, "the INTID of an SPI from 32 on, of a PPI from 16 to 31")
    if not vm.gic_initialized:
        raise _refused("EBUSY", word, "the vGIC to be initialised")
    if word.Number not in vm.machine.gic.interrupts(vcpu):
        raise _refused("EINVAL", word, "an INTID that the vGIC has")
    if vcpu is None or not _is_timers(vm, word.Number):
        _inject(vm.machine.gic, vcpu, word.Number, level)


def _is_timers(vm: VmState, intid: int) -> bool:
    """Whether the timers own this PPI: once the VM has run, what others inject is ignored."""
    timers = vm.machine.board.timers
    return vm.has_run and intid in (timers.virtual, timers.physical)


def _inject(gic: GicV3, vcpu: int | None, intid: int, level: bool) -> None:
    bank = gic.interrupts(vcpu)
    if not bank.edge >> (intid - bank.first_intid) & 1:
        bank.drive(intid, level)
    elif level:
        bank.pend(intid)


def _refused(errno: Errno, word: IrqWord, expected: str) -> KvmError:
    return KvmError(errno, "KVM_IRQ_LINE", f"{word}; expected {expected}")
