"""Whatever is done to it, the GIC and the reference model can't be told apart.

After each step the vCPUs' inputs and the running state must agree, and now and then every register.
At any point the GIC may be replaced by a fresh one that took on its state.
"""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.gic.side_by_side import (
    AFFINITY_SETS,
    GICD_OFFSETS,
    GICR_OFFSETS,
    ICC_STORED,
    PARTS,
    SPI_COUNT,
    SideBySide,
)

VCPU_COUNT_MAX = 32

values = st.one_of(
    st.sampled_from((0, 1, 3, 0xFFFF_FFFF, 0xAAAA_AAAA, 0x8080_8080, 0x1_0000_0112)),
    st.integers(0, 2**64 - 1),
)
# Few interrupts and few priorities, so that they meet often.
priorities = st.one_of(st.sampled_from((0x40, 0x48, 0x80, 0xF8)), st.integers(0, 255))
icc_values = st.one_of(st.integers(0, 7), priorities, st.integers(0, 31).map(lambda n: 1 << n))
lines = st.sampled_from((16, 27, 32, 33, 64, 31 + SPI_COUNT))
sgis = st.sampled_from((0, 1, 15))
intids = st.one_of(sgis, lines, st.integers(0, 31 + SPI_COUNT), st.sampled_from((1023, 8192)))
sgi_registers = st.sampled_from(("SGI1R", "SGI0R", "ASGI1R"))
misses = st.sampled_from((0, 0, 1, 0x10, 0x100, 0x1_0000, 0x1_0000_0000))
sizes = st.sampled_from((1, 2, 4, 4, 4, 8))
vcpus = st.integers(0, VCPU_COUNT_MAX - 1)
groups = st.integers(0, 1)


