"""Firmware calls: which are answered, by which instruction, and what is left in the registers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch import psci, smccc, trng
from emu.arch.smccc import Conduit, Function, Status
from emu.arch.sysregs import BY_NAME
from emu.boards.kvm_services import KVM_FIRMWARE_REGISTERS, KVM_SERVICES, kvm_services
from emu.boards.services import CallHandling, FirmwareServices
from emu.boards.squib import SQUIB
from emu.core.events import HypervisorCall, Stamped
from emu.errors import BoardError
from tests import a64
from tests.cpu import bench as at
from tests.machine.firmware_bench import FirmwareBench, signed

MASK64 = (1 << 64) - 1
OFFERED = {"squib": SQUIB.firmware, "KVM": KVM_SERVICES}
RANGES = (0x8000_0000, 0x8400_0000, 0x8500_0000, 0x8600_0000, 0xC400_0000, 0xC500_0000)
NEVER_RETURN = {
    psci.Function.CPU_OFF,
    psci.Function.SYSTEM_OFF,
    psci.Function.SYSTEM_RESET,
    psci.Function.SYSTEM_RESET2,
    psci.Function.SYSTEM_RESET2_SMC32,
}
UNDEFINED_ESR = 1 << 25


@cache
def bench_of(board: str) -> FirmwareBench:
    """One bench for all calls that change nothing."""
    return FirmwareBench(OFFERED[board], entropy=bytes)


def answers(bench: FirmwareBench, function: int) -> bool:
    """Whether a function does anything but refuse, whichever function it is asked about."""
    asked = (psci.Function.PSCI_VERSION, Function.SMCCC_ARCH_WORKAROUND_1, trng.Function.TRNG_RND)
    return any(bench.call(function, about) != Status.NOT_SUPPORTED for about in asked)


@pytest.mark.parametrize("board", OFFERED)
def test_the_functions_of_a_board_answer_and_no_others(board: str) -> None:
    """In each range the first 0x60 numbers, and every function that has a name."""
    bench = bench_of(board)
    named = {*smccc.Function, *psci.Function, *trng.Function}
    tried = {base + number for base in RANGES for number in range(0x60)} | named
    nothing_to_give = {Function.PV_TIME_FEATURES, Function.PV_TIME_ST, Function.KVM_PTP}
    found = {f for f in tried - NEVER_RETURN if answers(bench, f)}
    assert found == OFFERED[board].functions - NEVER_RETURN - nothing_to_give


@pytest.mark.parametrize("board", OFFERED)
@given(
    function=st.integers(0, 2**32 - 1)
    | st.builds(int.__add__, st.sampled_from(RANGES), st.integers(0, 0xFFFF)),
    arguments=st.tuples(*[st.integers(0, MASK64)] * 3),
)
def test_an_unknown_function_is_not_supported(
    board: str, function: int, arguments: tuple[int, ...]
) -> None:
    """X0 is -1, X1 to X3 are as the board says, and nothing else changed (I-AB-2)."""
    bench, services = bench_of(board), OFFERED[board]
    if function in services.functions:
        return
    before = bench.vcpus[0].state()
    result = bench.execute(a64.hvc(), function, *arguments)
    kept = (0, 0, 0) if services.clears_results else arguments
    assert result == (MASK64, *kept)
    after = bench.vcpus[0].state()
    after.x[:4], after.pc, after.pstate = before.x[:4], before.pc, before.pstate
    assert after == before


@pytest.mark.parametrize("board", OFFERED)
@given(
    high=st.integers(0, 2**32 - 1), rest=st.lists(st.integers(0, MASK64), min_size=27, max_size=27)
)
def test_a_call_keeps_every_register_but_its_results(
    board: str, high: int, rest: list[int]
) -> None:
    """X4 to X30 are preserved, and the upper half of X0 does not count."""
    bench = bench_of(board)
    x = bench.vcpus[0].engine.x
    for number, value in enumerate(rest, start=4):
        x[number] = value
    result = bench.execute(a64.hvc(), high << 32 | psci.Function.PSCI_VERSION, 1, 2, 3)
    kept = (0, 0, 0) if OFFERED[board].clears_results else (1, 2, 3)
    assert result == (0x1_0001, *kept)
    assert list(x[4:31]) == rest


def test_a_yielding_call_is_another_function() -> None:
    """Bit 31 tells fast calls, and all of those here are fast."""
    bench = bench_of("KVM")
    for function in KVM_SERVICES.functions:
        assert bench.call(function & 0x7FFF_FFFF) == Status.NOT_SUPPORTED


# --- the general services -----------------------------------------------------------------------


def test_the_version_is_smccc_1_1() -> None:
    assert bench_of("KVM").call(Function.SMCCC_VERSION) == 0x1_0001


@pytest.mark.parametrize(
    ("levels", "features"),
    [
        ((0, 0, 0), (-1, -1, -1)),
        ((1, 1, 1), (0, -1, 0)),
        ((2, 2, 2), (1, -2, 1)),
        ((2, 3, 0), (1, -2, -1)),
    ],
)
def test_arch_features_tells_how_a_workaround_is_meant(
    levels: tuple[int, ...], features: tuple[int, ...]
) -> None:
    """By the levels of KVM's registers; a call of it succeeds whatever the level is."""
    names = [f"SMCCC_ARCH_WORKAROUND_{n}" for n in (1, 2, 3)]
    registers = {**KVM_FIRMWARE_REGISTERS, **dict(zip(names, levels, strict=True)), "STD_BMAP": 0}
    bench = FirmwareBench(kvm_services(registers))
    functions = [Function[name] for name in names]
    found = tuple(bench.call(Function.SMCCC_ARCH_FEATURES, f) for f in functions)
    assert found == features
    assert [bench.call(function) for function in functions] == [Status.SUCCESS] * 3


