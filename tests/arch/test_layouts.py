"""Layouts of system registers: no two fields share a bit, and samples decode as documented."""

from __future__ import annotations

from itertools import combinations

import pytest

from emu.arch import id_layouts, kvm_layouts, layouts
from emu.arch.bits import Register

LAYOUTS = [
    layout
    for module in (layouts, id_layouts, kvm_layouts)
    for layout in vars(module).values()
    if isinstance(layout, type) and issubclass(layout, Register) and layout is not Register
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_fields_are_disjoint_and_in_datasheet_order(layout: type[Register]) -> None:
    """From the highest bit down."""
    assert layout.fields
    assert all(not a.mask & b.mask for a, b in combinations(layout.fields, 2))
    assert list(layout.fields) == sorted(layout.fields, key=lambda field: -field.lsb)
    assert all(field.msb < 64 for field in layout.fields)
    assert {field.name for field in layout.fields} <= vars(layout).keys()


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_values_that_have_names_fit_their_fields(layout: type[Register]) -> None:
    for field in layout.fields:
        assert all(value << field.lsb & ~field.mask == 0 for value in field.names)


@pytest.mark.parametrize(
    ("register", "shown"),
    [
        (layouts.PState(0x6000_03C5), {"N": "0", "Z": "1", "C": "1", "D": "1", "M": "EL1h"}),
        (layouts.PState(0x80), {"I": "1", "F": "0", "A": "0", "M": "EL0t"}),
        (layouts.ESR_EL1(0x5600_0123), {"EC": "SVC", "IL": "1", "ISS": "0x123"}),
        (layouts.ESR_EL1(0x9600_0045), {"EC": "data abort from EL1", "ISS": "0x45"}),
        (layouts.SCTLR_EL1(0x1005), {"M": "1", "C": "1", "I": "1", "A": "0"}),
        (
            layouts.TCR_EL1(0x2_B519_3519),
            {"IPS": "2", "TG1": "4KB", "T1SZ": "0x19", "TG0": "4KB", "SH0": "3", "T0SZ": "0x19"},
        ),
        (layouts.MPIDR_EL1(0x80_0000_0003), {"Aff3": "0x80", "Aff0": "3", "Aff1": "0"}),
        (layouts.CNT_CTL(5), {"ISTATUS": "1", "IMASK": "0", "ENABLE": "1"}),
        (layouts.FPCR(0x0300_0000), {"DN": "1", "FZ": "1", "RMode": "RN", "IOE": "0"}),
        (layouts.OSLSR_EL1(0xA), {"OSLM_1": "1", "OSLK": "locked", "OSLM_0": "0"}),
        (layouts.MDSCR_EL1(0x9000), {"MDE": "1", "KDE": "0", "TDCC": "1"}),
        (
            id_layouts.MIDR_EL1(0x413F_D0C1),
            {"Implementer": "Arm", "Variant": "3", "PartNum": "Neoverse N1", "Revision": "1"},
        ),
        (
            id_layouts.CLIDR_EL1(0x8200_0023),
            {"LoC": "2", "Ctype1": "I and D", "Ctype2": "unified", "Ctype3": "none"},
        ),
        (
            id_layouts.CTR_EL0(0xB444_C004),
            {"IDC": "1", "DIC": "1", "L1Ip": "PIPT", "DminLine": "4", "IminLine": "4"},
        ),
        (kvm_layouts.PSCI_VERSION(0x1_0003), {"Major": "1", "Minor": "3"}),
        (kvm_layouts.SMCCC_ARCH_WORKAROUND(2), {"Level": "not required"}),
        (kvm_layouts.SMCCC_ARCH_WORKAROUND_2(0x12), {"Enabled": "1", "Level": "available"}),
        (kvm_layouts.VENDOR_HYP_BMAP(3), {"PTP": "1", "FUNC_FEAT": "1"}),
    ],
    ids=repr,
)
def test_samples_decode_as_the_manual_says(register: Register, shown: dict[str, str]) -> None:
    assert shown.items() <= dict(register.decoded()).items()
