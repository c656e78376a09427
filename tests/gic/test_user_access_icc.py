"""What a VMM reads and writes of a CPU interface through KVM, and the GIC as a whole."""

from __future__ import annotations

import pytest

from emu.arch.gicv3 import ICC_CTLR_EL1
from emu.arch.sysregs import BY_NAME, UNMODELLED
from emu.errors import IncompatibleError, MachineError
from emu.formats.firecracker.gic import DIST, ICC_AP, ICC_MAIN, REDIST_FROM_1_13, Entry
from harness.reference.gic_bench import GicBench

SPI_COUNT = 96
AFFINITIES = (0, 1)


@pytest.fixture
def bench() -> GicBench:
    """Two vCPUs and as many SPIs as Firecracker has."""
    return GicBench(AFFINITIES, SPI_COUNT)


# --- CPU interface --------------------------------------------------------------------------------

CTLR = ICC_CTLR_EL1().replace(PRIbits=4, A3V=1)


def encoding(name: str) -> int:
    """Of an ICC_* register."""
    return next(reg for reg in (*BY_NAME.values(), *UNMODELLED) if reg.name == name).encoding


@pytest.mark.parametrize(
    ("name", "written", "kept"),
    [
        ("ICC_PMR_EL1", 0xF7, 0xF0),
        ("ICC_BPR0_EL1", 0, 2),
        ("ICC_BPR1_EL1", 5, 5),
        ("ICC_AP0R0_EL1", 0x8000_0001, 0x8000_0001),
        ("ICC_AP1R0_EL1", 1 << 20, 1 << 20),
        ("ICC_IGRPEN0_EL1", 1, 1),
        ("ICC_IGRPEN1_EL1", 1, 1),
        ("ICC_SRE_EL1", 1, 7),
        ("ICC_CTLR_EL1", int(CTLR.replace(EOImode=1, CBPR=1)), int(CTLR) | 3),
        ("ICC_CTLR_EL1", int(CTLR.replace(PRIbits=3)), int(CTLR)),
    ],
)
def test_a_vmm_may_set_the_registers_that_hold_state(
    bench: GicBench, name: str, written: int, kept: int
) -> None:
    bench.gic.user_write_icc(1, encoding(name), written)
    assert bench.gic.user_read_icc(1, encoding(name)) == kept
    assert bench.icc(name.removeprefix("ICC_").removesuffix("_EL1"), vcpu=1) == kept


@pytest.mark.parametrize("name", ["IAR1", "EOIR0", "HPPIR0", "RPR", "DIR", "SGI1R"])
def test_a_vmm_finds_no_register_that_holds_no_state(bench: GicBench, name: str) -> None:
    bench.enable_everything()
    bench.gic.spi(40).pulse()
    with pytest.raises(MachineError, match="no register"):
        bench.gic.user_read_icc(0, encoding(f"ICC_{name}_EL1"))
    with pytest.raises(MachineError, match="no register"):
        bench.gic.user_write_icc(0, encoding(f"ICC_{name}_EL1"), 0)
    assert bench.asserted[0]


@pytest.mark.parametrize("group", [0, 1])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_active_priorities_of_more_than_5_bits_are_refused(
    bench: GicBench, group: int, number: int
) -> None:
    register = encoding(f"ICC_AP{group}R{number}_EL1")
    with pytest.raises(IncompatibleError, match="bits of priority"):
        bench.gic.user_read_icc(0, register)
    with pytest.raises(IncompatibleError, match="bits of priority"):
        bench.gic.user_write_icc(0, register, 0)


@pytest.mark.parametrize("change", [{"PRIbits": 5}, {"IDbits": 1}, {"A3V": 0}, {"SEIS": 1}])
def test_a_cpu_interface_that_can_do_more_or_else_is_refused(
    bench: GicBench, change: dict[str, int]
) -> None:
    before = bench.gic.state()
    value = int(CTLR.replace(EOImode=1).replace(**change))
    with pytest.raises(IncompatibleError, match="ICC_CTLR_EL1"):
        bench.gic.user_write_icc(0, encoding("ICC_CTLR_EL1"), value)
    assert bench.gic.state() == before


def test_a_cpu_interface_without_system_registers_is_refused(bench: GicBench) -> None:
    with pytest.raises(IncompatibleError, match="ICC_SRE_EL1"):
        bench.gic.user_write_icc(0, encoding("ICC_SRE_EL1"), 6)


# --- the whole of it ------------------------------------------------------------------------------


def offsets(entries: tuple[Entry, ...]) -> list[int]:
    """Of all words, in the order of a state file."""
    return [o for entry in entries for o in range(entry.offset, entry.offset + entry.size_bytes, 4)]


def test_saving_and_restoring_in_firecrackers_order_loses_nothing_but_levels(
    bench: GicBench,
) -> None:
    bench.enable_everything()
    bench.make_spis_level_sensitive()
    bench.write("GICD_ICFGR", 0xFFFF_FFFF, 3)
    bench.write("GICD_IGROUPR", 0xFFFF_0000, 2)
    bench.write("GICD_IROUTER", 1, 5)
    bench.prioritise(40, 0x40)
    bench.gic.spi(50).pulse()
    bench.gic.spi(51).pulse()
    bench.set_icc("CTLR", 2)
    bench.set_icc("EOIR1", bench.icc("IAR1"))
    bench.set_icc("SGI1R", 0b10)
    bench.set_icc("PMR", 0xA0, vcpu=1)
    fresh = GicBench(AFFINITIES, SPI_COUNT)
    for offset in offsets(DIST):
        fresh.gic.user_write_distributor(offset, bench.gic.user_read_distributor(offset))
    for vcpu in (0, 1):
        for offset in offsets(REDIST_FROM_1_13):
            value = bench.gic.user_read_redistributor(vcpu, offset)
            fresh.gic.user_write_redistributor(vcpu, offset, value)
        for entry in (*ICC_MAIN, *(entry for entry in ICC_AP if entry.name.endswith("R0_EL1"))):
            value = bench.gic.user_read_icc(vcpu, entry.offset)
            fresh.gic.user_write_icc(vcpu, entry.offset, value)
    saved, restored = bench.gic.state(), fresh.gic.state()
    saved.distributor.propbaser = restored.distributor.propbaser
    assert restored == saved
    assert fresh.asserted == bench.asserted
    assert fresh.events == []
