"""What a VMM reads and writes through KVM (arch/arm64/kvm/vgic, Linux 6.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.gicv3 import GICD, GICD_SIZE_BYTES, GICR, GICR_SIZE_BYTES
from emu.arch.sysregs import BY_NAME
from emu.errors import IncompatibleError, MachineError
from emu.gic import GicV3
from harness.reference.gic_bench import GicBench

SPI_COUNT = 96
AFFINITIES = (0, 1)
ISPENDR1 = GICD["GICD_ISPENDR"] + 4
ICPENDR1 = GICD["GICD_ICPENDR"] + 4

words = st.integers(0, 2**32 - 1)


@pytest.fixture
def bench() -> GicBench:
    """Two vCPUs and as many SPIs as Firecracker has."""
    return GicBench(AFFINITIES, SPI_COUNT)


# --- pending: the latches alone -------------------------------------------------------------------


def test_ispendr_shows_the_latches_and_not_the_lines(bench: GicBench) -> None:
    bench.make_spis_level_sensitive()
    bench.gic.spi(33).set_level(True)
    bench.write("GICD_ISPENDR", 1 << 4, 1)
    assert bench.read("GICD_ISPENDR", 1) == 1 << 4 | 1 << 1
    assert bench.gic.user_read_distributor(ISPENDR1) == 1 << 4


@given(before=words, written=words)
def test_writing_ispendr_sets_and_clears(before: int, written: int) -> None:
    bench = GicBench(AFFINITIES, SPI_COUNT)
    bench.write("GICD_ISPENDR", before, 1)
    bench.gic.user_write_distributor(ISPENDR1, written)
    assert bench.gic.user_read_distributor(ISPENDR1) == written
    assert bench.read("GICD_ISPENDR", 1) == written


def test_icpendr_reads_as_zero_and_ignores_writes(bench: GicBench) -> None:
    bench.write("GICD_ISPENDR", 0xF0, 1)
    assert bench.gic.user_read_distributor(ICPENDR1) == 0
    bench.gic.user_write_distributor(ICPENDR1, 0xFFFF_FFFF)
    assert bench.gic.user_read_distributor(ISPENDR1) == 0xF0


def test_the_same_goes_for_a_vcpus_private_interrupts(bench: GicBench) -> None:
    ispendr, icpendr = GICR["GICR_ISPENDR0"], GICR["GICR_ICPENDR0"]
    bench.gic.ppi(1, 27).set_level(True)
    bench.gic.user_write_redistributor(1, ispendr, 1 << 3)
    bench.gic.user_write_redistributor(1, icpendr, 0xFFFF_FFFF)
    assert bench.gic.user_read_redistributor(1, ispendr) == 1 << 3
    assert bench.gic.user_read_redistributor(1, icpendr) == 0
    assert bench.gic.user_read_redistributor(0, ispendr) == 0
    assert bench.read("GICR_ISPENDR0", vcpu=1) == 1 << 27 | 1 << 3


def test_what_a_vmm_makes_pending_is_signalled_and_is_no_event(bench: GicBench) -> None:
    bench.enable_everything()
    bench.gic.user_write_distributor(ISPENDR1, 1 << 4)
    assert bench.asserted == [True, False]
    assert bench.events == []
    assert bench.icc("IAR1") == 36


# --- set and clear registers ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ENABLER", "ACTIVER"])
@given(first=words, second=words)
def test_the_other_set_and_clear_registers_work_as_the_guests(
    name: str, first: int, second: int
) -> None:
    gic = GicBench(AFFINITIES, SPI_COUNT).gic
    set_register, clear_register = GICD[f"GICD_IS{name}"] + 4, GICD[f"GICD_IC{name}"] + 4
    gic.user_write_distributor(set_register, first)
    gic.user_write_distributor(clear_register, second)
    for register in (set_register, clear_register):
        assert gic.user_read_distributor(register) == first & ~second


# --- line levels ----------------------------------------------------------------------------------


def test_line_levels_are_those_of_level_sensitive_interrupts(bench: GicBench) -> None:
    bench.make_spis_level_sensitive()
    bench.gic.spi(33).set_level(True)
    bench.gic.spi(127).set_level(True)
    bench.gic.ppi(1, 27).set_level(True)
    levels = {
        (vcpu, intid): bench.gic.user_read_line_levels(vcpu, intid)
        for vcpu in (0, 1)
        for intid in range(0, 1024, 32)
    }
    assert {place: word for place, word in levels.items() if word} == {
        **{(vcpu, 32): 1 << 1 for vcpu in (0, 1)},
        **{(vcpu, 96): 1 << 31 for vcpu in (0, 1)},
        (1, 0): 1 << 27,
    }


def test_a_level_that_a_vmm_sets_is_no_edge_whatever_the_configuration(bench: GicBench) -> None:
    """So the order of ICFGR and the levels does not matter."""
    bench.gic.user_write_line_levels(0, 32, 0b110)
    assert bench.read("GICD_ISPENDR", 1) == 0
    assert bench.gic.user_read_line_levels(0, 32) == 0
    bench.make_spis_level_sensitive()
    assert bench.read("GICD_ISPENDR", 1) == 0b110
    assert bench.gic.user_read_line_levels(0, 32) == 0b110
    bench.gic.user_write_line_levels(0, 32, 0b010)
    assert bench.gic.user_read_line_levels(0, 32) == 0b010


def test_sgis_and_what_there_is_not_have_no_line(bench: GicBench) -> None:
    for intid in range(0, 1024, 32):
        bench.gic.user_write_line_levels(1, intid, 0xFFFF_FFFF)
    bench.make_spis_level_sensitive()
    found = {intid: bench.gic.user_read_line_levels(1, intid) for intid in range(0, 1024, 32)}
    full = dict.fromkeys((32, 64, 96), 0xFFFF_FFFF)
    assert {intid: word for intid, word in found.items() if word} == {0: 0xFFFF_0000, **full}
    assert bench.read("GICR_ISPENDR0", vcpu=1) == 0xFFFF_0000
    assert bench.read("GICR_ISPENDR0", vcpu=0) == 0


def test_a_level_that_a_vmm_sets_is_signalled(bench: GicBench) -> None:
    bench.enable_everything()
    bench.gic.user_write_line_levels(1, 0, 1 << 30)
    assert bench.asserted == [False, True]


@pytest.mark.parametrize("first_intid", [1, 31, 33, -1])
def test_levels_come_in_words(bench: GicBench, first_intid: int) -> None:
    with pytest.raises(MachineError, match="multiple of 32"):
        bench.gic.user_read_line_levels(0, first_intid)
    with pytest.raises(MachineError, match="multiple of 32"):
        bench.gic.user_write_line_levels(0, first_intid, 0)


# --- what else differs from the guest's view ------------------------------------------------------


def test_both_enables_of_the_distributor_and_the_waker_are_kept(bench: GicBench) -> None:
    bench.gic.user_write_distributor(GICD["GICD_CTLR"], 0b11)
    assert bench.gic.user_read_distributor(GICD["GICD_CTLR"]) == 0x53
    bench.gic.user_write_redistributor(0, GICR["GICR_WAKER"], 0b10)
    wakers = [bench.gic.user_read_redistributor(vcpu, GICR["GICR_WAKER"]) for vcpu in (0, 1)]
    assert wakers == [0b110, 0]


def test_all_redistributors_share_propbaser_and_each_has_its_pendbaser(bench: GicBench) -> None:
    def word(vcpu: int, name: str, half: int) -> int:
        return bench.gic.user_read_redistributor(vcpu, GICR[name] + 4 * half)

    assert word(0, "GICR_PROPBASER", 0) == 0
    assert [word(vcpu, "GICR_PENDBASER", 0) for vcpu in (0, 1)] == [0x580, 0x580]
    bench.gic.user_write_redistributor(1, GICR["GICR_PROPBASER"], 0x1234_578F)
    bench.gic.user_write_redistributor(1, GICR["GICR_PROPBASER"] + 4, 0x9)
    bench.gic.user_write_redistributor(1, GICR["GICR_PENDBASER"] + 4, 0x4000_0008)
    for vcpu in (0, 1):
        assert word(vcpu, "GICR_PROPBASER", 0) == 0x1234_578F
        assert word(vcpu, "GICR_PROPBASER", 1) == 0x9
    assert [word(vcpu, "GICR_PENDBASER", 1) for vcpu in (0, 1)] == [0, 8]
    assert bench.read("GICR_PROPBASER") == bench.read("GICR_PENDBASER") == 0


@pytest.mark.parametrize(
    ("register", "written", "kept"),
    [
        ("GICR_PROPBASER", 0xFFFF_FFFF_FFFF_FFFF, 0x000F_FFFF_FFFF_FF9F),
        ("GICR_PROPBASER", 0x0700_0000_0000_0800, 0x0000_0000_0000_0580),
        ("GICR_PROPBASER", 0x0100_0000_0000_0080, 0x0100_0000_0000_0180),
        ("GICR_PENDBASER", 0xFFFF_FFFF_FFFF_FFFF, 0x000F_FFFF_FFFF_0F80),
    ],
)
def test_what_lpi_tables_can_not_be_is_turned_into_what_they_can(
    bench: GicBench, register: str, written: int, kept: int
) -> None:
    for half in (0, 1):
        bench.gic.user_write_redistributor(0, GICR[register] + 4 * half, written >> 32 * half)
    halves = [bench.gic.user_read_redistributor(0, GICR[register] + 4 * half) for half in (0, 1)]
    assert halves[1] << 32 | halves[0] == kept


def test_iidr_may_differ_in_its_revision_only(bench: GicBench) -> None:
    iidr = GICD["GICD_IIDR"]
    for value in (0x4B00_143B, 0x4B00_243B, 0x4B00_343B):
        bench.gic.user_write_distributor(iidr, value)
        assert bench.gic.user_read_distributor(iidr) == 0x4B00_343B
    for value in (0x4A00_343B, 0x4B00_343C, 0):
        with pytest.raises(IncompatibleError, match="GICD_IIDR"):
            bench.gic.user_write_distributor(iidr, value)


def test_typer2_takes_what_it_shows(bench: GicBench) -> None:
    bench.gic.user_write_distributor(GICD["GICD_TYPER2"], 0)
    with pytest.raises(IncompatibleError, match="GICD_TYPER2"):
        bench.gic.user_write_distributor(GICD["GICD_TYPER2"], 1)


def test_read_only_registers_ignore_writes(bench: GicBench) -> None:
    before = bench.gic.state()
    for name in ("GICD_TYPER", "GICD_STATUSR", "GICD_PIDR2", "GICD_ITARGETSR", "GICD_IGRPMODR"):
        bench.gic.user_write_distributor(GICD[name], 0)
    for name in ("GICR_CTLR", "GICR_TYPER", "GICR_IIDR", "GICR_STATUSR", "GICR_NSACR"):
        bench.gic.user_write_redistributor(0, GICR[name], 0xFFFF_FFFF)
    assert bench.gic.state() == before
    assert bench.gic.user_read_distributor(GICD["GICD_STATUSR"]) == 0xFFFF_FFFF
    assert bench.gic.user_read_redistributor(0, GICR["GICR_CTLR"]) == 0b110


# --- what is refused ------------------------------------------------------------------------------

DISTRIBUTOR_RANGES = (
    range(0x0014),
    *(range(base, base + 16) for base in range(0x0080, 0x0400, 0x80)),
    *(range(base, base + 128) for base in (0x0400, 0x0800)),
    range(0x0C00, 0x0C20),
    range(0x0D00, 0x0D10),
    range(0x6000, 0x6400),
    range(0xFFD0, 0x1_0000),
)
"""With 128 interrupts. Written from KVM's tables, not from this project's."""

REDISTRIBUTOR_RANGES = (
    range(0x0018),
    range(0x0070, 0x0080),
    range(0x00A0, 0x00A8),
    range(0x00B0, 0x00B8),
    range(0x00C0, 0x00C4),
    range(0xFFD0, 0x1_0000),
    *(range(0x1_0000 + base, 0x1_0004 + base) for base in range(0x0080, 0x0400, 0x80)),
    range(0x1_0400, 0x1_0420),
    range(0x1_0C00, 0x1_0C08),
    range(0x1_0D00, 0x1_0D04),
    range(0x1_0E00, 0x1_0E04),
)


def readable(gic: GicV3, frame: str, offset: int) -> bool:
    """Whether a VMM may read this word."""
    try:
        if frame == "GICD":
            gic.user_read_distributor(offset)
        else:
            gic.user_read_redistributor(1, offset)
    except MachineError:
        return False
    return True


@pytest.mark.parametrize(
    ("frame", "size_bytes", "ranges"),
    [
        ("GICD", GICD_SIZE_BYTES, DISTRIBUTOR_RANGES),
        ("GICR", GICR_SIZE_BYTES, REDISTRIBUTOR_RANGES),
    ],
)
def test_a_vmm_may_access_what_kvm_has_and_nothing_else(
    bench: GicBench, frame: str, size_bytes: int, ranges: tuple[range, ...]
) -> None:
    expected = {offset for places in ranges for offset in places if offset % 4 == 0}
    found = {o for o in range(0, size_bytes, 4) if readable(bench.gic, frame, o)}
    assert found == expected


@pytest.mark.parametrize("offset", [1, 2, 3, 0x6001, 0x421, -4])
def test_an_offset_that_is_not_aligned_or_outside_is_refused(bench: GicBench, offset: int) -> None:
    with pytest.raises(MachineError):
        bench.gic.user_read_distributor(offset)
    with pytest.raises(MachineError):
        bench.gic.user_write_distributor(offset, 0)
    with pytest.raises(MachineError):
        bench.gic.user_read_redistributor(0, offset)
    with pytest.raises(MachineError):
        bench.gic.user_write_redistributor(0, offset, 0)


def test_there_is_no_such_vcpu(bench: GicBench) -> None:
    with pytest.raises(MachineError, match="no vCPU"):
        bench.gic.user_read_redistributor(2, 0)
    with pytest.raises(MachineError, match="no vCPU"):
        bench.gic.user_read_icc(2, BY_NAME["ICC_PMR_EL1"].encoding)
    with pytest.raises(MachineError, match="no vCPU"):
        bench.gic.user_read_line_levels(-1, 0)
