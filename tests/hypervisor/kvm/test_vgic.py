"""KVM's vGIC as a device: the order of its attributes, their values and their errors."""

from __future__ import annotations

import pytest

from emu.arch.kvm_devices import (
    LevelInfo,
    RedistRegion,
    VgicAddress,
    VgicAttribute,
    VgicControl,
    VgicGroup,
)
from emu.arch.kvm_reg_list import HostKernel
from emu.arch.sysregs import BY_NAME
from emu.boards.squib import SQUIB
from emu.errors import Errno, IncompatibleError
from emu.formats.firecracker import gic as firecracker
from emu.hypervisor.kvm import KvmVgic, KvmVm
from emu.hypervisor.kvm.vgic_addresses import UNDEFINED_ADDRESS
from emu.machine import Machine
from tests.hypervisor.kvm.surface import initialized_vcpu, refused

ADDR, CTRL, NR_IRQS = VgicGroup.ADDR, VgicGroup.CTRL, VgicGroup.NR_IRQS
DIST, REDIST = VgicGroup.DIST_REGS, VgicGroup.REDIST_REGS
ICC, LEVELS = VgicGroup.CPU_SYSREGS, VgicGroup.LEVEL_INFO
GICD, GICR = SQUIB.gicd.base, SQUIB.gicr.window(1).base
NOBODY = VgicAttribute().replace(Affinity=0x0102_0304).value


@pytest.fixture
def new(vm: KvmVm) -> KvmVgic:
    """Created after the vCPU, and nothing said yet."""
    initialized_vcpu(vm)
    return vm.create_gic()


# --- where it is -------------------------------------------------------------------------------


def test_addresses_are_undefined_until_they_are_set(new: KvmVgic) -> None:
    for kind, address in ((VgicAddress.DIST, GICD), (VgicAddress.REDIST, GICR)):
        assert new.get_device_attr(ADDR, kind) == UNDEFINED_ADDRESS
        new.set_device_attr(ADDR, kind, address)
        assert new.get_device_attr(ADDR, kind) == address
        with refused("EEXIST", kind.name):
            new.set_device_attr(ADDR, kind, address)


@pytest.mark.parametrize("kind", [VgicAddress.DIST, VgicAddress.REDIST])
def test_addresses_that_no_frame_can_have(new: KvmVgic, kind: VgicAddress) -> None:
    """Not aligned; at the end of a guest's addresses; far behind it."""
    with refused("EINVAL", kind.name):
        new.set_device_attr(ADDR, kind, GICR + 0x1000)
    for address in ((1 << 40) - 0x1_0000 + 0x1_0000, 1 << 52):
        with refused("E2BIG", kind.name):
            new.set_device_attr(ADDR, kind, address)


def test_the_redistributors_may_not_cover_the_distributor(new: KvmVgic) -> None:
    new.set_device_attr(ADDR, VgicAddress.DIST, GICD)
    with refused("EINVAL", "overlap"):
        new.set_device_attr(ADDR, VgicAddress.REDIST, GICD - 0x1_0000)


@pytest.mark.parametrize("kind", [VgicAddress.DIST, VgicAddress.REDIST])
def test_a_place_that_the_board_has_not(new: KvmVgic, kind: VgicAddress) -> None:
    """KVM takes it; the machine's memory map is fixed, and it says so."""
    with pytest.raises(IncompatibleError, match="squib has it at"):
        new.set_device_attr(ADDR, kind, 0x3FFD_0000)


def test_redistributor_regions(new: KvmVgic) -> None:
    """Base, count and index in one word; no mixing with the single region."""
    region = RedistRegion().replace(Base=GICR >> 16, Count=1)
    for wrong in (region.replace(Count=0), region.replace(Flags=1), region.replace(Index=1)):
        with refused("EINVAL", "REDIST_REGION"):
            new.set_device_attr(ADDR, VgicAddress.REDIST_REGION, wrong.value)
    new.set_device_attr(ADDR, VgicAddress.REDIST_REGION, region.value)
    assert new.get_device_attr(ADDR, VgicAddress.REDIST_REGION, 0) == region.value
    with refused("ENOENT"):
        new.get_device_attr(ADDR, VgicAddress.REDIST_REGION, 1)
    with refused("EINVAL"):
        new.set_device_attr(ADDR, VgicAddress.REDIST, GICR + 0x2_0000)


