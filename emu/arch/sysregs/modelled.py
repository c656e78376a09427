"""The system registers of the emulated processor."""

from __future__ import annotations

from collections.abc import Iterable

from emu.arch import gicv3, id_layouts, layouts
from emu.arch.bits import Register
from emu.arch.sysregs.sysreg import Access, At, Model, SysReg


def _core(
    name: str,
    at: At,
    key: int | None = None,
    el: int = 1,
    layout: type[Register] | None = None,
) -> SysReg:
    return SysReg(name, at, Model.CORE, el=el, squib_key=key, layout=layout)


def _id(
    name: str,
    at: At,
    key: int | None = None,
    el: int = 1,
    layout: type[Register] | None = None,
) -> SysReg:
    return SysReg(
        name, at, Model.ID, "RO", el=el, squib_key=key, saved=key is not None, layout=layout
    )


def _gic(
    name: str,
    at: At,
    access: Access = "RW",
    saved: bool = False,
    layout: type[Register] | None = None,
) -> SysReg:
    return SysReg(name, at, Model.GIC, access, saved=saved, layout=layout)


def _key_halves(name: str, crm: int, op2: int) -> Iterable[SysReg]:
    yield _core(f"{name}KeyLo_EL1", (3, 0, 2, crm, op2))
    yield _core(f"{name}KeyHi_EL1", (3, 0, 2, crm, op2 + 1))


def _debug_pair(kind: str, number: int, op2: int) -> Iterable[SysReg]:
    yield _core(f"DBG{kind}VR{number}_EL1", (2, 0, 0, number, op2))
    yield _core(f"DBG{kind}CR{number}_EL1", (2, 0, 0, number, op2 + 1))


BREAKPOINT_COUNT = 6
WATCHPOINT_COUNT = 4
"""What ID_AA64DFR0_EL1 says there are (BRPs and WRPs are one less)."""