@pytest.mark.parametrize(
    "about", [Function.SMCCC_VERSION, Function.SMCCC_ARCH_FEATURES, Function.SMCCC_ARCH_SOC_ID]
)
def test_arch_features_knows_nothing_else(about: Function) -> None:
    assert bench_of("KVM").call(Function.SMCCC_ARCH_FEATURES, about) == Status.NOT_SUPPORTED


def test_stolen_time_is_known_and_not_to_be_had() -> None:
    """As on KVM when the VMM gives no memory for it."""
    bench = bench_of("KVM")
    assert bench.call(Function.SMCCC_ARCH_FEATURES, Function.PV_TIME_FEATURES) == Status.SUCCESS
    assert bench.call(Function.PV_TIME_FEATURES, Function.PV_TIME_ST) == Status.NOT_SUPPORTED
    assert bench.call(Function.PV_TIME_ST) == Status.NOT_SUPPORTED


def test_the_hypervisor_says_that_it_is_kvm() -> None:
    """In the four words that Linux's kvm_init_hyp_services compares with."""
    uid = (0xB66F_B428, 0xE911_C52E, 0x564B_CAA9, 0x743A_004D)
    assert bench_of("KVM").execute(a64.hvc(), Function.VENDOR_HYP_CALL_UID) == uid


@pytest.mark.parametrize(
    ("bitmap", "words"), [(0b11, (3, 0, 0, 0)), (0b01, (1, 0, 0, 0)), (0b10, (MASK64, 0, 0, 0))]
)
def test_kvm_tells_its_own_functions(bitmap: int, words: tuple[int, ...]) -> None:
    registers = {**KVM_FIRMWARE_REGISTERS, "VENDOR_HYP_BMAP": bitmap, "STD_BMAP": 0}
    bench = FirmwareBench(kvm_services(registers))
    assert bench.execute(a64.hvc(), Function.KVM_FEATURES) == words


# --- by which instruction -----------------------------------------------------------------------


def test_hvc_calls_whatever_its_immediate_is() -> None:
    """Neither squib nor KVM looks at it."""
    assert bench_of("squib").execute(a64.hvc(0xABCD), psci.Function.PSCI_VERSION)[0] == 0x1_0001


@pytest.mark.parametrize("board", OFFERED)
def test_smc_is_refused_where_hvc_is_the_conduit(board: str) -> None:
    """Only X0 changes, and the guest goes on behind it."""
    result = bench_of(board).execute(a64.smc(), psci.Function.PSCI_VERSION, 1, 2, 3)
    assert result == (MASK64, 1, 2, 3)


