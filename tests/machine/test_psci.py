"""PSCI: what becomes of the vCPUs."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch.psci import AffinityState, Function, Status
from emu.arch.smccc import Function as SmcccFunction
from emu.arch.sysregs import BY_NAME
from emu.boards.kvm_services import KVM_FIRMWARE_REGISTERS, KVM_PSCI_FUNCTIONS, kvm_services
from emu.boards.services import FirmwareServices
from emu.boards.squib import SQUIB
from emu.machine import Power
from tests.cpu import bench as at
from tests.machine.firmware_bench import FirmwareBench

ALL = kvm_services({**KVM_FIRMWARE_REGISTERS, "PSCI_VERSION": 0x1_0003, "STD_BMAP": 0})
"""Every PSCI function that there is here, as KVM does it."""
STRICT = replace(ALL, checks_entry_point=True, vendor_resets=False)

AFFINITIES = (0, 1, 0x100, 0x1_0000, 0x1_0000_0000)
SELF, OTHER = AFFINITIES[:2]
ENTRY, CONTEXT = at.RAM + 0x100, 0x1234_5678_9ABC_DEF0
RAM_END = at.RAM + at.RAM_SIZE_BYTES

ON_FORMS = [Function.CPU_ON, Function.CPU_ON_SMC32]
INFO_FORMS = [Function.AFFINITY_INFO, Function.AFFINITY_INFO_SMC32]


@pytest.fixture
def bench() -> FirmwareBench:
    """Five vCPUs, of which the first is on, and every function."""
    return FirmwareBench(STRICT, affinities=AFFINITIES)


# --- versions and features ----------------------------------------------------------------------


@pytest.mark.parametrize("version", KVM_PSCI_FUNCTIONS, ids=hex)
def test_the_version_is_the_boards(version: int) -> None:
    services = kvm_services({**KVM_FIRMWARE_REGISTERS, "PSCI_VERSION": version, "STD_BMAP": 0})
    assert FirmwareBench(services).call(Function.PSCI_VERSION) == version


@pytest.mark.parametrize("services", [SQUIB.firmware, ALL], ids=["squib", "KVM"])
def test_features_knows_the_functions_of_the_board_and_no_others(
    services: FirmwareServices,
) -> None:
    """Of PSCI, and SMCCC_VERSION; of SYSTEM_OFF2 it tells the type."""
    bench = FirmwareBench(services)
    asked = [*Function, *SmcccFunction, 0x8400_0050, 0x8400_001F]
    answers = {function: bench.call(Function.PSCI_FEATURES, function) for function in asked}
    told = {function for function, answer in answers.items() if answer != Status.NOT_SUPPORTED}
    assert told == services.functions & {*Function, SmcccFunction.SMCCC_VERSION}
    off2 = {Function.SYSTEM_OFF2, Function.SYSTEM_OFF2_SMC32}
    assert {function for function, answer in answers.items() if answer == 1} == told & off2
    assert {answers[function] for function in told - off2} == {Status.SUCCESS}


def test_there_is_no_trusted_os(bench: FirmwareBench) -> None:
    assert bench.call(Function.MIGRATE_INFO_TYPE) == 2
    for function in (Function.MIGRATE, Function.MIGRATE_INFO_UP_CPU):
        assert bench.call(function, SELF) == Status.NOT_SUPPORTED


# --- CPU_ON and CPU_OFF -------------------------------------------------------------------------


def test_cpu_on_starts_a_vcpu_as_it_was_made(bench: FirmwareBench) -> None:
    """At the entry point, with the context id in X0; what it did before is gone, MMU included."""
    target = bench.vcpus[1]
    fresh = target.state()
    target.engine.set_x(list(range(1, 32)))
    target.engine.set_v([n << 64 | n for n in range(1, 33)])
    target.engine.pstate = at.EL0T
    for name in ("SCTLR_EL1", "TTBR0_EL1", "VBAR_EL1", "SP_EL1", "TPIDR_EL0", "FPCR"):
        reg = BY_NAME[name]
        target.set_sysreg(reg, target.get_sysreg(reg) ^ 0x0100_0000)
    assert bench.call(Function.CPU_ON, OTHER, ENTRY, CONTEXT) == Status.SUCCESS
    fresh.x[0], fresh.pc, fresh.pstate = CONTEXT, ENTRY, at.EL1H
    fresh.sys_regs["VBAR_EL1"] = 0  # the bench had set it
    assert target.state() == fresh
    assert bench.psci.power == [Power.ON, Power.ON, Power.OFF, Power.OFF, Power.OFF]
    assert bench.power_changes == 1


def test_cpu_on_in_its_32_bit_form_takes_w_registers(bench: FirmwareBench) -> None:
    high = 0xFFFF_FFFF_0000_0000
    arguments = (OTHER | high, ENTRY | high, CONTEXT)
    assert bench.call(Function.CPU_ON_SMC32, *arguments) == Status.SUCCESS
    assert bench.vcpus[1].engine.pc == ENTRY
    assert bench.vcpus[1].engine.x[0] == CONTEXT & 0xFFFF_FFFF


@pytest.mark.parametrize("index", range(1, 5))
def test_cpu_on_starts_the_vcpu_of_that_affinity(bench: FirmwareBench, index: int) -> None:
    assert bench.call(Function.CPU_ON, AFFINITIES[index], ENTRY, CONTEXT) == Status.SUCCESS
    assert [n for n, power in enumerate(bench.psci.power) if power is Power.ON] == [0, index]


@pytest.mark.parametrize("affinity", [2, 0x101, 0x2_0000_0000, 1 << 31, 1 << 24, 1 << 40, 1 << 63])
def test_an_affinity_that_no_vcpu_has_is_an_invalid_parameter(
    bench: FirmwareBench, affinity: int
) -> None:
    """So are bits besides the affinity, of which MPIDR_EL1 has some."""
    assert bench.call(Function.CPU_ON, affinity, ENTRY, 0) == Status.INVALID_PARAMETERS
    assert bench.call(Function.AFFINITY_INFO, affinity) == Status.INVALID_PARAMETERS
    assert bench.psci.power.count(Power.ON) == 1


@pytest.mark.parametrize(
    ("power", "status"),
    [(Power.ON, Status.ALREADY_ON), (Power.ON_PENDING, Status.ON_PENDING)],
)
@pytest.mark.parametrize("function", ON_FORMS)
def test_only_a_vcpu_that_is_off_can_be_turned_on(
    bench: FirmwareBench, function: Function, power: Power, status: Status
) -> None:
    """Nothing happens to another."""
    bench.psci.power[1] = power
    before = bench.vcpus[1].state()
    assert bench.call(function, OTHER, ENTRY, CONTEXT) == status
    assert bench.vcpus[1].state() == before
    assert (bench.psci.power[1], bench.power_changes) == (power, 0)


def test_the_calling_vcpu_is_on_already(bench: FirmwareBench) -> None:
    assert bench.call(Function.CPU_ON, SELF, ENTRY, CONTEXT) == Status.ALREADY_ON


@pytest.mark.parametrize("entry_point", [0, at.RAM - 4, RAM_END, (1 << 64) - 4])
def test_an_entry_point_must_be_in_ram(bench: FirmwareBench, entry_point: int) -> None:
    assert bench.call(Function.CPU_ON, OTHER, entry_point, 0) == Status.INVALID_ADDRESS
    assert bench.psci.power[1] is Power.OFF


@pytest.mark.parametrize("entry_point", [at.RAM, RAM_END - 4])
def test_every_address_of_ram_is_an_entry_point(bench: FirmwareBench, entry_point: int) -> None:
    assert bench.call(Function.CPU_ON, OTHER, entry_point, 0) == Status.SUCCESS


def test_kvm_looks_at_no_entry_point() -> None:
    bench = FirmwareBench(ALL, affinities=AFFINITIES)
    assert bench.call(Function.CPU_ON, OTHER, RAM_END, 0) == Status.SUCCESS
    assert bench.vcpus[1].engine.pc == RAM_END


def test_a_vcpu_that_went_off_can_be_turned_on_again(bench: FirmwareBench) -> None:
    bench.call(Function.CPU_OFF)
    assert (bench.psci.power[0], bench.power_changes) == (Power.OFF, 1)
    assert bench.call(Function.AFFINITY_INFO, SELF) == AffinityState.OFF
    assert bench.call(Function.CPU_ON, SELF, ENTRY, CONTEXT) == Status.SUCCESS
    assert (bench.psci.power[0], bench.power_changes) == (Power.ON, 2)


# --- AFFINITY_INFO ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", AffinityState)
@pytest.mark.parametrize("function", INFO_FORMS)
def test_affinity_info_tells_the_state_of_a_vcpu(
    bench: FirmwareBench, function: Function, state: AffinityState
) -> None:
    bench.psci.power[1] = Power[state.name]
    assert bench.call(function, OTHER, 0) == state


MASKS = (0xFF_00FF_FFFF, 0xFF_00FF_FF00, 0xFF_00FF_0000, 0xFF_0000_0000)
"""The affinity that counts, by the lowest level."""
shared = FirmwareBench(STRICT, affinities=AFFINITIES)


@given(
    affinity=st.sampled_from(AFFINITIES) | st.integers(0, 0xFF).map(lambda n: n << 8),
    level=st.integers(0, 3),
    powers=st.lists(st.sampled_from(Power), min_size=5, max_size=5),
)
def test_affinity_info_of_a_level_is_that_of_all_vcpus_below(
    affinity: int, level: int, powers: list[Power]
) -> None:
    """On if one is on, else pending if one is, else off; and nothing without any."""
    shared.psci.power[:] = powers
    mask = MASKS[level]
    below = [
        power
        for known, power in zip(AFFINITIES, powers, strict=True)
        if known & mask == affinity & mask
    ]
    expected: int = Status.INVALID_PARAMETERS
    if below:
        order = (Power.ON, Power.ON_PENDING, Power.OFF)
        expected = AffinityState[min(below, key=order.index).name]
    assert shared.call(Function.AFFINITY_INFO, affinity, level) == expected


@pytest.mark.parametrize("level", [4, 5, 1 << 32, (1 << 64) - 1])
def test_there_are_four_affinity_levels(bench: FirmwareBench, level: int) -> None:
    assert bench.call(Function.AFFINITY_INFO, SELF, level) == Status.INVALID_PARAMETERS


# --- the system ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "arguments", "ended"),
    [
        (Function.SYSTEM_OFF, (), Function.SYSTEM_OFF),
        (Function.SYSTEM_OFF2, (0,), Function.SYSTEM_OFF),
        (Function.SYSTEM_OFF2_SMC32, (1,), Function.SYSTEM_OFF),
        (Function.SYSTEM_RESET, (), Function.SYSTEM_RESET),
        (Function.SYSTEM_RESET2, (0, 5), Function.SYSTEM_RESET),
        (Function.SYSTEM_RESET2_SMC32, (1 << 32, 5), Function.SYSTEM_RESET),
    ],
)
def test_powering_off_and_resetting_end_the_run(
    bench: FirmwareBench, function: Function, arguments: tuple[int, ...], ended: Function
) -> None:
    bench.call(function, *arguments)
    assert bench.ended == [ended]


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (Function.SYSTEM_OFF2, (2, 0)),
        (Function.SYSTEM_OFF2, (1, 1)),
        (Function.SYSTEM_RESET2, (1,)),
        (Function.SYSTEM_RESET2, (0x7FFF_FFFF,)),
        (Function.SYSTEM_RESET2, (0x8000_0000,)),
        (Function.SYSTEM_RESET2_SMC32, (0xFFFF_FFFF,)),
    ],
)
def test_a_type_that_is_not_there_ends_nothing(
    bench: FirmwareBench, function: Function, arguments: tuple[int, ...]
) -> None:
    assert bench.call(function, *arguments) == Status.INVALID_PARAMETERS
    assert bench.ended == []


@pytest.mark.parametrize("kind", [0x8000_0000, 0xFFFF_FFFF])
def test_kvm_takes_the_reset_types_of_vendors(kind: int) -> None:
    bench = FirmwareBench(ALL)
    bench.call(Function.SYSTEM_RESET2, kind)
    assert bench.ended == [Function.SYSTEM_RESET]
    assert bench.call(Function.SYSTEM_RESET2, 0x7FFF_FFFF) == Status.INVALID_PARAMETERS
