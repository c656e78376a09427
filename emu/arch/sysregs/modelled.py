"""The system registers of the emulated processor."""

from __future__ import annotations

from collections.abc import Iterable

from emu.arch import gicv3, id_layouts, layouts
from emu.arch.bits import Register
from emu.arch.sysregs import needs
from emu.arch.sysregs.identification import IDENTIFICATION
from emu.arch.sysregs.sysreg import Access, At, Model, Need, SysReg


def _core(
    name: str,
    at: At,
    key: int | None = None,
    el: int = 1,
    layout: type[Register] | None = None,
) -> SysReg:
    return SysReg(name, at, Model.CORE, el=el, squib_key=key, layout=layout)


def _gic(
    name: str,
    at: At,
    access: Access = "RW",
    saved: bool = False,
    layout: type[Register] | None = None,
) -> SysReg:
    return SysReg(name, at, Model.GIC, access, saved=saved, layout=layout, needs=needs.GIC)


def _pmu(
    name: str,
    at: At,
    key: int | None = None,
    *,
    access: Access = "RW",
    saved: bool = True,
    layout: type[Register] | None = None,
    read_only_at_el0: bool = False,
) -> SysReg:
    return SysReg(
        name,
        at,
        Model.PMU,
        access,
        el=0 if at[1] == 3 else 1,
        squib_key=key,
        saved=saved,
        layout=layout,
        read_only_at_el0=read_only_at_el0,
        needs=needs.PMU,
    )


def _pstate(
    name: str, at: At, mask: int, access: Access = "RW", needs: tuple[Need, ...] = ()
) -> SysReg:
    el = 0 if at[1] == 3 else 1
    return SysReg(name, at, Model.PSTATE, access, el=el, saved=False, writable=mask, needs=needs)


def _zero(name: str, at: At, access: Access = "RW", needs: tuple[Need, ...] = ()) -> SysReg:
    el = 0 if at[1] == 3 else 1
    return SysReg(name, at, Model.ZERO, access, el=el, saved=False, needs=needs)


def _of_aarch32(name: str, at: At) -> SysReg:
    return SysReg(name, at, Model.STORED, el=2, writable=(1 << 32) - 1)


def _key_halves(name: str, crm: int, op2: int) -> Iterable[SysReg]:
    for half, at in (("Lo", (3, 0, 2, crm, op2)), ("Hi", (3, 0, 2, crm, op2 + 1))):
        yield SysReg(f"{name}Key{half}_EL1", at, Model.CORE, needs=needs.PAUTH)