def test_smc_calls_where_the_board_says_so() -> None:
    """There HVC is UNDEFINED, as on hardware with EL3 and without EL2."""
    services = replace(
        SQUIB.firmware,
        conduit=Conduit.SMC,
        smc=CallHandling.SERVED,
        hvc=CallHandling.UNDEFINED,
    )
    bench = FirmwareBench(services)
    assert bench.call(psci.Function.PSCI_VERSION, conduit=Conduit.SMC) == 0x1_0001
    bench.call(psci.Function.PSCI_VERSION)
    assert bench.vcpus[0].get_sysreg(BY_NAME["ESR_EL1"]) == UNDEFINED_ESR


@pytest.mark.parametrize(("immediate", "result"), [(0, 0x1_0001), (1, -1), (0x8000, -1)])
def test_smc_with_an_immediate_is_refused_by_a_newer_kvm(immediate: int, result: int) -> None:
    """Linux 6.4 and newer serve SMC #0 besides HVC."""
    bench = FirmwareBench(replace(SQUIB.firmware, smc=CallHandling.SERVED_AT_0))
    found = bench.execute(a64.smc(immediate), psci.Function.PSCI_VERSION)
    assert signed(found[0]) == result


def test_a_conduit_that_is_not_there_is_undefined() -> None:
    """With the return address at the instruction; X0 keeps what it holds."""
    bench = FirmwareBench(replace(SQUIB.firmware, smc=CallHandling.UNDEFINED))
    assert bench.execute(a64.smc(), psci.Function.PSCI_VERSION)[0] == psci.Function.PSCI_VERSION
    assert bench.vcpus[0].get_sysreg(BY_NAME["ESR_EL1"]) == UNDEFINED_ESR


@pytest.mark.parametrize("word", [a64.hvc(), a64.smc()])
def test_el0_can_not_call(word: int) -> None:
    """HVC and SMC are UNDEFINED there (DDI 0487, C6.2)."""
    bench = FirmwareBench(replace(SQUIB.firmware, smc=CallHandling.SERVED))
    assert not bench.lone[0].execute(word, pstate=at.EL0T)
    assert bench.vcpus[0].get_sysreg(BY_NAME["ESR_EL1"]) == UNDEFINED_ESR
    assert not [s for s in bench.events if isinstance(s.event, HypervisorCall)]


# --- events, and what is offered ----------------------------------------------------------------


def test_each_call_is_an_event_with_its_result_and_how_it_was_made() -> None:
    bench = FirmwareBench(SQUIB.firmware)
    bench.call(psci.Function.PSCI_VERSION)
    bench.call(0x8400_00FF)
    bench.call(psci.Function.PSCI_VERSION, conduit=Conduit.SMC)
    version = psci.Function.PSCI_VERSION
    assert bench.events == [
        Stamped(1, HypervisorCall(0, version, 0x1_0001, Conduit.HVC)),
        Stamped(2, HypervisorCall(0, 0x8400_00FF, MASK64, Conduit.HVC)),
        Stamped(3, HypervisorCall(0, version, MASK64, Conduit.SMC)),
    ]


def test_a_monitor_can_offer_other_services() -> None:
    """As KVM does when its firmware registers are set; HVC and SMC may change too."""
    bench = FirmwareBench(SQUIB.firmware)
    offered = kvm_services(
        {**KVM_FIRMWARE_REGISTERS, "PSCI_VERSION": 2, "STD_BMAP": 0}, smc=CallHandling.UNDEFINED
    )
    bench.firmware.offer(offered)
    assert bench.firmware.services is offered
    assert bench.call(psci.Function.PSCI_VERSION) == 2
    assert bench.call(psci.Function.PSCI_FEATURES) == Status.NOT_SUPPORTED
    assert not bench.lone[0].execute(a64.smc())


def test_a_function_that_nothing_carries_out_is_refused() -> None:
    """The error names it; what was offered before still is."""
    bench = FirmwareBench(SQUIB.firmware)
    more = FirmwareServices(functions=frozenset({psci.Function.MEM_PROTECT, 0x8200_0001}))
    with pytest.raises(BoardError, match="function 0x82000001, MEM_PROTECT"):
        bench.firmware.offer(more)
    assert bench.firmware.services is SQUIB.firmware
