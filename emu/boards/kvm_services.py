"""The firmware calls that KVM answers, as its firmware registers select them.

A VMM gets and sets these registers as it does any other (KVM_SET_ONE_REG), so a state file has
them, and they decide what the restored guest may call.

Source: Linux 6.1, arch/arm64/kvm: hypercalls.c, psci.c, pvtime.c, trng.c, handle_exit.c, and
hyp/hyp-entry.S for the workarounds; PSCI 1.2 and 1.3: psci.c of Linux 6.13. PSCI 0.1, which has no
function ids that are Arm's, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from emu.arch import psci
from emu.arch.kvm_layouts import (
    SMCCC_ARCH_WORKAROUND,
    SMCCC_ARCH_WORKAROUND_2,
    STD_BMAP,
    STD_HYP_BMAP,
    VENDOR_HYP_BMAP,
)
from emu.arch.psci import Function as Psci
from emu.arch.smccc import Function as Smccc
from emu.arch.smccc import Status, Workaround
from emu.boards.services import TRNG_FUNCTIONS, CallHandling, FirmwareServices
from emu.errors import BoardError

KVM_FIRMWARE_REGISTERS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "PSCI_VERSION": psci.VERSION_1_1,
        "SMCCC_ARCH_WORKAROUND_1": 2,
        "SMCCC_ARCH_WORKAROUND_2": 3,
        "SMCCC_ARCH_WORKAROUND_3": 2,
        "STD_BMAP": STD_BMAP.TRNG_V1_0.mask,
        "STD_HYP_BMAP": STD_HYP_BMAP.PV_TIME.mask,
        "VENDOR_HYP_BMAP": VENDOR_HYP_BMAP.PTP.mask | VENDOR_HYP_BMAP.FUNC_FEAT.mask,
    }
)
"""KVM's firmware registers in a new VM of Linux 6.1, by name, on a CPU that does not speculate:
no workaround is required."""

_PSCI_0_2: Final = frozenset[int](
    {
        Psci.PSCI_VERSION,
        *(Psci.CPU_SUSPEND_SMC32, Psci.CPU_SUSPEND),
        Psci.CPU_OFF,
        *(Psci.CPU_ON_SMC32, Psci.CPU_ON),
        *(Psci.AFFINITY_INFO_SMC32, Psci.AFFINITY_INFO),
        Psci.MIGRATE_INFO_TYPE,
        *(Psci.SYSTEM_OFF, Psci.SYSTEM_RESET),
    }
)
_PSCI_1_0: Final = _PSCI_0_2 | {Psci.PSCI_FEATURES}
_PSCI_1_1: Final = _PSCI_1_0 | {Psci.SYSTEM_RESET2_SMC32, Psci.SYSTEM_RESET2}
_PSCI_1_3: Final = _PSCI_1_1 | {Psci.SYSTEM_OFF2_SMC32, Psci.SYSTEM_OFF2}

KVM_PSCI_FUNCTIONS: Final[Mapping[int, frozenset[int]]] = MappingProxyType(
    {
        psci.VERSION_0_2: _PSCI_0_2,
        psci.VERSION_1_0: _PSCI_1_0,
        psci.VERSION_1_1: _PSCI_1_1,
        psci.VERSION_1_2: _PSCI_1_1,
        psci.VERSION_1_3: _PSCI_1_3,
    }
)
"""The PSCI functions that KVM carries out, by the value of its register PSCI_VERSION."""

_ALWAYS: Final = frozenset[int](
    {
        Smccc.SMCCC_VERSION,
        Smccc.SMCCC_ARCH_FEATURES,
        # Answered before KVM looks at a register or at the host (hyp-entry.S, `wa_epilogue`).
        Smccc.SMCCC_ARCH_WORKAROUND_1,
        Smccc.SMCCC_ARCH_WORKAROUND_2,
        Smccc.SMCCC_ARCH_WORKAROUND_3,
    }
)

KVM_FUNCTIONS_BY_BIT: Final = (
    ("STD_BMAP", STD_BMAP.TRNG_V1_0, TRNG_FUNCTIONS),
    ("STD_HYP_BMAP", STD_HYP_BMAP.PV_TIME, {Smccc.PV_TIME_FEATURES, Smccc.PV_TIME_ST}),
    (
        "VENDOR_HYP_BMAP",
        VENDOR_HYP_BMAP.FUNC_FEAT,
        {Smccc.VENDOR_HYP_CALL_UID, Smccc.KVM_FEATURES},
    ),
    ("VENDOR_HYP_BMAP", VENDOR_HYP_BMAP.PTP, {Smccc.KVM_PTP}),
)
"""Register, its bit, and the functions that the bit offers."""

_LEVELS: Final = {0: Workaround.NOT_AVAILABLE, 1: Workaround.AVAILABLE, 2: Workaround.UNAFFECTED}
_LEVELS_2: Final = {
    0: Workaround.NOT_AVAILABLE,
    1: Workaround.NOT_AVAILABLE,
    2: Workaround.NOT_REQUIRED,  # KVM mitigates it for good, whatever the guest asks
    3: Workaround.NOT_REQUIRED,
}
_WORKAROUNDS: Final = (
    (Smccc.SMCCC_ARCH_WORKAROUND_1, SMCCC_ARCH_WORKAROUND.Level, _LEVELS),
    (Smccc.SMCCC_ARCH_WORKAROUND_2, SMCCC_ARCH_WORKAROUND_2.Level, _LEVELS_2),
    (Smccc.SMCCC_ARCH_WORKAROUND_3, SMCCC_ARCH_WORKAROUND.Level, _LEVELS),
)
"""Function and register of the same name, the register's field, and what SMCCC_ARCH_FEATURES says
of the function at each level."""


def kvm_services(
    registers: Mapping[str, int] = KVM_FIRMWARE_REGISTERS,
    *,
    smc: CallHandling = CallHandling.REFUSED,
) -> FirmwareServices:
    """What KVM answers with these values in its firmware registers.

    Args:
        registers: the values by the name of the register, as in `KVM_FIRMWARE_REGISTERS`. The
            levels of the workarounds are the host's: KVM checks what it is told, and keeps its own.
        smc: `REFUSED` on Linux before 6.4; from there on `SERVED_AT_0`.

    Raises:
        BoardError: KVM has no such PSCI version, or no such level of a workaround.
    """
    return FirmwareServices(
        functions=_psci_functions(registers["PSCI_VERSION"]) | _ALWAYS | _selected(registers),
        psci_version=registers["PSCI_VERSION"],
        arch_features=MappingProxyType(_arch_features(registers)),
        smc=smc,
        clears_results=True,
        checks_entry_point=False,
        vendor_resets=True,
    )


def _psci_functions(version: int) -> frozenset[int]:
    if version not in KVM_PSCI_FUNCTIONS:
        known = ", ".join(f"{known:#x}" for known in KVM_PSCI_FUNCTIONS)
        raise BoardError(f"PSCI_VERSION is {version:#x}; KVM's guests can have one of {known}")
    return KVM_PSCI_FUNCTIONS[version]


def _selected(registers: Mapping[str, int]) -> frozenset[int]:
    """The functions that are offered by a bit of a register."""
    offered = (
        functions for name, bit, functions in KVM_FUNCTIONS_BY_BIT if registers[name] & bit.mask
    )
    return frozenset[int]().union(*offered)


def _arch_features(registers: Mapping[str, int]) -> dict[int, int]:
    features: dict[int, int] = {}
    for function, field, levels in _WORKAROUNDS:
        value = registers[function.name]
        level = (value & field.mask) >> field.lsb
        if level not in levels:
            raise BoardError(
                f"{function.name} is {value:#x}; its levels (bits 3:0) are 0 to {max(levels)}"
            )
        features[function] = levels[level]
    if registers["STD_HYP_BMAP"] & STD_HYP_BMAP.PV_TIME.mask:
        features[Smccc.PV_TIME_FEATURES] = Status.SUCCESS
    return features


KVM_SERVICES: Final = kvm_services()
"""What a new VM of Linux 6.1 answers: PSCI 1.1, SMCCC 1.1, TRNG 1.0 and KVM's own services."""
