"""The GIC's registers as KVM lets a VMM read and write them, with its access rules.

A VMM saves and restores the GIC register by register, through the attributes of a KVM device. What
it finds there differs from what the guest finds: ISPENDR shows the latches without the lines, and
writing it sets and clears; ICPENDR reads as zero and ignores writes; the lines' levels are an
attribute of their own; the bases of the LPI tables are kept.

Sources: Documentation/virt/kvm/devices/arm-vgic-v3.rst; vgic_v3_dist_registers and
vgic_v3_rd_registers in arch/arm64/kvm/vgic/vgic-mmio-v3.c, check_region and the line levels in
vgic-mmio.c, the CPU interface in arch/arm64/kvm/vgic-sys-reg-v3.c; all of Linux 6.1.

Where this GIC has more than KVM's (GICD_CTLR.EnableGrp0, GICR_WAKER, Aff3 of GICD_IROUTER<n>,
edge-triggered PPIs), a VMM reads and writes it, so that nothing is lost. A state of KVM's has zeros
there: group 0 is disabled, the redistributors are awake, Aff3 is 0, PPIs are level-sensitive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from emu.arch.bits import RegisterMap
from emu.arch.gicv3 import (
    GIC_IIDR,
    GICD,
    GICR,
    ICC_CTLR_EL1,
    ICC_SRE_EL1,
    PRIORITY_BITS,
    PRIVATE_COUNT,
    SPI_FIRST,
)
from emu.arch.sysregs import SYSREGS, UNMODELLED
from emu.core.ports import SysRegPort
from emu.errors import IncompatibleError, MachineError
from emu.gic import bank_registers
from emu.gic.bank_registers import USER_VIEWS
from emu.gic.distributor import Distributor
from emu.gic.frame import Reader, RegisterFrame, Writer
from emu.gic.interrupts import InterruptBank
from emu.gic.redistributor import Redistributor

_WORD_BYTES: Final = 4
_WORD_MASK: Final = 0xFFFF_FFFF
_WORD_INTERRUPTS: Final = 32

_IDENTIFICATION: Final = ("PIDR4", "PIDR0", "PIDR2", "PIDR3", "CIDR0")

DISTRIBUTOR_REGISTERS: Final = frozenset(
    f"GICD_{name}"
    for name in (
        *("CTLR", "TYPER", "IIDR", "TYPER2", "STATUSR", "ITARGETSR", "IGRPMODR", "IROUTER"),
        *USER_VIEWS,
        *_IDENTIFICATION,
    )
)
"""What KVM has in the distributor's frame; every other offset is refused."""

REDISTRIBUTOR_REGISTERS: Final = frozenset(
    f"GICR_{name}"
    for name in (
        *("CTLR", "IIDR", "TYPER", "STATUSR", "WAKER", "PROPBASER", "PENDBASER"),
        *("INVLPIR", "INVALLR", "SYNCR", "IGRPMODR0", "NSACR"),
        *(f"{name}0" for name in USER_VIEWS),
        *_IDENTIFICATION,
    )
)
"""What KVM has in a redistributor's frames."""

_INTERRUPTS_PER_REGISTER: Final = {
    **{f"GICD_{name}": view.interrupts for name, view in USER_VIEWS.items()},
    "GICD_ITARGETSR": 4,
    "GICD_IGRPMODR": 32,
    "GICD_IROUTER": 1,
}

_PRIVATE_IROUTERS: Final = range(GICD["GICD_IROUTER"] - 8 * SPI_FIRST, GICD["GICD_IROUTER"])
"""GICD_IROUTER0 to 31: reserved in the architecture, zero in KVM."""

_ICC: Final = {
    reg.encoding: reg.name
    for reg in (*SYSREGS, *UNMODELLED)
    if reg.name.startswith("ICC_AP")
    or reg.name
    in {
        *("ICC_PMR_EL1", "ICC_BPR0_EL1", "ICC_BPR1_EL1", "ICC_CTLR_EL1", "ICC_SRE_EL1"),
        *("ICC_IGRPEN0_EL1", "ICC_IGRPEN1_EL1"),
    }
}
"""KVM's registers of a CPU interface (gic_v3_icc_reg_descs), by encoding."""