SYSREGS: tuple[SysReg, ...] = (
    # Translation, exceptions, context: squib's order of keys.
    _core("SCTLR_EL1", (3, 0, 1, 0, 0), key=1, layout=layouts.SCTLR_EL1),
    _core("TTBR0_EL1", (3, 0, 2, 0, 0), key=2, layout=layouts.TTBR_EL1),
    _core("TTBR1_EL1", (3, 0, 2, 0, 1), key=3, layout=layouts.TTBR_EL1),
    _core("MAIR_EL1", (3, 0, 10, 2, 0), key=4),
    SysReg("AMAIR_EL1", (3, 0, 10, 3, 0), Model.STORED, squib_key=5),
    _core("TCR_EL1", (3, 0, 2, 0, 2), key=6, layout=layouts.TCR_EL1),
    SysReg("SP_EL1", (3, 4, 4, 1, 0), Model.BANKED_SP, el=2, squib_key=7),
    SysReg("SP_EL0", (3, 0, 4, 1, 0), Model.BANKED_SP),
    _core("ELR_EL1", (3, 0, 4, 0, 1), key=8),
    _core("SPSR_EL1", (3, 0, 4, 0, 0), key=9, layout=layouts.PState),
    _core("VBAR_EL1", (3, 0, 12, 0, 0), key=10),
    _core("ESR_EL1", (3, 0, 5, 2, 0), key=33, layout=layouts.ESR_EL1),
    _core("FAR_EL1", (3, 0, 6, 0, 0), key=34),
    SysReg("AFSR0_EL1", (3, 0, 5, 1, 0), Model.STORED, squib_key=35),
    SysReg("AFSR1_EL1", (3, 0, 5, 1, 1), Model.STORED, squib_key=36),
    SysReg("ACTLR_EL1", (3, 0, 1, 0, 1), Model.STORED),
    _core("CONTEXTIDR_EL1", (3, 0, 13, 0, 1), key=37),
    _core("TPIDR_EL0", (3, 3, 13, 0, 2), key=38, el=0),
    SysReg("TPIDRRO_EL0", (3, 3, 13, 0, 3), Model.CORE, el=0, squib_key=39, read_only_at_el0=True),
    _core("TPIDR_EL1", (3, 0, 13, 0, 4), key=40),
    _core("PAR_EL1", (3, 0, 7, 4, 0), key=41),
    SysReg("FPCR", (3, 3, 4, 4, 0), Model.FP, el=0, squib_key=42, layout=layouts.FPCR),
    SysReg("FPSR", (3, 3, 4, 4, 1), Model.FP, el=0, squib_key=43, layout=layouts.FPSR),
    _core("CPACR_EL1", (3, 0, 1, 0, 2), key=44, layout=layouts.CPACR_EL1),
    _core("CSSELR_EL1", (3, 2, 0, 0, 0), layout=id_layouts.CSSELR_EL1),
    *_key_halves("APIA", 1, 0),
    *_key_halves("APIB", 1, 2),
    *_key_halves("APDA", 2, 0),
    *_key_halves("APDB", 2, 2),
    *_key_halves("APGA", 3, 0),
    # Debug. OSLAR_EL1 is write-only, so it carries no state of its own: the OS lock that it sets
    # is seen in OSLSR_EL1, which a guest can only read, and a monitor can set.
    _core("MDSCR_EL1", (2, 0, 0, 2, 2), key=45, layout=layouts.MDSCR_EL1),
    *(reg for n in range(BREAKPOINT_COUNT) for reg in _debug_pair("B", n, 4)),
    *(reg for n in range(WATCHPOINT_COUNT) for reg in _debug_pair("W", n, 6)),
    SysReg("OSLAR_EL1", (2, 0, 1, 0, 4), Model.CORE, "WO", squib_key=46, saved=False),
    SysReg("OSLSR_EL1", (2, 0, 1, 1, 4), Model.CORE, "RO", layout=layouts.OSLSR_EL1),
    SysReg("OSDLR_EL1", (2, 0, 1, 3, 4), Model.STORED, squib_key=47, writable=1),
    # Identification.
    _id("MIDR_EL1", (3, 0, 0, 0, 0), layout=id_layouts.MIDR_EL1),
    _id("MPIDR_EL1", (3, 0, 0, 0, 5), key=18, layout=layouts.MPIDR_EL1),
    _id("REVIDR_EL1", (3, 0, 0, 0, 6)),
    _id("ID_AA64PFR0_EL1", (3, 0, 0, 4, 0), key=13, layout=id_layouts.ID_AA64PFR0_EL1),
    _id("ID_AA64PFR1_EL1", (3, 0, 0, 4, 1), key=14, layout=id_layouts.ID_AA64PFR1_EL1),
    _id("ID_AA64ZFR0_EL1", (3, 0, 0, 4, 4)),
    _id("ID_AA64DFR0_EL1", (3, 0, 0, 5, 0), key=15, layout=id_layouts.ID_AA64DFR0_EL1),
    _id("ID_AA64ISAR0_EL1", (3, 0, 0, 6, 0), key=16, layout=id_layouts.ID_AA64ISAR0_EL1),
    _id("ID_AA64ISAR1_EL1", (3, 0, 0, 6, 1), key=17, layout=id_layouts.ID_AA64ISAR1_EL1),
    _id("ID_AA64MMFR0_EL1", (3, 0, 0, 7, 0), key=11, layout=id_layouts.ID_AA64MMFR0_EL1),
    _id("ID_AA64MMFR1_EL1", (3, 0, 0, 7, 1), key=12, layout=id_layouts.ID_AA64MMFR1_EL1),
    _id("ID_AA64MMFR2_EL1", (3, 0, 0, 7, 2), layout=id_layouts.ID_AA64MMFR2_EL1),
    _id("CTR_EL0", (3, 3, 0, 0, 1), el=0, layout=id_layouts.CTR_EL0),
    _id("DCZID_EL0", (3, 3, 0, 0, 7), el=0),
    _id("CNTFRQ_EL0", (3, 3, 14, 0, 0), key=22, el=0),
    # Generic timer. The offsets belong to the hypervisor: the guest can't name them.
    SysReg(
        "CNTV_CTL_EL0", (3, 3, 14, 3, 1), Model.TIMER, el=0, squib_key=19, layout=layouts.CNT_CTL
    ),
    SysReg("CNTV_CVAL_EL0", (3, 3, 14, 3, 2), Model.TIMER, el=0, squib_key=20),
    SysReg("CNTV_TVAL_EL0", (3, 3, 14, 3, 0), Model.TIMER, el=0, saved=False),
    SysReg("CNTVOFF_EL2", (3, 4, 14, 0, 3), Model.TIMER, el=2, squib_key=21),
    SysReg("CNTPOFF_EL2", (3, 4, 14, 0, 6), Model.TIMER, el=2),
    SysReg(
        "CNTP_CTL_EL0", (3, 3, 14, 2, 1), Model.TIMER, el=0, squib_key=24, layout=layouts.CNT_CTL
    ),
    SysReg("CNTP_CVAL_EL0", (3, 3, 14, 2, 2), Model.TIMER, el=0, squib_key=25),
    SysReg("CNTP_TVAL_EL0", (3, 3, 14, 2, 0), Model.TIMER, el=0, saved=False),
    SysReg("CNTVCT_EL0", (3, 3, 14, 0, 2), Model.TIMER, "RO", el=0, saved=False),
    SysReg("CNTPCT_EL0", (3, 3, 14, 0, 1), Model.TIMER, "RO", el=0, saved=False),
    SysReg(
        "CNTKCTL_EL1",
        (3, 0, 14, 1, 0),
        Model.TIMER,
        squib_key=23,
        layout=layouts.CNTKCTL_EL1,
    ),
    # Performance monitors.
    SysReg("PMCCNTR_EL0", (3, 3, 9, 13, 0), Model.PMU, el=0, squib_key=26),
    SysReg("PMCCFILTR_EL0", (3, 3, 14, 15, 7), Model.PMU, el=0, squib_key=27),
    SysReg(
        "PMUSERENR_EL0",
        (3, 3, 9, 14, 0),
        Model.PMU,
        el=0,
        squib_key=28,
        layout=layouts.PMUSERENR_EL0,
        read_only_at_el0=True,
    ),
    SysReg("PMCR_EL0", (3, 3, 9, 12, 0), Model.PMU, el=0, squib_key=29, layout=layouts.PMCR_EL0),
    SysReg("PMCNTENSET_EL0", (3, 3, 9, 12, 1), Model.PMU, el=0, squib_key=30),
    SysReg("PMCNTENCLR_EL0", (3, 3, 9, 12, 2), Model.PMU, el=0, saved=False),
    SysReg("PMOVSSET_EL0", (3, 3, 9, 14, 3), Model.PMU, el=0, squib_key=31),
    SysReg("PMOVSCLR_EL0", (3, 3, 9, 12, 3), Model.PMU, el=0, saved=False),
    SysReg("PMSELR_EL0", (3, 3, 9, 12, 5), Model.PMU, el=0, squib_key=32),
    SysReg("PMINTENSET_EL1", (3, 0, 9, 14, 1), Model.PMU),
    SysReg("PMINTENCLR_EL1", (3, 0, 9, 14, 2), Model.PMU, saved=False),
    SysReg("PMXEVTYPER_EL0", (3, 3, 9, 13, 1), Model.PMU, el=0, saved=False),
    SysReg("PMXEVCNTR_EL0", (3, 3, 9, 13, 2), Model.PMU, el=0, saved=False),
    SysReg("PMSWINC_EL0", (3, 3, 9, 12, 4), Model.PMU, "WO", el=0, saved=False),
    SysReg("PMCEID0_EL0", (3, 3, 9, 12, 6), Model.PMU, "RO", el=0, saved=False),
    SysReg("PMCEID1_EL0", (3, 3, 9, 12, 7), Model.PMU, "RO", el=0, saved=False),
    # GIC CPU interface.
    _gic("ICC_PMR_EL1", (3, 0, 4, 6, 0), saved=True),
    _gic("ICC_IAR0_EL1", (3, 0, 12, 8, 0), access="RO"),
    _gic("ICC_EOIR0_EL1", (3, 0, 12, 8, 1), access="WO"),
    _gic("ICC_HPPIR0_EL1", (3, 0, 12, 8, 2), access="RO"),
    _gic("ICC_BPR0_EL1", (3, 0, 12, 8, 3), saved=True),
    _gic("ICC_AP0R0_EL1", (3, 0, 12, 8, 4), saved=True),
    _gic("ICC_AP1R0_EL1", (3, 0, 12, 9, 0), saved=True),
    _gic("ICC_DIR_EL1", (3, 0, 12, 11, 1), access="WO"),
    _gic("ICC_RPR_EL1", (3, 0, 12, 11, 3), access="RO"),
    _gic("ICC_SGI1R_EL1", (3, 0, 12, 11, 5), access="WO"),
    _gic("ICC_ASGI1R_EL1", (3, 0, 12, 11, 6), access="WO"),
    _gic("ICC_SGI0R_EL1", (3, 0, 12, 11, 7), access="WO"),
    _gic("ICC_IAR1_EL1", (3, 0, 12, 12, 0), access="RO"),
    _gic("ICC_EOIR1_EL1", (3, 0, 12, 12, 1), access="WO"),
    _gic("ICC_HPPIR1_EL1", (3, 0, 12, 12, 2), access="RO"),
    _gic("ICC_BPR1_EL1", (3, 0, 12, 12, 3), saved=True),
    _gic("ICC_CTLR_EL1", (3, 0, 12, 12, 4), saved=True, layout=gicv3.ICC_CTLR_EL1),
    _gic("ICC_SRE_EL1", (3, 0, 12, 12, 5), layout=gicv3.ICC_SRE_EL1),
    _gic("ICC_IGRPEN0_EL1", (3, 0, 12, 12, 6), saved=True),
    _gic("ICC_IGRPEN1_EL1", (3, 0, 12, 12, 7), saved=True),
)