class Comparison(RuleBasedStateMachine):
    """The GIC beside the reference model."""

    affinity_sets = AFFINITY_SETS
    """The affinities of the vCPUs that a run may have."""

    @initialize(choice=st.integers(0, 1000), opened=st.sampled_from((1, 1, 1, 0)))
    def build(self, choice: int, opened: int) -> None:
        """Start from reset, or from where interrupts get through, which chance finds too rarely."""
        self.both = SideBySide(self.affinity_sets[choice % len(self.affinity_sets)])
        if opened:
            self.open_the_way()

    @rule()
    def open_the_way(self) -> None:
        self.both.open_the_way()

    @rule(offset=st.sampled_from(GICD_OFFSETS), size=sizes, value=values)
    def write_gicd(self, offset: int, size: int, value: int) -> None:
        self.both.write_gicd(offset, size, value)

    @rule(vcpu=vcpus, offset=st.sampled_from(GICR_OFFSETS), size=sizes, value=values)
    def write_gicr(self, vcpu: int, offset: int, size: int, value: int) -> None:
        self.both.write_gicr(vcpu, offset, size, value)

    @rule(vcpu=vcpus, name=st.sampled_from(ICC_STORED), value=icc_values)
    def write_icc(self, vcpu: int, name: str, value: int) -> None:
        self.both.write_icc(vcpu, name, value)

    @rule(enables=st.integers(0, 3))
    def enable_groups(self, enables: int) -> None:
        self.both.write_gicd(0x0000, 4, enables)

    @rule(vcpu=vcpus, mode=st.integers(0, 3))
    def set_eoimode_and_cbpr(self, vcpu: int, mode: int) -> None:
        self.both.write_icc(vcpu, "CTLR", mode)

    @rule(vcpu=vcpus, asleep=st.booleans())
    def sleep(self, vcpu: int, asleep: bool) -> None:
        self.both.sleep(vcpu, asleep=asleep)

    @rule(vcpu=vcpus, kind=st.integers(1, 7), intid=st.one_of(lines, sgis), whole=st.booleans())
    def write_bit(self, vcpu: int, kind: int, intid: int, whole: bool) -> None:
        """IGROUPR, ISENABLER, ICENABLER and so on, for an interrupt that something happens to."""
        value = 0xFFFF_FFFF if whole else 1 << intid % 32
        self.both.write_interrupt_register(vcpu, intid, 0x80 * kind, value)

    @rule(vcpu=vcpus, intid=lines, value=values)
    def configure(self, vcpu: int, intid: int, value: int) -> None:
        self.both.configure(vcpu, intid, value)

    @rule(vcpu=vcpus, intid=st.one_of(sgis, lines), priority=priorities)
    def prioritise(self, vcpu: int, intid: int, priority: int) -> None:
        self.both.prioritise(vcpu, intid, priority)

    @rule(spi=st.integers(0, SPI_COUNT), route=values)
    def route_anywhere(self, spi: int, route: int) -> None:
        self.both.write_gicd(0x6100 + 8 * spi, 8, route)

    @rule(intid=lines, vcpu=vcpus)
    def route(self, intid: int, vcpu: int) -> None:
        self.both.route(intid, vcpu)

    @rule(vcpu=vcpus, intid=lines, high=st.booleans())
    def drive(self, vcpu: int, intid: int, high: bool) -> None:
        self.both.drive(vcpu, intid, high=high)

    @rule(vcpu=vcpus, intid=lines)
    def pulse(self, vcpu: int, intid: int) -> None:
        self.both.pulse(vcpu, intid)

    @rule(vcpu=vcpus, name=sgi_registers, value=st.one_of(st.just(1 << 40), values))
    def send_sgi_anywhere(self, vcpu: int, name: str, value: int) -> None:
        self.both.write_icc(vcpu, name, value)

    @rule(vcpu=vcpus, aimed_at=vcpus, name=sgi_registers, intid=sgis, miss=misses)
    def send_sgi(self, vcpu: int, aimed_at: int, name: str, intid: int, miss: int) -> None:
        """To a vCPU that there is, or past it by one bit of its affinity."""
        affinity = self.both.affinities[self.both.present(aimed_at)] ^ miss
        self.both.send_sgi(vcpu, name, intid, affinity)

    @rule(vcpu=vcpus, group=groups)
    def acknowledge(self, vcpu: int, group: int) -> None:
        self.both.acknowledge(vcpu, group)

    @rule(vcpu=vcpus, intid=lines, edge=st.booleans(), priority=priorities, group=groups)
    def handle(self, vcpu: int, intid: int, edge: bool, priority: int, group: int) -> None:
        self.both.handle(vcpu, intid, edge=edge, priority=priority, group=group)

    @rule(group=groups, deactivate=st.booleans())
    def end(self, group: int, deactivate: bool) -> None:
        self.both.end(group, deactivate=deactivate)

    @rule(vcpu=vcpus, group=groups, intid=intids)
    def end_any(self, vcpu: int, group: int, intid: int) -> None:
        self.both.write_icc(vcpu, f"EOIR{group}", intid)

    @rule(vcpu=vcpus, intid=intids)
    def deactivate_any(self, vcpu: int, intid: int) -> None:
        self.both.write_icc(vcpu, "DIR", intid)

    @rule()
    def reload(self) -> None:
        self.both.reload()

    @rule(order=st.permutations(PARTS))
    def thaw(self, order: list[str]) -> None:
        self.both.thaw(order)

    @rule(size=sizes)
    def registers_agree(self, size: int) -> None:
        self.both.check_registers(size)

    @invariant()
    def signals_agree(self) -> None:
        self.both.check()

    def teardown(self) -> None:
        """Every register once more, at the end of the run."""
        if hasattr(self, "both"):
            self.both.check_registers(4)


class FullHouse(Comparison):
    """As many vCPUs as there may be, numbered as KVM does it: 16 in a cluster."""

    affinity_sets = (tuple(vcpu >> 4 << 8 | vcpu & 0xF for vcpu in range(VCPU_COUNT_MAX)),)


TestComparison = Comparison.TestCase
TestComparison.settings = settings(stateful_step_count=60)

TestFullHouse = FullHouse.TestCase
TestFullHouse.settings = settings(max_examples=5, stateful_step_count=30)


def places(end: int, size: int) -> range | list[int]:
    """Where a frame is accessed: every word, of small accesses by turns in each part of it."""
    if size >= 4:
        return range(0, end, size)
    return [word + word // 4 * size % 4 for word in range(0, end, 4)]


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_every_place_of_the_frames_agrees_for_every_size(size: int) -> None:
    """The whole of both frames, written everywhere, and read everywhere: also what is reserved."""
    both = SideBySide((0, 1))
    for offset in places(0x1_0000, size):
        both.write_gicd(offset, size, 0xA5A5_5A5A_C3C3_3C3C)
    for offset in places(0x2_0000, size):
        both.write_gicr(1, offset, size, 0x5A5A_A5A5_3C3C_C3C3)
    both.check_gicd(places(0x1_0000, size), size)
    both.check_gicr(1, places(0x2_0000, size), size)
    both.check_registers(4)
    both.check()
