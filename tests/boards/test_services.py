"""Which firmware calls boards have, and what KVM's firmware registers make of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch import one_reg, psci, smccc, trng
from emu.arch.firmware_functions import FUNCTION_NAMES, function_name
from emu.arch.smccc import FUNCTION_ID, Conduit
from emu.boards.kvm_services import KVM_FIRMWARE_REGISTERS, KVM_SERVICES, kvm_services
from emu.boards.services import CallHandling, FirmwareServices
from emu.boards.squib import SQUIB
from emu.errors import BoardError

NAMED = [*smccc.Function, *psci.Function, *trng.Function]


@pytest.mark.parametrize("handling", [CallHandling.REFUSED, CallHandling.UNDEFINED])
@pytest.mark.parametrize("conduit", Conduit)
def test_the_conduit_must_be_served(conduit: Conduit, handling: CallHandling) -> None:
    """Or the device tree would tell the guest to call by an instruction that calls nothing."""
    with pytest.raises(BoardError, match=f"by {conduit.name}, which here is {handling.name}"):
        FirmwareServices(functions=frozenset(), conduit=conduit, hvc=handling, smc=handling)


def test_squib_has_the_functions_of_its_table() -> None:
    """Squib 0.2, `crates/arch/src/psci.rs`: `dispatch`."""
    table = {*range(0x8400_0008, 0x8400_000B), 0x8400_0000, 0x8400_0002, 0x8400_0006}
    assert SQUIB.firmware.functions == table | {0xC400_0003, 0xC400_0004}
    assert not SQUIB.firmware.has_trng


def test_the_registers_are_those_of_the_one_reg_table() -> None:
    assert KVM_FIRMWARE_REGISTERS.keys() <= one_reg.BY_NAME.keys()


bitmaps = {name: value for name, value in KVM_FIRMWARE_REGISTERS.items() if name.endswith("BMAP")}


@given(chosen=st.fixed_dictionaries({name: st.integers(0, most) for name, most in bitmaps.items()}))
def test_a_bit_of_a_register_offers_its_functions_and_no_others(chosen: dict[str, int]) -> None:
    """`kvm_hvc_call_allowed`: by owner and number."""
    services = kvm_services({**KVM_FIRMWARE_REGISTERS, **chosen})
    expected = {
        (4, 0x50): chosen["STD_BMAP"] & 1,
        (5, 0x20): chosen["STD_HYP_BMAP"] & 1,
        (6, 0xFF01): chosen["VENDOR_HYP_BMAP"] & 1,
        (6, 0): chosen["VENDOR_HYP_BMAP"] & 1,
        (6, 1): chosen["VENDOR_HYP_BMAP"] >> 1 & 1,
    }
    ids = [FUNCTION_ID(function) for function in services.functions]
    offered = {(identity.Owner, identity.Number) for identity in ids}
    assert {key: int(key in offered) for key in expected} == expected
    assert services.has_trng == bool(chosen["STD_BMAP"])
    assert (smccc.Function.PV_TIME_FEATURES in services.arch_features) == chosen["STD_HYP_BMAP"]


@pytest.mark.parametrize(
    ("version", "count"),
    [(0x2, 11), (0x1_0000, 12), (0x1_0001, 14), (0x1_0002, 14), (0x1_0003, 16)],
)
def test_a_psci_version_has_the_functions_that_kvm_gives_it(version: int, count: int) -> None:
    services = kvm_services({**KVM_FIRMWARE_REGISTERS, "PSCI_VERSION": version})
    assert len(services.functions & set(psci.Function)) == count
    assert services.psci_version == version


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PSCI_VERSION", 0x1),
        ("PSCI_VERSION", 0x1_0004),
        ("SMCCC_ARCH_WORKAROUND_1", 3),
        ("SMCCC_ARCH_WORKAROUND_2", 4),
        ("SMCCC_ARCH_WORKAROUND_3", 15),
    ],
)
def test_a_value_that_kvm_does_not_have_is_refused(name: str, value: int) -> None:
    with pytest.raises(BoardError, match=f"{name} is {value:#x}"):
        kvm_services({**KVM_FIRMWARE_REGISTERS, name: value})


def test_a_new_vm_of_linux_6_1_has_all_of_it() -> None:
    assert kvm_services() == KVM_SERVICES
    assert KVM_SERVICES.smc is CallHandling.REFUSED
    assert replace(KVM_SERVICES, smc=CallHandling.SERVED_AT_0) == kvm_services(
        smc=CallHandling.SERVED_AT_0
    )


# --- names ---------------------------------------------------------------------------------------


def test_every_function_has_an_id_and_a_name_of_its_own() -> None:
    assert len(FUNCTION_NAMES) == len(set(FUNCTION_NAMES.values())) == len(NAMED)


def test_a_64_bit_function_has_bit_30_and_its_32_bit_form_has_not() -> None:
    """They differ in nothing else."""
    ids = {function.name: int(function) for function in NAMED}
    for name, function in ids.items():
        assert FUNCTION_ID(function).Fast
        if name.endswith("_SMC32"):
            assert ids[name.removesuffix("_SMC32")] == function | 1 << 30


def test_a_function_without_a_name_is_called_by_its_id() -> None:
    assert function_name(psci.Function.CPU_ON) == "CPU_ON"
    assert function_name(psci.Function.CPU_ON_SMC32) == "CPU_ON (SMC32)"
    assert function_name(0xDEAD) == "function 0x0000dead"