def _debug_pair(kind: str, number: int, op2: int, needed: tuple[Need, ...]) -> Iterable[SysReg]:
    for part, at in (("V", (2, 0, 0, number, op2)), ("C", (2, 0, 0, number, op2 + 1))):
        yield SysReg(f"DBG{kind}{part}R{number}_EL1", at, Model.CORE, needs=needed)


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
    # Caches. There are none; what the ID registers say of them is the board's.
    SysReg(
        "CSSELR_EL1",
        (3, 2, 0, 0, 0),
        Model.STORED,
        writable=0xF,
        layout=id_layouts.CSSELR_EL1,
    ),
    SysReg(
        "CCSIDR_EL1",
        (3, 1, 0, 0, 0),
        Model.CACHE,
        "RO",
        saved=False,
        layout=id_layouts.CCSIDR_EL1,
    ),
    *_key_halves("APIA", 1, 0),
    *_key_halves("APIB", 1, 2),
    *_key_halves("APDA", 2, 0),
    *_key_halves("APDB", 2, 2),
    *_key_halves("APGA", 3, 0),
    # PSTATE, bit by bit.
    _pstate("SPSel", (3, 0, 4, 2, 0), 1 << 0),
    _pstate("CurrentEL", (3, 0, 4, 2, 2), 3 << 2, "RO"),
    _pstate("DAIF", (3, 3, 4, 2, 1), 0xF << 6),
    _pstate("SSBS", (3, 3, 4, 2, 6), 1 << 12, needs=needs.SSBS2),
    _pstate("PAN", (3, 0, 4, 2, 3), 1 << 22, needs=needs.PAN),
    _pstate("UAO", (3, 0, 4, 2, 4), 1 << 23, needs=needs.UAO),
    _pstate("DIT", (3, 3, 4, 2, 5), 1 << 24, needs=needs.DIT),
    _pstate("NZCV", (3, 3, 4, 2, 0), 0xF << 28),
    # Interrupts that are pending, and errors, of which there are never any.
    SysReg("ISR_EL1", (3, 0, 12, 1, 0), Model.CORE, "RO", saved=False),
    SysReg("DISR_EL1", (3, 0, 12, 1, 1), Model.STORED, writable=0x8100_1E3F, needs=needs.RAS),
    _zero("ERRIDR_EL1", (3, 0, 5, 3, 0), "RO", needs.RAS),
    _zero("ERRSELR_EL1", (3, 0, 5, 3, 1), needs=needs.RAS),
    _zero("ERXFR_EL1", (3, 0, 5, 4, 0), "RO", needs.RAS),
    _zero("ERXCTLR_EL1", (3, 0, 5, 4, 1), needs=needs.RAS),
    _zero("ERXSTATUS_EL1", (3, 0, 5, 4, 2), needs=needs.RAS),
    _zero("ERXADDR_EL1", (3, 0, 5, 4, 3), needs=needs.RAS),
    _zero("ERXPFGF_EL1", (3, 0, 5, 4, 4), "RO", needs.RAS_1P1),
    _zero("ERXPFGCTL_EL1", (3, 0, 5, 4, 5), needs=needs.RAS_1P1),
    _zero("ERXPFGCDN_EL1", (3, 0, 5, 4, 6), needs=needs.RAS_1P1),
    _zero("ERXMISC0_EL1", (3, 0, 5, 5, 0), needs=needs.RAS),
    _zero("ERXMISC1_EL1", (3, 0, 5, 5, 1), needs=needs.RAS),
    _zero("ERXMISC2_EL1", (3, 0, 5, 5, 2), needs=needs.RAS_1P1),
    _zero("ERXMISC3_EL1", (3, 0, 5, 5, 3), needs=needs.RAS_1P1),
    # Limited-ordering regions, none of which there are: as KVM has them.
    _zero("LORSA_EL1", (3, 0, 10, 4, 0), needs=needs.LOR),
    _zero("LOREA_EL1", (3, 0, 10, 4, 1), needs=needs.LOR),
    _zero("LORN_EL1", (3, 0, 10, 4, 2), needs=needs.LOR),
    _zero("LORC_EL1", (3, 0, 10, 4, 3), needs=needs.LOR),
    _zero("LORID_EL1", (3, 0, 10, 4, 7), "RO", needs.LOR),
    # AArch32 state. The guest can't name it, and has no use for it; KVM's user finds it.
    _of_aarch32("DBGVCR32_EL2", (2, 4, 0, 7, 0)),
    _of_aarch32("DACR32_EL2", (3, 4, 3, 0, 0)),
    _of_aarch32("IFSR32_EL2", (3, 4, 5, 0, 1)),
    _of_aarch32("FPEXC32_EL2", (3, 4, 5, 3, 0)),
    # Debug. OSLAR_EL1 is write-only, so it carries no state of its own: the OS lock that it sets
    # is seen in OSLSR_EL1, which a guest can only read, and a monitor can set.
    _core("MDSCR_EL1", (2, 0, 0, 2, 2), key=45, layout=layouts.MDSCR_EL1),
    *(
        reg
        for n in range(BREAKPOINT_COUNT)
        for reg in _debug_pair("B", n, 4, needs.breakpoint_unit(n))
    ),
    *(
        reg
        for n in range(WATCHPOINT_COUNT)
        for reg in _debug_pair("W", n, 6, needs.watchpoint_unit(n))
    ),
    SysReg("OSLAR_EL1", (2, 0, 1, 0, 4), Model.CORE, "WO", squib_key=46, saved=False),
    SysReg("OSLSR_EL1", (2, 0, 1, 1, 4), Model.CORE, "RO", layout=layouts.OSLSR_EL1),
    SysReg("OSDLR_EL1", (2, 0, 1, 3, 4), Model.STORED, squib_key=47, writable=1),
    # The debug communications channel, which has no debugger at its other end, and what else has
    # nothing to say: as KVM has them (`sys_reg_descs` in arch/arm64/kvm/sys_regs.c, Linux 6.1).
    SysReg("MDCCINT_EL1", (2, 0, 0, 2, 0), Model.STORED, writable=3 << 29),
    _zero("MDCCSR_EL0", (2, 3, 0, 1, 0), "RO"),
    _zero("DBGDTR_EL0", (2, 3, 0, 4, 0)),
    _zero("DBGDTRRX_EL0", (2, 3, 0, 5, 0)),
    _zero("OSDTRRX_EL1", (2, 0, 0, 0, 2)),
    _zero("OSDTRTX_EL1", (2, 0, 0, 3, 2)),
    _zero("OSECCR_EL1", (2, 0, 0, 6, 2)),
    _zero("MDRAR_EL1", (2, 0, 1, 0, 0), "RO"),
    _zero("DBGPRCR_EL1", (2, 0, 1, 4, 4)),
    _zero("DBGCLAIMSET_EL1", (2, 0, 7, 8, 6)),
    _zero("DBGCLAIMCLR_EL1", (2, 0, 7, 9, 6)),
    _zero("DBGAUTHSTATUS_EL1", (2, 0, 7, 14, 6), "RO"),
    *IDENTIFICATION,
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
    _pmu("PMCCNTR_EL0", (3, 3, 9, 13, 0), 26),
    _pmu("PMCCFILTR_EL0", (3, 3, 14, 15, 7), 27),
    _pmu(
        "PMUSERENR_EL0",
        (3, 3, 9, 14, 0),
        28,
        layout=layouts.PMUSERENR_EL0,
        read_only_at_el0=True,
    ),
    _pmu("PMCR_EL0", (3, 3, 9, 12, 0), 29, layout=layouts.PMCR_EL0),
    _pmu("PMCNTENSET_EL0", (3, 3, 9, 12, 1), 30),
    _pmu("PMCNTENCLR_EL0", (3, 3, 9, 12, 2), saved=False),
    _pmu("PMOVSSET_EL0", (3, 3, 9, 14, 3), 31),
    _pmu("PMOVSCLR_EL0", (3, 3, 9, 12, 3), saved=False),
    _pmu("PMSELR_EL0", (3, 3, 9, 12, 5), 32),
    _pmu("PMINTENSET_EL1", (3, 0, 9, 14, 1)),
    _pmu("PMINTENCLR_EL1", (3, 0, 9, 14, 2), saved=False),
    _pmu("PMXEVTYPER_EL0", (3, 3, 9, 13, 1), saved=False),
    _pmu("PMXEVCNTR_EL0", (3, 3, 9, 13, 2), saved=False),
    _pmu("PMSWINC_EL0", (3, 3, 9, 12, 4), access="WO", saved=False),
    _pmu("PMCEID0_EL0", (3, 3, 9, 12, 6), access="RO", saved=False),
    _pmu("PMCEID1_EL0", (3, 3, 9, 12, 7), access="RO", saved=False),
    _zero("PMMIR_EL1", (3, 0, 9, 14, 6), "RO", needs.PMU_V3P4),
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
