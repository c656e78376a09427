"""The assembled GIC: lines, SGIs between vCPUs, state (IHI 0069, 4.4 and 12.2)."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from emu.arch.gicv3 import GICR_WAKER
from emu.core.events import EventStream
from emu.errors import BoardError, IncompatibleError
from emu.gic import BankState, GicState, GicV3, RedistributorState
from harness.reference.gic_bench import GicBench, StoppedClock

# Two clusters, and an Aff0 that needs the range selector.
AFFINITIES = (0x000, 0x001, 0x112, 0x1_0003_0100)
ALL_BUT_SELF = 1 << 40


@pytest.fixture
def bench() -> GicBench:
    """Four vCPUs, everything enabled."""
    bench = GicBench(AFFINITIES)
    bench.enable_everything()
    return bench


# --- what can be built ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mpidrs", "spi_count", "sinks"),
    [([], 32, 0), (list(range(33)), 32, 33), ([0, 0], 32, 2), ([0], 32, 2), ([0], 989, 1)],
)
def test_a_gic_that_cannot_be_had_is_refused(mpidrs: list[int], spi_count: int, sinks: int) -> None:
    with pytest.raises(BoardError, match=r"use|give"):
        GicV3(
            mpidrs=mpidrs,
            spi_count=spi_count,
            events=EventStream(StoppedClock()),
            irq_sinks=[lambda _: None] * sinks,
            fiq_sinks=[lambda _: None] * sinks,
        )


def test_every_vcpu_has_both_inputs() -> None:
    with pytest.raises(BoardError, match="1 FIQ inputs for 2 vCPUs"):
        GicV3(
            mpidrs=[0, 1],
            spi_count=32,
            events=EventStream(StoppedClock()),
            irq_sinks=[lambda _: None] * 2,
            fiq_sinks=[lambda _: None],
        )


def test_only_the_affinity_of_an_mpidr_counts() -> None:
    """Bit 31 is RES1, and U and MT say nothing about routing."""
    with pytest.raises(BoardError):
        GicV3(
            mpidrs=[0, 0b11 << 30 | 1 << 24],
            spi_count=32,
            events=EventStream(StoppedClock()),
            irq_sinks=[lambda _: None] * 2,
            fiq_sinks=[lambda _: None] * 2,
        )


@pytest.mark.parametrize("intid", [-1, 0, 31, 96, 1023])
def test_there_are_lines_for_spis_only_where_there_are_spis(bench: GicBench, intid: int) -> None:
    with pytest.raises(BoardError, match="use 32 to 95"):
        bench.gic.spi(intid)


@pytest.mark.parametrize("intid", [0, 15, 32])
def test_sgis_have_no_lines(bench: GicBench, intid: int) -> None:
    with pytest.raises(BoardError, match="use 16 to 31"):
        bench.gic.ppi(0, intid)


@pytest.mark.parametrize("vcpu", [-1, 4])
def test_there_is_nothing_of_a_vcpu_that_is_not_there(bench: GicBench, vcpu: int) -> None:
    for access in (bench.gic.cpu_interface, bench.gic.interrupts):
        with pytest.raises(BoardError, match="use 0 to 3"):
            access(vcpu)


def test_32_vcpus_each_get_their_own_interrupt() -> None:
    bench = GicBench(tuple(range(32)))
    bench.enable_everything()
    for vcpu in range(32):
        bench.write("GICD_IROUTER", vcpu, vcpu)
        bench.gic.spi(32 + vcpu).pulse()
    assert [bench.icc("IAR1", vcpu=vcpu) for vcpu in range(32)] == list(range(32, 64))


# --- SGIs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        (0b11, [0, 1]),
        (0b10, [1]),
        (0, []),
        (1 << 16 | 1 << 44 | 1 << 2, [2]),
        (1 << 16 | 1 << 2, []),
        (1 << 44 | 0b11, []),
        (1 << 48 | 3 << 32 | 1 << 16 | 1, [3]),
        (3 << 32 | 1 << 16 | 1, []),
        (ALL_BUT_SELF, [0, 2, 3]),
        (ALL_BUT_SELF | 0xFFFF, [0, 2, 3]),
    ],
)
def test_an_sgi_reaches_the_vcpus_that_its_target_names(
    bench: GicBench, target: int, reached: list[int]
) -> None:
    """Affinity, range selector and target list, or all but the sender, which is vCPU 1."""
    bench.set_icc("SGI1R", target | 9 << 24, vcpu=1)
    assert [vcpu for vcpu in range(4) if bench.asserted[vcpu]] == reached
    assert all(bench.icc("IAR1", vcpu=vcpu) == 9 for vcpu in reached)


@pytest.mark.parametrize(
    ("register", "group", "reached"),
    [
        ("SGI1R", 1, True),
        ("SGI1R", 0, True),
        ("SGI0R", 1, False),
        ("SGI0R", 0, True),
        ("ASGI1R", 1, False),
        ("ASGI1R", 0, True),
    ],
)
def test_which_groups_each_sgi_register_reaches(
    bench: GicBench, register: str, group: int, reached: bool
) -> None:
    """With one security state SGI1R reaches both groups, SGI0R and ASGI1R only group 0."""
    bench.write("GICR_IGROUPR0", 0xFFFF_FFFF * group, vcpu=1)
    bench.set_icc(register, 0b10)
    assert bench.asserted[1] == reached


# --- state ---------------------------------------------------------------------------------------


def busy() -> GicBench:
    """A GIC in the middle of things: every kind of state differs from its reset value."""
    bench = GicBench(AFFINITIES)
    bench.enable_everything()
    bench.prioritise(27, 0x40, vcpu=1)
    bench.prioritise(50, 0x80)
    bench.write("GICD_ICFGR", 0, 3)
    bench.write("GICD_IROUTER", 1, 18)
    bench.write("GICD_IGROUPR", 0xFF, 2)
    bench.set_icc("BPR0", 4, vcpu=1)
    bench.set_icc("BPR1", 5, vcpu=1)
    bench.gic.spi(50).set_level(True)
    bench.icc("IAR1", vcpu=1)
    bench.set_icc("CTLR", 0b11, vcpu=1)
    bench.gic.ppi(1, 27).set_level(True)
    bench.icc("IAR1", vcpu=1)
    bench.set_icc("SGI1R", ALL_BUT_SELF, vcpu=1)
    bench.write("GICR_WAKER", int(GICR_WAKER().replace(ProcessorSleep=1)), vcpu=2)
    return bench


def test_a_state_taken_on_by_another_gic_is_complete() -> None:
    source, copied = busy(), GicBench(AFFINITIES)
    copied.gic.load_state(source.gic.state())
    assert copied.gic.state() == source.gic.state()


def test_lines_keep_their_levels_over_a_load_and_loading_is_no_event() -> None:
    """Only the level is new: what was latched before the load is gone with the old state."""
    bench = GicBench()
    bench.gic.ppi(0, 27).set_level(True)
    bench.gic.spi(40).set_level(True)
    opened = GicBench()
    opened.enable_everything()
    bench.events.clear()
    bench.gic.load_state(opened.gic.state())
    assert bench.read("GICR_ISPENDR0") == 1 << 27
    assert bench.read("GICD_ISPENDR", 1) == 0
    assert bench.asserted == [True]
    assert bench.events == []


def test_a_reset_restores_what_a_new_gic_has() -> None:
    bench = busy()
    bench.gic.reset()
    assert bench.gic.state() == GicBench(AFFINITIES).gic.state()
    assert bench.asserted == [False] * 4


def test_a_state_is_a_copy() -> None:
    """Neither a later change of the GIC nor one of the state reaches the other."""
    bench = busy()
    state = bench.gic.state()
    before = copy.deepcopy(state)
    bench.gic.reset()
    assert state == before
    bench.gic.load_state(state)
    state.distributor.irouter[0] = 0x55
    assert bench.gic.state() == before


def full_bank(count: int) -> BankState:
    """`count` interrupts with every implemented bit set."""
    every = (1 << count) - 1
    return BankState(
        group=every,
        enabled=every,
        pending_latch=every,
        active=every,
        edge=every,
        priority=b"\xf8" * count,
    )


def test_bits_that_registers_do_not_have_are_dropped() -> None:
    """Each register keeps of a loaded value what it would keep of a written one."""
    gic = GicBench().gic
    state = gic.state()
    for part in (state.redistributors[0].interrupts, state.distributor.spis):
        part.group = part.enabled = part.pending_latch = part.active = part.edge = (1 << 99) - 1
        part.priority = b"\xff" * len(part.priority)
    state.distributor.irouter = [(1 << 64) - 1] * 64
    for owner in (state.distributor, state.redistributors[0], state.cpu_interfaces[0]):
        for name in owner.__slots__:
            if isinstance(getattr(owner, name), int):
                setattr(owner, name, (1 << 64) - 1)
    gic.load_state(state)
    kept = gic.state()
    assert kept.redistributors[0].interrupts == full_bank(32)
    assert kept.distributor.spis == full_bank(64)
    assert kept.distributor.irouter == [0xFF_00FF_FFFF] * 64
    assert (kept.distributor.ctlr, kept.redistributors[0].waker) == (0b11, 0b10)
    interface = kept.cpu_interfaces[0]
    assert [getattr(interface, name) for name in interface.__slots__] == [
        *(0b11, 0xF8, 7, 7, 0xFFFF_FFFF, 0xFFFF_FFFF, 1, 1)
    ]


def short_routes(state: GicState) -> None:
    state.distributor.irouter.pop()


def short_spis(state: GicState) -> None:
    state.distributor.spis.priority = bytes(63)


def short_private(state: GicState) -> None:
    state.redistributors[3].interrupts.priority = bytes(31)


def short_redistributors(state: GicState) -> None:
    state.redistributors.pop()


def short_cpu_interfaces(state: GicState) -> None:
    state.cpu_interfaces.pop()


@pytest.mark.parametrize(
    "spoil",
    [short_routes, short_spis, short_private, short_redistributors, short_cpu_interfaces],
)
def test_a_state_of_another_shape_is_refused_and_changes_nothing(
    spoil: Callable[[GicState], None],
) -> None:
    state, bench = busy().gic.state(), GicBench(AFFINITIES)
    before = bench.gic.state()
    spoil(state)
    with pytest.raises(IncompatibleError, match=r"this GIC|expected"):
        bench.gic.load_state(state)
    assert bench.gic.state() == before


def test_a_part_of_another_shape_is_refused(bench: GicBench) -> None:
    state = bench.gic.state()
    short_spis(state)
    with pytest.raises(IncompatibleError, match="63 SPI priorities, this GIC has 64"):
        bench.gic.load_distributor(state.distributor)
    with pytest.raises(BoardError):
        bench.gic.load_redistributor(4, RedistributorState())


def test_the_running_priority_survives_with_the_cpu_interface_only() -> None:
    """Without ICC_AP1R0_EL1 a lower priority would preempt the handler that was running."""
    source = GicBench()
    source.enable_everything()
    source.prioritise(20, 0x40)
    source.prioritise(21, 0x80)
    source.write("GICR_ISPENDR0", 1 << 20)
    assert source.icc("IAR1") == 20
    source.write("GICR_ISPENDR0", 1 << 21)
    state = source.gic.state()
    whole, partial = GicBench(), GicBench()
    for bench in (whole, partial):
        bench.gic.load_distributor(state.distributor)
        bench.gic.load_redistributor(0, state.redistributors[0])
    whole.gic.load_cpu_interface(0, state.cpu_interfaces[0])
    state.cpu_interfaces[0].ap1r0 = 0
    partial.gic.load_cpu_interface(0, state.cpu_interfaces[0])
    assert (whole.asserted, partial.asserted) == ([False], [True])
