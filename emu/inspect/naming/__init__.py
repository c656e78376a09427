"""What the values of each format are, beyond what its schema says: by names of types and fields.

A fork of a format that keeps the names keeps their meaning.
"""

from __future__ import annotations

from functools import cache

from emu.arch.bits import Register
from emu.arch.layouts import FPCR, FPSR, MPIDR_EL1, PState
from emu.formats.firecracker import gic
from emu.formats.format import Format
from emu.inspect.naming.gic_rows import gic_rows
from emu.inspect.naming.register_sets import SquibRegisters, kvm_registers
from emu.inspect.values.parts import Naming, View

_LAYOUTS: dict[tuple[str, str], type[Register]] = {
    ("GpRegs", "pstate"): PState,
    ("FpSimdRegs", "fpsr"): FPSR,
    ("FpSimdRegs", "fpcr"): FPCR,
    ("VcpuState", "mpidr"): MPIDR_EL1,
}

_VIEWS_OF_FIELDS: dict[tuple[str, str], View] = {
    ("VcpuState", "sys_regs"): SquibRegisters,
    ("GicState", "dist"): gic_rows(gic.DIST, gic.DIST_V2),
    ("GicVcpuState", "rdist"): gic_rows(gic.REDIST_TO_1_12, gic.REDIST_FROM_1_13),
    ("VgicSysRegsState", "main_icc_regs"): gic_rows(gic.ICC_MAIN, gic.ICC_V2),
    ("VgicSysRegsState", "ap_icc_regs"): gic_rows(gic.ICC_AP),
}

_VIEWS_OF_STRUCTS: dict[str, View] = {
    "Aarch64RegisterVec": kvm_registers,
}


@cache
def naming_of(file_format: Format) -> Naming:
    """The naming of a format's values."""
    types = file_format.types()
    return Naming(
        layouts={(types[name], f): x for (name, f), x in _LAYOUTS.items() if name in types},
        views={
            **{(types[name], f): x for (name, f), x in _VIEWS_OF_FIELDS.items() if name in types},
            **{types[name]: x for name, x in _VIEWS_OF_STRUCTS.items() if name in types},
        },
    )