# --- how many interrupts, and INIT --------------------------------------------------------------


def test_numbers_of_interrupts_that_there_can_not_be(new: KvmVgic) -> None:
    for count in (0, 32, 63, 65, 100, 1056):
        with refused("EINVAL", str(count)):
            new.set_device_attr(NR_IRQS, 0, count)


def test_the_number_of_interrupts_is_set_once(new: KvmVgic) -> None:
    assert new.get_device_attr(NR_IRQS, 0) == 32
    with pytest.raises(IncompatibleError, match="has 128"):
        new.set_device_attr(NR_IRQS, 0, 256)
    new.set_device_attr(NR_IRQS, 0, 128)
    assert new.get_device_attr(NR_IRQS, 0) == 128
    with refused("EBUSY"):
        new.set_device_attr(NR_IRQS, 0, 128)


def test_without_a_number_init_takes_256(new: KvmVgic) -> None:
    with pytest.raises(IncompatibleError, match="256 interrupts"):
        new.set_device_attr(CTRL, VgicControl.INIT)


def test_registers_need_init(new: KvmVgic) -> None:
    pmr = BY_NAME["ICC_PMR_EL1"].encoding
    for group, attribute in ((DIST, 0), (REDIST, 0), (ICC, pmr), (LEVELS, 0)):
        with refused("EBUSY", group.name):
            new.get_device_attr(group, attribute)
        with refused("EBUSY", group.name):
            new.set_device_attr(group, attribute, 0)
    with refused("ENXIO"):
        new.set_device_attr(CTRL, VgicControl.SAVE_PENDING_TABLES)


def test_without_a_vcpu_there_are_no_registers(vm: KvmVm) -> None:
    gic = vm.create_gic()
    for group in (DIST, REDIST):
        with refused("EINVAL", "affinity"):
            gic.get_device_attr(group, 0)


# --- registers ---------------------------------------------------------------------------------


LPI_TABLES = {(REDIST, offset) for offset in (0x70, 0x74, 0x78, 0x7C)}
"""GICR_PROPBASER and GICR_PENDBASER, whose cacheability KVM changes to what it supports."""


def rows() -> list[tuple[VgicGroup, int]]:
    """Every attribute that Firecracker saves."""
    found = []
    for group, entries in (
        (DIST, firecracker.DIST),
        (REDIST, firecracker.REDIST_FROM_1_13),
        (ICC, firecracker.ICC_MAIN),
        (ICC, (firecracker.ICC_AP[0], firecracker.ICC_AP[4])),
    ):
        for entry in entries:
            step = entry.chunk_size_bytes
            found += [(group, entry.offset + step * n) for n in range(entry.chunk_count)]
    return found


def test_every_word_that_firecracker_saves_takes_back_what_was_read(gic: KvmVgic) -> None:
    for group, attribute in rows():
        gic.has_device_attr(group, attribute)
        value = gic.get_device_attr(group, attribute)
        gic.set_device_attr(group, attribute, value)
        if (group, attribute) not in LPI_TABLES:
            assert gic.get_device_attr(group, attribute) == value, (group, hex(attribute))


def test_pending_is_set_and_cleared_by_one_word(gic: KvmVgic) -> None:
    """ISPENDR takes all bits as they are; ICPENDR reads as zero and does nothing."""
    gic.set_device_attr(DIST, 0x0204, 0b1010)
    gic.set_device_attr(DIST, 0x0204, 0b0110)
    assert gic.get_device_attr(DIST, 0x0204) == 0b0110
    assert gic.get_device_attr(DIST, 0x0284) == 0
    gic.set_device_attr(DIST, 0x0284, 0b0110)
    assert gic.get_device_attr(DIST, 0x0204) == 0b0110


NO_REGISTER: list[tuple[str, VgicGroup, int]] = [
    ("reserved", DIST, 0x0030),
    ("not aligned", DIST, 0x0002),
    ("an SPI that the vGIC has not", DIST, 0x0110),
    ("reserved", REDIST, 0x0200),
]


@pytest.mark.parametrize(("what", "group", "attribute"), NO_REGISTER)
def test_a_frame_has_zeros_where_it_has_no_register(
    standing_gic: KvmVgic, what: str, group: VgicGroup, attribute: int
) -> None:
    """Only HAS tells that there is none."""
    with refused("ENXIO", group.name):
        standing_gic.has_device_attr(group, attribute)
    standing_gic.set_device_attr(group, attribute, 0xFFFF_FFFF)
    assert standing_gic.get_device_attr(group, attribute) == 0


