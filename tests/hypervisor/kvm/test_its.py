"""KVM's ITS as a device: its attributes and their errors, and a save and restore through them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.arch.its import GITS
from emu.arch.kvm_devices import ITS_ADDRESS, Capability, ItsControl, VgicControl, VgicGroup
from emu.errors import IncompatibleError
from emu.hypervisor.kvm import KvmIts, KvmVm
from emu.hypervisor.kvm.vgic_addresses import UNDEFINED_ADDRESS
from emu.machine import Machine
from tests.hypervisor.kvm import firecracker_calls
from tests.hypervisor.kvm.surface import fresh_machine, initialized_vcpu, refused
from tests.machine.its_driver import (
    BOARD,
    COLLECTIONS,
    DEVICE,
    DEVICES,
    EVENT,
    ITT,
    LPI,
    PENDING,
    VALID,
    its_of,
    make_machine,
    set_up_lpi,
)

ADDR, CTRL, REGS = VgicGroup.ADDR, VgicGroup.CTRL, VgicGroup.ITS_REGS
OUTSIDE = 0x1_0000
EVENT_ENTRY = ITT + 8 * EVENT


@pytest.fixture
def machine() -> Iterator[Machine]:
    with make_machine() as machine:
        yield machine


@pytest.fixture
def its(machine: Machine) -> KvmIts:
    """Created, and nothing said yet."""
    return KvmVm(machine).create_its()


@pytest.fixture
def standing(machine: Machine) -> KvmIts:
    """That of a machine whose guest has set it up, with an LPI pending."""
    _set_up(machine)
    found = KvmVm.attach(machine).its
    assert found is not None
    return found


def _set_up(machine: Machine) -> None:
    """What a driver does, and a device."""
    set_up_lpi(machine)
    assert its_of(machine).signal_msi(DEVICE, EVENT)


def _restored(source: Machine) -> Machine:
    """Another machine, with what a VMM has saved of the first."""
    vcpus, gic = firecracker_calls.save(KvmVm.attach(source))
    target = make_machine(source.ram.contents())
    firecracker_calls.restore(KvmVm(target), BOARD, vcpus, gic)
    return target


def _place() -> int:
    place = BOARD.its(1)
    assert place is not None
    return place.base


# --- the device -----------------------------------------------------------------------------------


def test_an_its_is_where_the_board_has_it(its: KvmIts) -> None:
    assert its.get_device_attr(ADDR, ITS_ADDRESS) == UNDEFINED_ADDRESS
    with refused("EINVAL", "64 KiB"):
        its.set_device_attr(ADDR, ITS_ADDRESS, _place() + 0x1000)
    with refused("E2BIG"):
        its.set_device_attr(ADDR, ITS_ADDRESS, (1 << 40) - 0x1_0000)
    with pytest.raises(IncompatibleError, match="the board has it"):
        its.set_device_attr(ADDR, ITS_ADDRESS, _place() - 0x2_0000)
    its.set_device_attr(ADDR, ITS_ADDRESS, _place())
    assert its.get_device_attr(ADDR, ITS_ADDRESS) == _place()
    with refused("EEXIST"):
        its.set_device_attr(ADDR, ITS_ADDRESS, _place())


def test_another_address_than_its_own_is_no_device(its: KvmIts) -> None:
    for access in (its.get_device_attr, its.set_device_attr):
        with refused("ENODEV"):
            access(ADDR, 2)


def test_registers_are_there_once_the_address_is_set(its: KvmIts) -> None:
    its.has_device_attr(REGS, GITS["GITS_CTLR"])
    for access in (its.get_device_attr, its.set_device_attr):
        with refused("ENXIO", "address"):
            access(REGS, GITS["GITS_CTLR"])
    its.set_device_attr(ADDR, ITS_ADDRESS, _place())
    assert its.get_device_attr(REGS, GITS["GITS_CTLR"]) == 0x8000_0000


def test_an_its_that_the_machine_has_not_can_not_be_created(machine: Machine) -> None:
    vm = KvmVm(machine)
    assert vm.check_extension(Capability.MSI_DEVID) == 0
    vm.create_its()
    assert vm.check_extension(Capability.MSI_DEVID) == 1
    with pytest.raises(IncompatibleError, match="has one"):
        vm.create_its()
    with fresh_machine() as without:
        other = KvmVm(without)
        initialized_vcpu(other)
        with pytest.raises(IncompatibleError, match="squib has none"):
            other.create_its()


@pytest.mark.parametrize(
    ("group", "attribute", "there"),
    [
        (ADDR, ITS_ADDRESS, True),
        (ADDR, 2, False),
        *((CTRL, control, True) for control in ItsControl),
        (CTRL, 3, False),  # SAVE_PENDING_TABLES is the vGIC's
        (REGS, 0x100, True),
        (REGS, 0x140, False),
        (VgicGroup.DIST_REGS, 0, False),
        (11, 0, False),
    ],
)
def test_which_attributes_there_are(
    standing: KvmIts, group: int, attribute: int, there: bool
) -> None:
    if there:
        standing.has_device_attr(group, attribute)
        return
    with refused("ENXIO"):
        standing.has_device_attr(group, attribute)


def test_errors_of_registers_have_kvms_numbers(standing: KvmIts) -> None:
    with refused("EINVAL", "whole register"):
        standing.has_device_attr(REGS, 0x104)
    with refused("EBUSY", "enabled"):
        standing.set_device_attr(REGS, GITS["GITS_CREADR"], 0)
    with refused("EINVAL", "revision 1"):
        standing.set_device_attr(REGS, GITS["GITS_IIDR"], 0x1000)
    with refused("ENXIO"):
        standing.get_device_attr(CTRL, ItsControl.INIT)
    with refused("ENXIO"):
        standing.set_device_attr(VgicGroup.NR_IRQS, 0, 64)


def test_a_control_that_kvm_does_not_know_does_nothing(machine: Machine, standing: KvmIts) -> None:
    before = machine.state()
    for control in (ItsControl.INIT, 3, 99):
        standing.set_device_attr(CTRL, control)
    assert machine.state() == before


def test_tables_that_can_not_be_used_are_refused(machine: Machine, standing: KvmIts) -> None:
    standing.set_device_attr(CTRL, ItsControl.SAVE_TABLES)
    machine.ram.write(EVENT_ENTRY, (1 << 16).to_bytes(8, "little"))
    standing.set_device_attr(CTRL, ItsControl.RESET)
    for index, table in enumerate((DEVICES, COLLECTIONS)):
        standing.set_device_attr(REGS, 0x100 + 8 * index, table | VALID)
    with refused("EINVAL", "not the INTID of an LPI"):
        standing.set_device_attr(CTRL, ItsControl.RESTORE_TABLES)
    standing.set_device_attr(REGS, 0x100, OUTSIDE | VALID)
    with refused("EFAULT", "not all RAM"):
        standing.set_device_attr(CTRL, ItsControl.RESTORE_TABLES)


def test_pending_tables_that_are_not_in_ram_can_not_be_saved(machine: Machine) -> None:
    _set_up(machine)
    machine.gic.redistributors.write(0x00, 4, 0)
    machine.gic.redistributors.write(0x78, 8, OUTSIDE)
    gic = KvmVm.attach(machine).gic
    assert gic is not None
    with refused("EFAULT", "not all RAM"):
        gic.set_device_attr(CTRL, VgicControl.SAVE_PENDING_TABLES)


# --- a save and restore ---------------------------------------------------------------------------


def test_firecrackers_calls_lose_nothing_of_lpis_and_its(machine: Machine) -> None:
    """The LPI is pending once, and is in no table any more."""
    _set_up(machine)
    with _restored(machine) as restored:
        found, expected = restored.gic.state(), machine.gic.state()
        assert found.its == expected.its
        assert found.redistributors[0].ctlr == 1
        assert [each.pendbaser for each in found.redistributors] == [
            each.pendbaser for each in expected.redistributors
        ]
        assert found.its is not None
        assert found.its.lpis[0].pending
        assert restored.ram.read(PENDING + LPI // 8, 1) == b"\0"


def test_the_restored_its_goes_on(machine: Machine) -> None:
    _set_up(machine)
    with _restored(machine) as restored:
        assert its_of(restored).signal_msi(DEVICE, EVENT)
        assert not its_of(restored).signal_msi(DEVICE, EVENT + 1)