class UserAccess:
    """A GIC, as a VMM saves and restores it.

    What is refused raises `MachineError` where KVM knows no such register (ENXIO), and
    `IncompatibleError` where it does not take the value (EINVAL).

    Args:
        distributor: the distributor.
        redistributors: in vCPU order.
        cpu_interfaces: the ICC_* registers of each vCPU, by name.
    """

    def __init__(
        self,
        distributor: Distributor,
        redistributors: Sequence[Redistributor],
        cpu_interfaces: Sequence[Mapping[str, SysRegPort]],
    ) -> None:
        self._spis = distributor.bank
        self._privates = [redistributor.bank for redistributor in redistributors]
        self._cpu_interfaces = cpu_interfaces
        self._distributor = _distributor_frame(distributor)
        self._redistributors = [
            _redistributor_frame(redistributor) for redistributor in redistributors
        ]

    def read_distributor(self, offset: int) -> int:
        """A word of the distributor (KVM_DEV_ARM_VGIC_GRP_DIST_REGS); raises `MachineError`."""
        if offset in _PRIVATE_IROUTERS and not offset % _WORD_BYTES:
            return 0
        _check(GICD, DISTRIBUTOR_REGISTERS, offset, SPI_FIRST + self._spis.count)
        return self._distributor.read(offset, _WORD_BYTES)

    def write_distributor(self, offset: int, value: int) -> None:
        """Set a word of the distributor.

        Raises:
            MachineError: there is no such register.
            IncompatibleError: GICD_IIDR or GICD_TYPER2 of another kind of GIC.
        """
        if offset in _PRIVATE_IROUTERS and not offset % _WORD_BYTES:
            return
        _check(GICD, DISTRIBUTOR_REGISTERS, offset, SPI_FIRST + self._spis.count)
        self._distributor.write(offset, _WORD_BYTES, value & _WORD_MASK)

    def read_redistributor(self, vcpu: int, offset: int) -> int:
        """A word of a redistributor (KVM_DEV_ARM_VGIC_GRP_REDIST_REGS); the offset is from its
        RD_base. Raises `MachineError`.
        """
        _check(GICR, REDISTRIBUTOR_REGISTERS, offset, PRIVATE_COUNT)
        return self._redistributors[vcpu].read(offset, _WORD_BYTES)

    def write_redistributor(self, vcpu: int, offset: int, value: int) -> None:
        """Set a word of a redistributor; raises `MachineError`."""
        _check(GICR, REDISTRIBUTOR_REGISTERS, offset, PRIVATE_COUNT)
        self._redistributors[vcpu].write(offset, _WORD_BYTES, value & _WORD_MASK)

    def read_icc(self, vcpu: int, encoding: int) -> int:
        """A register of a CPU interface (KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS), 64 bits.

        Args:
            vcpu: index of the vCPU.
            encoding: op0:op1:CRn:CRm:op2 packed into 16 bits, as in `SysReg.encoding`.

        Raises:
            MachineError: KVM has no such register.
            IncompatibleError: it takes more bits of priority than there are.
        """
        return self._icc(vcpu, encoding)[1].read()

    def write_icc(self, vcpu: int, encoding: int, value: int) -> None:
        """Set a register of a CPU interface.

        Raises:
            MachineError: KVM has no such register.
            IncompatibleError: it takes more bits of priority than there are, or the value is of
                a CPU interface that can do more than this one, or has no system registers.
        """
        name, port = self._icc(vcpu, encoding)
        _check_icc_value(name, value, port.read())
        port.write(value)

    def _icc(self, vcpu: int, encoding: int) -> tuple[str, SysRegPort]:
        name = _ICC.get(encoding)
        if name is None:
            raise MachineError(
                f"KVM has no register of the GIC's CPU interface with the encoding {encoding:#06x}"
            )
        port = self._cpu_interfaces[vcpu].get(name)
        if port is None:
            raise IncompatibleError(
                f"{name} is there with more than {PRIORITY_BITS} bits of priority: this GIC has "
                f"{PRIORITY_BITS}, as ICC_CTLR_EL1.PRIbits says"
            )
        return name, port

    def read_line_levels(self, vcpu: int, first_intid: int) -> int:
        """The levels of 32 lines (KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO), bit 0 for `first_intid`.

        SGIs, edge-triggered interrupts, and what there is not, read as zero.

        Raises:
            MachineError: `first_intid` is no multiple of 32.
        """
        found = self._bank_at(vcpu, first_intid)
        return found.levels(first_intid - found.first_intid) if found else 0

    def write_line_levels(self, vcpu: int, first_intid: int, levels: int) -> None:
        """Set the levels of 32 lines, which is no edge. SGIs, and what there is not, ignore it.

        Raises:
            MachineError: `first_intid` is no multiple of 32.
        """
        found = self._bank_at(vcpu, first_intid)
        if found:
            found.load_levels(first_intid - found.first_intid, levels & _WORD_MASK)

    def _bank_at(self, vcpu: int, first_intid: int) -> InterruptBank | None:
        if first_intid % _WORD_INTERRUPTS:
            raise MachineError(
                f"line levels of the interrupts from INTID {first_intid} on asked for: they come "
                f"in words that begin at a multiple of {_WORD_INTERRUPTS}"
            )
        banks = (self._privates[vcpu], self._spis)
        return next((bank for bank in banks if first_intid in bank), None)


