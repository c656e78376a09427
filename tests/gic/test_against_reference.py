"""Whatever is done to it, the GIC and the reference model can't be told apart.

Both are put through the same register accesses of every size, line changes, acknowledgements and
ends; after each step the vCPUs' inputs and the running state must agree, and now and then every
register. At any point the GIC may be replaced by a fresh one that took on its state.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.reference.gic_bench import GicBench
from harness.reference.gicv3 import ReferenceGic

SPI_COUNT = 40
"""Not a multiple of 32, so that the last registers are implemented in part."""

AFFINITY_SETS = ((0,), (0, 1), (0, 0x1_0000_0112))
GICR_STRIDE = 0x2_0000

values = st.one_of(
    st.sampled_from((0, 1, 3, 0xFFFF_FFFF, 0xAAAA_AAAA, 0x8080_8080)), st.integers(0, 2**32 - 1)
)
long_values = st.one_of(
    st.sampled_from((0, 1, 0x1_0000_0112, 0x112, 0x8000_0000)), st.integers(0, 2**64 - 1)
)

# The first two registers of every kind, the places behind the last interrupt, and gaps.
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
OPEN = (("PMR", 0xFF), ("IGRPEN0", 1), ("IGRPEN1", 1), ("AP0R0", 0), ("AP1R0", 0))
ICC_OBSERVED = (*ICC_STORED, "HPPIR0", "HPPIR1")

# Few interrupts and few priorities, so that they meet often.
priorities = st.one_of(st.sampled_from((0x40, 0x48, 0x80, 0xF8)), st.integers(0, 255))
icc_values = st.one_of(st.integers(0, 7), priorities, st.integers(0, 31).map(lambda n: 1 << n))
LINES = (16, 27, 32, 33, 64, 31 + SPI_COUNT)
SGIS = (0, 1, 15)
lines = st.sampled_from(LINES)
sgis = st.sampled_from(SGIS)
intids = st.one_of(sgis, lines, st.integers(0, 31 + SPI_COUNT), st.sampled_from((1023, 8192)))
sizes = st.sampled_from((1, 2, 4, 4, 4, 8))
vcpus = st.integers(0, 1)
groups = st.integers(0, 1)


def fits(size: int, offset: int) -> int:
    """The aligned access of `size` bytes that covers `offset`."""
    return offset & -size


class Comparison(RuleBasedStateMachine):
    """The GIC beside the reference model."""

    @initialize(affinities=st.sampled_from(AFFINITY_SETS), opened=st.sampled_from((1, 1, 1, 0)))
    def build(self, affinities: tuple[int, ...], opened: int) -> None:
        """Start from reset, or from where interrupts get through, which chance finds too rarely."""
        self.affinities = affinities
        self.levels: dict[tuple[int, int], bool] = {}
        self.acknowledged: list[int] = []
        self.bench = GicBench(affinities, SPI_COUNT)
        self.reference = ReferenceGic(list(affinities), SPI_COUNT)
        if opened:
            self.open_the_way()

    @rule()
    def open_the_way(self) -> None:
        """Everything enabled and nothing active, so that a run never gets stuck for long."""
        self.store_gicd(0x0000, 4, 3)
        for vcpu in range(len(self.affinities)):
            self.store_gicr(vcpu, 0x0014, 4, 0)
            self.store_gicr(vcpu, 0x1_0100, 4, 0xFFFF_FFFF)
            self.store_gicr(vcpu, 0x1_0380, 4, 0xFFFF_FFFF)
            for name, value in OPEN:
                self.store_icc(vcpu, name, value)
        for index in (1, 2):
            self.store_gicd(0x100 + 4 * index, 4, 0xFFFF_FFFF)
            self.store_gicd(0x380 + 4 * index, 4, 0xFFFF_FFFF)
        self.acknowledged.clear()

    def store_gicd(self, offset: int, size: int, value: int) -> None:
        self.bench.gic.distributor.write(offset, size, value)
        self.reference.write_gicd(offset, size, value)

    def store_gicr(self, vcpu: int, offset: int, size: int, value: int) -> None:
        self.bench.gic.redistributors.write(vcpu * GICR_STRIDE + offset, size, value)
        self.reference.write_gicr(vcpu, offset, size, value)

    def store_icc(self, vcpu: int, name: str, value: int) -> None:
        self.bench.set_icc(name, value, vcpu=vcpu)
        self.reference.write_icc(vcpu, name, value)

    def present(self, vcpu: int) -> int:
        return vcpu % len(self.affinities)

    # --- what a guest and its devices do ---------------------------------------------------------

    @rule(offset=st.sampled_from(GICD_OFFSETS), size=sizes, value=values, high=long_values)
    def write_gicd(self, offset: int, size: int, value: int, high: int) -> None:
        value = (high if size == 8 else value) % 2 ** (8 * size)
        self.store_gicd(fits(size, offset), size, value)

    @rule(spi=st.integers(0, SPI_COUNT), route=long_values)
    def route(self, spi: int, route: int) -> None:
        self.store_gicd(0x6100 + 8 * spi, 8, route)

    @rule(vcpu=vcpus, offset=st.sampled_from(GICR_OFFSETS), size=sizes, value=values)
    def write_gicr(self, vcpu: int, offset: int, size: int, value: int) -> None:
        self.store_gicr(self.present(vcpu), fits(size, offset), size, value % 2 ** (8 * size))

    @rule(vcpu=vcpus, intid=st.one_of(sgis, lines), priority=priorities)
    def prioritise(self, vcpu: int, intid: int, priority: int) -> None:
        if intid < 32:
            self.store_gicr(self.present(vcpu), 0x1_0400 + intid, 1, priority)
        else:
            self.store_gicd(0x400 + intid, 1, priority)

    @rule(vcpu=vcpus, name=st.sampled_from(ICC_STORED), value=icc_values)
    def write_icc(self, vcpu: int, name: str, value: int) -> None:
        self.store_icc(self.present(vcpu), name, value)

    @rule(vcpu=vcpus, intid=lines, config=values)
    def configure(self, vcpu: int, intid: int, config: int) -> None:
        """Edge-triggered or level-sensitive, for the interrupts whose lines are driven."""
        self.set_config(self.present(vcpu), intid, config)

    def set_config(self, vcpu: int, intid: int, config: int) -> None:
        if intid < 32:
            self.store_gicr(vcpu, 0x1_0C04, 4, config)
        else:
            self.store_gicd(0xC00 + intid // 16 * 4, 4, config)

    def set_group(self, vcpu: int, intid: int, groups: int) -> None:
        if intid < 32:
            self.store_gicr(vcpu, 0x1_0080, 4, groups)
        else:
            self.store_gicd(0x080 + intid // 32 * 4, 4, groups)

    @rule(vcpu=vcpus, intid=lines, high=st.booleans())
    def drive(self, vcpu: int, intid: int, high: bool) -> None:
        vcpu = self.present(vcpu)
        self.drive_bench(vcpu, intid, high)
        self.reference.drive(vcpu, intid, high)
        self.levels[vcpu if intid < 32 else 0, intid] = high

    def drive_bench(self, vcpu: int, intid: int, high: bool) -> None:
        gic = self.bench.gic
        line = gic.ppi(vcpu, intid) if intid < 32 else gic.spi(intid)
        line.set_level(high)

    @rule(
        vcpu=vcpus,
        name=st.sampled_from(("SGI0R", "SGI1R", "ASGI1R")),
        intid=sgis,
        where=st.one_of(
            st.sampled_from((1 << 40, 0b1, 0b10, 1 << 44, 1 << 48 | 1 << 44 | 1 << 16 | 0b100)),
            st.integers(0, 2**64 - 1),
        ),
    )
    def send_sgi(self, vcpu: int, name: str, intid: int, where: int) -> None:
        self.store_icc(self.present(vcpu), name, where & ~(0xF << 24) | intid << 24)

    @rule(vcpu=vcpus, group=groups)
    def acknowledge(self, vcpu: int, group: int) -> None:
        vcpu = self.present(vcpu)
        intid = self.bench.icc(f"IAR{group}", vcpu=vcpu)
        assert intid == self.reference.read_icc(vcpu, f"IAR{group}")
        if intid != 1023:
            self.acknowledged.append(intid)

    @rule(intid=lines, edge=st.booleans(), priority=priorities, group=groups)
    def handle(self, intid: int, edge: bool, priority: int, group: int) -> None:
        """A device raises its line, the guest acknowledges, and the line may stay high."""
        self.set_config(0, intid, 0xFFFF_FFFF if edge else 0)
        self.set_group(0, intid, 0xFFFF_FFFF * group)
        self.prioritise(0, intid, priority)
        self.drive(0, intid, high=True)
        self.acknowledge(0, group)

    @rule(vcpu=vcpus, group=groups, intid=intids)
    def end_any(self, vcpu: int, group: int, intid: int) -> None:
        self.store_icc(self.present(vcpu), f"EOIR{group}", intid)

    @precondition(lambda self: self.acknowledged)
    @rule(vcpu=vcpus, group=groups)
    def end_latest(self, vcpu: int, group: int) -> None:
        self.store_icc(self.present(vcpu), f"EOIR{group}", self.acknowledged.pop())

    @precondition(lambda self: self.acknowledged)
    @rule(vcpu=vcpus, data=st.data())
    def deactivate(self, vcpu: int, data: st.DataObject) -> None:
        intid = data.draw(st.sampled_from(self.acknowledged))
        self.store_icc(self.present(vcpu), "DIR", intid)

    # --- saves and restores, which change nothing -------------------------------------------------

    @rule()
    def reload(self) -> None:
        """Taking on one's own state changes nothing."""
        before = self.bench.gic.state()
        changes = len(self.bench.changes)
        self.bench.gic.load_state(before)
        assert self.bench.gic.state() == before
        assert len(self.bench.changes) == changes

    @rule(order=st.permutations(("distributor", "redistributors", "cpu interfaces")))
    def thaw_in_parts(self, order: list[str]) -> None:
        """A fresh GIC that took on the state, in parts in any order, behaves as the old one."""
        state = self.bench.gic.state()
        self.bench = GicBench(self.affinities, SPI_COUNT)
        for (vcpu, intid), high in self.levels.items():
            self.drive_bench(vcpu, intid, high)
        for part in order:
            self.load_part(part, state)
        assert self.bench.gic.state() == state

    def load_part(self, part: str, state: Any) -> None:
        gic = self.bench.gic
        if part == "distributor":
            gic.load_distributor(state.distributor)
        for vcpu in range(len(self.affinities)):
            if part == "redistributors":
                gic.load_redistributor(vcpu, state.redistributors[vcpu])
            elif part == "cpu interfaces":
                gic.load_cpu_interface(vcpu, state.cpu_interfaces[vcpu])

    # --- what is compared -------------------------------------------------------------------------

    @invariant()
    def signals_agree(self) -> None:
        for vcpu in range(len(self.affinities)):
            assert self.bench.asserted[vcpu] == self.reference.asserted(vcpu)
            for name in ICC_OBSERVED:
                assert self.bench.icc(name, vcpu=vcpu) == self.reference.read_icc(vcpu, name), name

    @rule(size=sizes)
    def registers_agree(self, size: int) -> None:
        gic = self.bench.gic
        for offset in (fits(size, offset) for offset in GICD_OFFSETS):
            found = gic.distributor.read(offset, size)
            assert found == self.reference.read_gicd(offset, size), hex(offset)
        for vcpu in range(len(self.affinities)):
            for offset in (fits(size, offset) for offset in GICR_OFFSETS):
                found = gic.redistributors.read(vcpu * GICR_STRIDE + offset, size)
                assert found == self.reference.read_gicr(vcpu, offset, size), hex(offset)

    def teardown(self) -> None:
        """Every register once more, at the end of the run."""
        if hasattr(self, "bench"):
            self.registers_agree(4)


TestComparison = Comparison.TestCase
TestComparison.settings = settings(stateful_step_count=60)