UNKNOWN: list[tuple[str, VgicGroup, int, Errno]] = [
    *(("no vCPU of this affinity", REDIST, 1 << bit, "EINVAL") for bit in (32, 40, 48, 56)),
    ("no vCPU of this affinity", ICC, NOBODY | 0xC230, "EINVAL"),
    ("no vCPU of this affinity", LEVELS, NOBODY, "EINVAL"),
    ("more bits of priority", ICC, 0xC645, "EINVAL"),
    ("other line information", LEVELS, LevelInfo().replace(Info=1).value, "EINVAL"),
    ("an INTID in the middle", LEVELS, 33, "EINVAL"),
]


@pytest.mark.parametrize(("what", "group", "attribute", "errno"), UNKNOWN)
def test_registers_that_there_are_not(
    standing_gic: KvmVgic, what: str, group: VgicGroup, attribute: int, errno: Errno
) -> None:
    with refused(errno, group.name):
        standing_gic.get_device_attr(group, attribute)
    with refused(errno, group.name):
        standing_gic.set_device_attr(group, attribute, 0)


def test_an_unknown_icc_register(gic: KvmVgic, kernel: HostKernel) -> None:
    """Since Linux 6.0 they are looked up as one_regs are. `HAS` says ENXIO as before."""
    iar = BY_NAME["ICC_IAR1_EL1"].encoding
    with refused("ENXIO" if kernel is HostKernel.LINUX_5_10 else "ENOENT"):
        gic.get_device_attr(ICC, iar)
    with refused("ENXIO"):
        gic.has_device_attr(ICC, iar)


def test_a_cpu_interface_of_more_priority_bits_is_refused(gic: KvmVgic) -> None:
    attribute = BY_NAME["ICC_CTLR_EL1"].encoding
    with refused("EINVAL", "PRIbits"):
        gic.set_device_attr(ICC, attribute, gic.get_device_attr(ICC, attribute) | 7 << 8)
    with refused("EINVAL", "SRE"):
        gic.set_device_attr(ICC, BY_NAME["ICC_SRE_EL1"].encoding, 0)


def test_line_levels_are_no_edge(gic: KvmVgic, machine: Machine) -> None:
    machine.gic.interrupts(None).edge = 0
    gic.set_device_attr(LEVELS, 32, 0b100)
    assert gic.get_device_attr(LEVELS, 32) == 0b100
    spis = machine.gic.interrupts(None)
    assert (spis.line, spis.latch) == (0b100, 0)
    assert gic.get_device_attr(DIST, 0x0204) == 0


ATTRIBUTES: list[tuple[int, int, bool]] = [
    (ADDR, 2, True),
    (ADDR, 5, True),
    (ADDR, 0, False),  # the distributor of a GICv2
    (ADDR, 4, False),  # the ITS has a device of its own
    (NR_IRQS, 0, True),
    (CTRL, VgicControl.INIT, True),
    (CTRL, VgicControl.SAVE_PENDING_TABLES, True),
    (CTRL, 1, False),
    (DIST, 0x0, True),
    (DIST, 0x30, False),
    (ICC, 0xC645, True),  # ICC_AP0R1_EL1: known, whether or not there are so many bits
    (LEVELS, 64, True),
    (LEVELS, 1 << 10, False),
    (2, 0, False),  # CPU_REGS, of a GICv2
    (11, 0, False),
]


@pytest.mark.parametrize(("group", "attribute", "there"), ATTRIBUTES)
def test_attributes_that_there_are(
    standing_gic: KvmVgic, group: int, attribute: int, there: bool
) -> None:
    if there:
        standing_gic.has_device_attr(group, attribute)
    else:
        with refused("ENXIO"):
            standing_gic.has_device_attr(group, attribute)


@pytest.mark.parametrize(("group", "attribute"), [(CTRL, 0), (ADDR, 0), (2, 0), (11, 0)])
def test_attributes_that_can_not_be_read(standing_gic: KvmVgic, group: int, attribute: int) -> None:
    with refused("ENXIO"):
        standing_gic.get_device_attr(group, attribute)
    if group != CTRL:
        with refused("ENXIO"):
            standing_gic.set_device_attr(group, attribute)
