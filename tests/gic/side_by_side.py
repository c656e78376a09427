"""The GIC and the reference model, put through the same things.

What is done to one is done to the other, by register accesses of every size, lines, and the ICC_*
registers. `check` says whether they could be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from emu.core.ports import IrqLine
from harness.reference.gic_bench import GicBench
from harness.reference.gicv3 import ReferenceGic

SPI_COUNT = 40
"""Not a multiple of 32, so that the last registers are implemented in part."""

AFFINITY_SETS: tuple[tuple[int, ...], ...] = (
    (0,),
    (0, 1),
    (0, 0x1_0000_0112),
    (0, 1, 0x100),
    (0, 0x0F, 0x10, 0x2_010F),
)
"""One vCPU to four, in one cluster and in several, with and without range selectors."""

GICR_STRIDE = 0x2_0000
SPURIOUS = 1023
ALL_ONES = 0xFFFF_FFFF

# The first registers of every kind, the places behind the last interrupt, and gaps.
INTERRUPT_OFFSETS = (
    *(base + 4 * index for base in range(0x080, 0x400, 0x80) for index in (0, 1, 2, 3)),
    *range(0x400, 0x400 + 80),
    *(0xC00 + 4 * index for index in range(6)),
    *(0xD00, 0xE00, 0xF00, 0x800, 0x804),
)
GICD_OFFSETS = (
    *(0x0000, 0x0004, 0x0008, 0x000C, 0x0010, 0x0040, 0xFFE0, 0xFFE8, 0x6000),
    *range(0x6100, 0x6100 + 8 * (SPI_COUNT + 2), 4),
    *INTERRUPT_OFFSETS,
)
GICR_OFFSETS = (
    *(0x0000, 0x0004, 0x0008, 0x000C, 0x0010, 0x0014, 0x0070, 0x0078, 0xFFE8),
    *(0x1_0000 + offset for offset in INTERRUPT_OFFSETS),
)
ICC_STORED = ("PMR", "CTLR", "BPR0", "BPR1", "AP0R0", "AP1R0", "IGRPEN0", "IGRPEN1", "SRE", "RPR")
ICC_OBSERVED = (*ICC_STORED, "HPPIR0", "HPPIR1")
PARTS = ("distributor", "redistributors", "cpu interfaces")

_OPEN = (("PMR", 0xFF), ("IGRPEN0", 1), ("IGRPEN1", 1), ("AP0R0", 0), ("AP1R0", 0))


def fits(size: int, offset: int) -> int:
    """The aligned access of `size` bytes that covers `offset`."""
    return offset & -size


class SideBySide:
    """A GIC beside the reference model.

    A vCPU may be named by any number: it counts modulo the vCPUs that there are.

    Attributes:
        levels: the level of each line that was driven, by vCPU (0 for an SPI) and INTID.
        acknowledged: what was acknowledged and not yet ended, as vCPU and INTID.
    """

    def __init__(self, affinities: tuple[int, ...]) -> None:
        self.affinities = affinities
        self.levels: dict[tuple[int, int], bool] = {}
        self.acknowledged: list[tuple[int, int]] = []
        self.bench = GicBench(affinities, SPI_COUNT)
        self.reference = ReferenceGic(list(affinities), SPI_COUNT)

    @property
    def vcpus(self) -> range:
        """The vCPUs that there are."""
        return range(len(self.affinities))

    def present(self, vcpu: int) -> int:
        """The vCPU that a number means."""
        return vcpu % len(self.affinities)

    # --- accesses ------------------------------------------------------------------------------

    def write_gicd(self, offset: int, size: int, value: int) -> None:
        """A store to the distributor, of as many bits of `value` as it has."""
        offset, value = fits(size, offset), value % 2 ** (8 * size)
        self.bench.gic.distributor.write(offset, size, value)
        self.reference.write_gicd(offset, size, value)

    def write_gicr(self, vcpu: int, offset: int, size: int, value: int) -> None:
        """A store to a redistributor."""
        vcpu, offset, value = self.present(vcpu), fits(size, offset), value % 2 ** (8 * size)
        self.bench.gic.redistributors.write(vcpu * GICR_STRIDE + offset, size, value)
        self.reference.write_gicr(vcpu, offset, size, value)

    def write_icc(self, vcpu: int, name: str, value: int) -> None:
        """MSR of ICC_<name>_EL1."""
        vcpu = self.present(vcpu)
        self.bench.set_icc(name, value, vcpu=vcpu)
        self.reference.write_icc(vcpu, name, value)

    def write_interrupt_register(self, vcpu: int, intid: int, base: int, value: int) -> None:
        """A store of 32 bits to the register of one bit an interrupt that shows `intid`."""
        if intid < 32:
            self.write_gicr(vcpu, 0x1_0000 + base, 4, value)
        else:
            self.write_gicd(base + intid // 32 * 4, 4, value)

    # --- what a guest and its devices do -------------------------------------------------------

    def open_the_way(self) -> None:
        """Everything enabled and nothing active, so that a run never gets stuck for long."""
        self.write_gicd(0x0000, 4, 3)
        for vcpu in self.vcpus:
            self.sleep(vcpu, asleep=False)
            for name, value in _OPEN:
                self.write_icc(vcpu, name, value)
            for base in (0x100, 0x380):
                self.write_interrupt_register(vcpu, 0, base, ALL_ONES)
        for intid in (32, 64):
            for base in (0x100, 0x380):
                self.write_interrupt_register(0, intid, base, ALL_ONES)
        self.acknowledged.clear()

    def sleep(self, vcpu: int, *, asleep: bool) -> None:
        """GICR_WAKER."""
        self.write_gicr(vcpu, 0x0014, 4, 2 * asleep)

    def route(self, intid: int, vcpu: int) -> None:
        """Route an SPI to a vCPU that there is."""
        if intid >= 32:
            self.write_gicd(0x6100 + 8 * (intid - 32), 8, self.affinities[self.present(vcpu)])

    def configure(self, vcpu: int, intid: int, config: int) -> None:
        """ICFGR: edge-triggered or level-sensitive, with the neighbours."""
        if intid < 32:
            self.write_gicr(vcpu, 0x1_0C04, 4, config)
        else:
            self.write_gicd(0xC00 + intid // 16 * 4, 4, config)

    def prioritise(self, vcpu: int, intid: int, priority: int) -> None:
        """IPRIORITYR of one interrupt."""
        if intid < 32:
            self.write_gicr(vcpu, 0x1_0400 + intid, 1, priority)
        else:
            self.write_gicd(0x400 + intid, 1, priority)

    def line(self, vcpu: int, intid: int) -> IrqLine:
        """A line of the GIC."""
        gic = self.bench.gic
        return gic.ppi(self.present(vcpu), intid) if intid < 32 else gic.spi(intid)

    def drive(self, vcpu: int, intid: int, *, high: bool) -> None:
        """A device drives its line."""
        self.line(vcpu, intid).set_level(high)
        self.reference.drive(self.present(vcpu), intid, high)
        self.levels[self.present(vcpu) if intid < 32 else 0, intid] = high

    def pulse(self, vcpu: int, intid: int) -> None:
        """A device pulses its line."""
        self.line(vcpu, intid).pulse()
        for high in (True, False):
            self.reference.drive(self.present(vcpu), intid, high)
        self.levels[self.present(vcpu) if intid < 32 else 0, intid] = False

    def send_sgi(self, vcpu: int, name: str, intid: int, affinity: int) -> None:
        """Send an SGI to the vCPU of that affinity, if there is one."""
        aff3, aff2, aff1 = (affinity >> shift & 0xFF for shift in (32, 16, 8))
        target = aff3 << 48 | aff2 << 32 | aff1 << 16 | (affinity >> 4 & 0xF) << 44
        self.write_icc(vcpu, name, target | 1 << (affinity & 0xF) | intid << 24)

    def acknowledge(self, vcpu: int, group: int) -> None:
        """Read ICC_IAR<group>_EL1."""
        vcpu = self.present(vcpu)
        intid = self.bench.icc(f"IAR{group}", vcpu=vcpu)
        assert intid == self.reference.read_icc(vcpu, f"IAR{group}")
        if intid != SPURIOUS:
            self.acknowledged.append((vcpu, intid))

    def handle(self, vcpu: int, intid: int, *, edge: bool, priority: int, group: int) -> None:
        """A device raises its line, the guest acknowledges, and the line stays high."""
        self.configure(vcpu, intid, ALL_ONES if edge else 0)
        self.write_interrupt_register(vcpu, intid, 0x080, ALL_ONES if group else 0)
        self.prioritise(vcpu, intid, priority)
        self.route(intid, vcpu)
        self.drive(vcpu, intid, high=True)
        self.acknowledge(vcpu, group)

    def end(self, group: int, *, deactivate: bool) -> None:
        """A handler ends what was acknowledged last, with EOIR and perhaps with DIR."""
        if self.acknowledged:
            vcpu, intid = self.acknowledged.pop()
            self.write_icc(vcpu, f"EOIR{group}", intid)
            if deactivate:
                self.write_icc(vcpu, "DIR", intid)

    # --- saves and restores, which change nothing ----------------------------------------------

    def reload(self) -> None:
        """Taking on one's own state changes nothing."""
        before = self.bench.gic.state()
        changes = len(self.bench.changes)
        self.bench.gic.load_state(before)
        assert self.bench.gic.state() == before
        assert len(self.bench.changes) == changes

    def thaw(self, order: Iterable[str]) -> None:
        """Go on with a fresh GIC that took on the state, in parts in any order."""
        state = self.bench.gic.state()
        self.bench = GicBench(self.affinities, SPI_COUNT)
        for (vcpu, intid), high in self.levels.items():
            self.line(vcpu, intid).set_level(high)
        for part in order:
            self._load_part(part, state)
        assert self.bench.gic.state() == state

    def _load_part(self, part: str, state: Any) -> None:
        gic = self.bench.gic
        if part == "distributor":
            gic.load_distributor(state.distributor)
        for vcpu in self.vcpus:
            if part == "redistributors":
                gic.load_redistributor(vcpu, state.redistributors[vcpu])
            elif part == "cpu interfaces":
                gic.load_cpu_interface(vcpu, state.cpu_interfaces[vcpu])

    # --- what is compared ----------------------------------------------------------------------

    def check(self) -> None:
        """Inputs and ICC_* registers of all vCPUs agree."""
        for vcpu in self.vcpus:
            inputs = (self.bench.irq[vcpu], self.bench.fiq[vcpu])
            assert inputs == self.reference.inputs(vcpu)
            for name in ICC_OBSERVED:
                assert self.bench.icc(name, vcpu=vcpu) == self.reference.read_icc(vcpu, name), name

    def check_registers(self, size: int) -> None:
        """Loads of `size` bytes agree, wherever there is a register or might be one."""
        self.check_gicd((fits(size, offset) for offset in GICD_OFFSETS), size)
        for vcpu in self.vcpus:
            self.check_gicr(vcpu, (fits(size, offset) for offset in GICR_OFFSETS), size)

    def check_gicd(self, offsets: Iterable[int], size: int) -> None:
        """Loads of `size` bytes from the distributor agree."""
        for offset in offsets:
            found = self.bench.gic.distributor.read(offset, size)
            assert found == self.reference.read_gicd(offset, size), hex(offset)

    def check_gicr(self, vcpu: int, offsets: Iterable[int], size: int) -> None:
        """Loads of `size` bytes from a redistributor agree."""
        for offset in offsets:
            found = self.bench.gic.redistributors.read(vcpu * GICR_STRIDE + offset, size)
            assert found == self.reference.read_gicr(vcpu, offset, size), hex(offset)