def _distributor_frame(distributor: Distributor) -> RegisterFrame:
    readers: dict[str, Reader] = {
        **distributor.readers,
        **bank_registers.readers(distributor.bank, "GICD_", views=USER_VIEWS),
        "GICD_TYPER2": lambda _: 0,
    }
    writers: dict[str, Writer] = {
        **distributor.writers,
        **bank_registers.user_writers(distributor.bank, "GICD_"),
        "GICD_IIDR": lambda _, value: _check_iidr(value, distributor.readers["GICD_IIDR"](0)),
        "GICD_TYPER2": lambda _, value: _check_typer2(value),
    }
    return RegisterFrame(GICD, readers, writers)


def _redistributor_frame(redistributor: Redistributor) -> RegisterFrame:
    bases = redistributor.base_registers
    readers: dict[str, Reader] = {
        **redistributor.readers,
        **bases.readers,
        **bank_registers.readers(redistributor.bank, "GICR_", "0", USER_VIEWS),
    }
    writers: dict[str, Writer] = {
        **redistributor.writers,
        **bases.writers,
        **bank_registers.user_writers(redistributor.bank, "GICR_", "0"),
    }
    return RegisterFrame(GICR, readers, writers, bases.held)


def _check(
    registers: RegisterMap, known: frozenset[str], offset: int, interrupt_count: int
) -> None:
    """KVM's check_region, for words."""
    if offset % _WORD_BYTES:
        raise MachineError(
            f"{registers.name}: offset {offset:#x} is not aligned: a VMM's accesses are words of "
            "32 bits"
        )
    found = registers.find(offset)
    if found is None or found[0].name not in known:
        raise MachineError(f"{registers.name}: KVM has no register at offset {offset:#x}")
    slot, index, _ = found
    first_index = SPI_FIRST if slot.name == "GICD_IROUTER" else 0
    first_intid = (first_index + index) * _INTERRUPTS_PER_REGISTER.get(slot.name, 0)
    if first_intid >= interrupt_count:
        raise MachineError(
            f"{registers.name}: offset {offset:#x} is {slot.name} of INTID {first_intid}; this "
            f"GIC has INTIDs 0 to {interrupt_count - 1}"
        )


def _check_iidr(value: int, present: int) -> None:
    """Linux 6.1 takes any revision, and keeps its own."""
    if GIC_IIDR(value).replace(Revision=0) != GIC_IIDR(present).replace(Revision=0):
        raise IncompatibleError(
            f"GICD_IIDR {value:#x} is of another GIC than this one ({present:#x}): only the "
            "revision, bits 15:12, may differ"
        )


def _check_typer2(value: int) -> None:
    if value:
        raise IncompatibleError(
            f"GICD_TYPER2 {value:#x} promises what this GIC has not: expected 0"
        )


def _check_icc_value(name: str, value: int, present: int) -> None:
    if name == "ICC_SRE_EL1" and not ICC_SRE_EL1(value).SRE:
        raise IncompatibleError(
            f"ICC_SRE_EL1 {value:#x} is of a CPU interface without system registers: expected "
            "SRE (bit 0) to be 1"
        )
    if name == "ICC_CTLR_EL1" and not _fits(ICC_CTLR_EL1(value), ICC_CTLR_EL1(present)):
        raise IncompatibleError(
            f"ICC_CTLR_EL1 {value:#x} is of a CPU interface that this one ({present:#x}) can't "
            "replace: PRIbits and IDbits may not be higher, A3V and SEIS must be the same"
        )


def _fits(saved: ICC_CTLR_EL1, present: ICC_CTLR_EL1) -> bool:
    """Whether a CPU interface that says `present` may take the place of one that said `saved`."""
    return (
        saved.PRIbits <= present.PRIbits
        and saved.IDbits <= present.IDbits
        and (saved.A3V, saved.SEIS) == (present.A3V, present.SEIS)
    )
