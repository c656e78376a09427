"""A GICv3 on a bench: its inputs are driven by hand, its outputs recorded, its registers named."""

from __future__ import annotations

from functools import partial

from emu.arch.bits import RegisterMap
from emu.arch.gicv3 import AFFINITY_MASK, GICD, GICR, GICR_SIZE_BYTES
from emu.arch.its import GITS
from emu.core.events import Event, EventStream
from emu.core.ports import GuestMemory, MmioWindow
from emu.gic import GicV3
from emu.gic.its import Its


class StoppedClock:
    """A clock for what does not depend on time."""

    def now(self) -> int:
        """Always 0."""
        return 0


class GicBench:
    """A GICv3 as a guest and its devices see it.

    Args:
        affinities: affinity of each vCPU, laid out as in MPIDR_EL1.
        spi_count: number of SPIs.
        its_memory: RAM, for a GIC with an ITS.

    Attributes:
        gic: the GIC.
        irq: whether each vCPU's IRQ input is asserted now.
        fiq: the same of its FIQ input.
        changes: every change of an input, as vCPU, its name and new level, in order.
        events: every event, in order.
    """

    def __init__(
        self,
        affinities: tuple[int, ...] = (0,),
        spi_count: int = 64,
        its_memory: GuestMemory | None = None,
    ) -> None:
        self.irq = [False] * len(affinities)
        self.fiq = [False] * len(affinities)
        self.changes: list[tuple[int, str, bool]] = []
        self.events: list[Event] = []
        stream = EventStream(StoppedClock())
        stream.subscribe(lambda stamped: self.events.append(stamped.event))
        self.gic = GicV3(
            mpidrs=[1 << 31 | affinity & AFFINITY_MASK for affinity in affinities],
            spi_count=spi_count,
            events=stream,
            irq_sinks=[partial(self._signal, "irq", vcpu) for vcpu in range(len(affinities))],
            fiq_sinks=[partial(self._signal, "fiq", vcpu) for vcpu in range(len(affinities))],
            its_memory=its_memory,
        )

    def _signal(self, name: str, vcpu: int, asserted: bool, /) -> None:
        inputs = self.irq if name == "irq" else self.fiq
        inputs[vcpu] = asserted
        self.changes.append((vcpu, name, asserted))

    @property
    def its(self) -> Its:
        """The ITS, of a GIC that has one."""
        assert self.gic.its is not None
        return self.gic.its

    @property
    def asserted(self) -> list[bool]:
        """Whether any input of each vCPU is asserted now."""
        return [irq or fiq for irq, fiq in zip(self.irq, self.fiq, strict=True)]

    def read(self, register: str, index: int = 0, *, vcpu: int = 0) -> int:
        """The value of a whole GICD_*, GICR_* or GITS_* register, or of one in an array of them."""
        window, offset, size = self._place(register, index, vcpu)
        return window.read(offset, size)

    def write(self, register: str, value: int, index: int = 0, *, vcpu: int = 0) -> None:
        """Store into a whole GICD_*, GICR_* or GITS_* register, or into one in an array of them."""
        window, offset, size = self._place(register, index, vcpu)
        window.write(offset, size, value)

    def icc(self, name: str, *, vcpu: int = 0) -> int:
        """MRS of ICC_<name>_EL1."""
        return self.gic.cpu_interface(vcpu)[f"ICC_{name}_EL1"].read()

    def set_icc(self, name: str, value: int, *, vcpu: int = 0) -> None:
        """MSR of ICC_<name>_EL1."""
        self.gic.cpu_interface(vcpu)[f"ICC_{name}_EL1"].write(value)

    def enable_everything(self) -> None:
        """Let interrupts of every kind through to every vCPU: groups, priorities, enables."""
        self.write("GICD_CTLR", 0b11)
        for index in range(1, GICD.by_name["GICD_ISENABLER"].count):
            self.write("GICD_ISENABLER", 0xFFFF_FFFF, index)
        for vcpu in range(len(self.irq)):
            self.write("GICR_WAKER", 0, vcpu=vcpu)
            self.write("GICR_ISENABLER0", 0xFFFF_FFFF, vcpu=vcpu)
            self.set_icc("PMR", 0xFF, vcpu=vcpu)
            self.set_icc("IGRPEN0", 1, vcpu=vcpu)
            self.set_icc("IGRPEN1", 1, vcpu=vcpu)

    def make_spis_level_sensitive(self) -> None:
        """All of them; after reset they are edge-triggered."""
        for index in range(2, GICD.by_name["GICD_ICFGR"].count):
            self.write("GICD_ICFGR", 0, index)

    def prioritise(self, intid: int, priority: int, *, vcpu: int = 0) -> None:
        """Set one interrupt's priority, by a byte access to its IPRIORITYR."""
        if intid < 32:
            offset = GICR["GICR_IPRIORITYR0"] + intid
            self.gic.redistributors.write(vcpu * GICR_SIZE_BYTES + offset, 1, priority)
        else:
            self.gic.distributor.write(GICD["GICD_IPRIORITYR"] + intid, 1, priority)

    def _place(self, register: str, index: int, vcpu: int) -> tuple[MmioWindow, int, int]:
        private = register.startswith("GICR_")
        is_its = register.startswith("GITS_")
        registers: RegisterMap = GICR if private else GITS if is_its else GICD
        slot = registers.by_name[register]
        offset = slot.offset + index * slot.size_bytes
        if private:
            return self.gic.redistributors, vcpu * GICR_SIZE_BYTES + offset, slot.size_bytes
        if is_its:
            return self.its.frame, offset, slot.size_bytes
        return self.gic.distributor, offset, slot.size_bytes
