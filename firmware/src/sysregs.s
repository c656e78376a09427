// sysregs: ID registers say what can be; registers keep what is written to them; what EL0 may
// access; address translation instructions; cache geometry; the cycle counter.
// It does not use its arguments. Source of what is expected: DDI 0487, D24.

    .include "layout.inc"               // from firmware/layout.py
    .include "board.inc"                // the board_*.inc that is built for
    .include "macros.inc"

    .text
    .include "boot.inc"
    .include "mmu.inc"
    .include "pages.inc"
    .include "pl011.inc"
    .include "psci.inc"
    .include "irq_frame.inc"
    .include "traps.inc"
    .include "selfcheck.inc"
    .include "el0.inc"

// Pages of the window.
.set DATA,       1
.set CONSTANT,   2
.set EL1_ONLY,   3
.set NOT_MAPPED, 4

    .include "cache_checks.inc"

// reg[width + low - 1 .. low] in x0.
.macro id_field reg, low, width=4
    mrs     x0, \reg
    ubfx    x0, x0, #\low, #\width
.endm

main:
    bl      selfcheck_begin
    bl      pages_init
    bl      el0_init
    map     DATA, 0, PAGE_DATA_EL0
    map     CONSTANT, 1, PAGE_CONSTANT_EL0
    map     EL1_ONLY, 2, PAGE_DATA
    bl      check_id_space
    bl      check_identification
    bl      check_writable
    bl      check_el0
    bl      check_cache_geometry
    bl      check_dc_zva
    bl      check_translation
    bl      check_os_lock
    bl      check_cycle_counter
    b       selfcheck_end

// Registers op0 3, op1 0, CRn 0, CRm 1..7 are ID registers; the unallocated ones read as zero.
check_id_space:
    push    x30, xzr
    attempt_code code_read_id_space, PSTATE_EL1H
    trapped x0, TRAP_ESR
    check   "ID registers, CRm 1 to 7: none is UNDEFINED", ESR_END
    attempt_code code_read_reserved, PSTATE_EL1H
    trapped x0, TRAP_ESR
    check   "unallocated ID registers: none is UNDEFINED", ESR_END
    trapped x0, TRAP_X0
    check   "unallocated ID registers: all are zero", 0
    attempt_code code_write_id, PSTATE_EL1H
    trapped x0, TRAP_ESR
    check   "write to an ID register: UNDEFINED", ESR_UNKNOWN
    pop     x30, xzr
    ret

// MPIDR_EL1: bits 63..40 and 29..25 are RES0.
.set MPIDR_RES0, 0xffffff003e000000
check_identification:
    push    x30, xzr
    mrs     x0, currentel
    check   "CurrentEL", 1 << 2
    id_field midr_el1, 16
    check   "MIDR_EL1.Architecture: by ID registers", 0xf
    mrs     x0, midr_el1
    cmp     x0, w0, uxtw
    check_condition "MIDR_EL1: bits 63..32 are 0", eq
    id_field mpidr_el1, 31, 1
    check   "MPIDR_EL1, bit 31: RES1", 1
    mrs     x0, mpidr_el1
    mov_imm x1, MPIDR_RES0
    and     x0, x0, x1
    check   "MPIDR_EL1: RES0 bits", 0
    id_field ctr_el0, 31, 1
    check   "CTR_EL0, bit 31: RES1", 1
    id_field id_aa64pfr0_el1, 0
    cmp     x0, #0
    check_condition "ID_AA64PFR0_EL1.EL0: it can be entered", ne
    id_field id_aa64pfr0_el1, 8
    check   "ID_AA64PFR0_EL1.EL2: not there", 0
    id_field id_aa64pfr0_el1, 24
    cmp     x0, #0
    check_condition "ID_AA64PFR0_EL1.GIC: system registers", ne
    id_field id_aa64pfr0_el1, 16
    mov     x11, x0
    id_field id_aa64pfr0_el1, 20
    mov     x1, x11
    check_equal "ID_AA64PFR0_EL1: AdvSIMD is as FP"
    id_field id_aa64mmfr0_el1, 0
    cmp     x0, #6
    check_condition "ID_AA64MMFR0_EL1.PARange: 52 bits at most", ls
    id_field id_aa64mmfr0_el1, 28
    cmp     x0, #15
    check_condition "ID_AA64MMFR0_EL1.TGran4: 4 KiB", ne
    id_field id_aa64dfr0_el1, 0
    cmp     x0, #6
    check_condition "ID_AA64DFR0_EL1.DebugVer: Armv8 or later", hs
    pop     x30, xzr
    ret

// `register` holds any of the bits of `mask`: a pattern, then its complement. Put back afterwards.
.set PATTERN, 0x5aa5c33c0ff09669
.macro keeps register, mask
    mrs     x20, \register
    mov_imm x21, \mask
    mov_imm x22, PATTERN
    and     x0, x22, x21
    msr     \register, x0
    isb
    mrs     x23, \register
    bic     x0, x21, x22
    msr     \register, x0
    isb
    mrs     x24, \register
    msr     \register, x20
    isb
    and     x0, x23, x21
    and     x1, x22, x21
    check_equal "\register: keeps a pattern"
    and     x0, x24, x21
    bic     x1, x21, x22
    check_equal "\register: keeps its complement"
.endm

// RES0 bits are not checked: later versions of the architecture give them a meaning.
.set ALL_BITS,  0xffffffffffffffff
.set LOW_WORD,  0xffffffff
check_writable:
    push    x30, xzr
    keeps   tpidr_el0, ALL_BITS
    keeps   tpidrro_el0, ALL_BITS
    keeps   tpidr_el1, ALL_BITS
    keeps   contextidr_el1, LOW_WORD
    keeps   sp_el0, ALL_BITS & ~15
    keeps   elr_el1, 0x0000ffffffffffff
    keeps   far_el1, 0x0000ffffffffffff
    keeps   esr_el1, LOW_WORD
    keeps   spsr_el1, 0xf03003cf        // NZCV, SS, IL, DAIF, M
    keeps   vbar_el1, 0x0000fffffffff800
    keeps   ttbr1_el1, 0xffff00fffffff000
    keeps   cntkctl_el1, 0x3ff
    keeps   mdscr_el1, 1 << 12          // TDCC
    keeps   cpacr_el1, 3 << 20          // FPEN
    keeps   par_el1, 0x000000fffffff000
    keeps   nzcv, 0xf0000000
    keeps   fpcr, 0x07c00000            // AHP, DN, FZ, RMode
    keeps   fpsr, 0x0800009f            // QC, IDC, IXC, UFC, OFC, DZC, IOC
    pop     x30, xzr
    ret

.set ISS_MRS_PMCR, (3 << 20) | (0 << 17) | (3 << 14) | (9 << 10) | (7 << 5) | (12 << 1) | 1
check_el0:
    push    x30, xzr
    mov_imm x2, PATTERN
    attempt_at_el0 code_thread_registers
    trapped x0, TRAP_ESR
    check   "registers for EL0: no trap", ESR_END
    mrs     x0, tpidr_el0
    check   "TPIDR_EL0, written at EL0", PATTERN
    mov_imm x0, PATTERN
    msr     tpidrro_el0, x0
    attempt_at_el0 code_read_tpidrro
    trapped x0, TRAP_X0
    check   "TPIDRRO_EL0, read at EL0", PATTERN
    attempt_at_el0 code_write_tpidrro
    trapped x0, TRAP_ESR
    check   "TPIDRRO_EL0, written at EL0: UNDEFINED", ESR_UNKNOWN
    attempt_at_el0 code_read_dczid
    trapped x0, TRAP_X0
    mrs     x1, dczid_el0
    orr     x1, x1, #1 << 4             // DZP: SCTLR_EL1.DZE is 0
    check_equal "DCZID_EL0, read at EL0"
    bl      pmu_version
    cbz     x0, 1f
    msr     pmuserenr_el0, xzr
    attempt_at_el0 code_read_pmcr
    trapped x0, TRAP_ESR
    check   "PMCR_EL0 at EL0, PMUSERENR_EL0 0", ESR_SYSREG|ISS_MRS_PMCR
    b       2f
1:
    skip    "PMCR_EL0 at EL0, PMUSERENR_EL0 0", "no PMUv3"
2:
    pop     x30, xzr
    ret

// x0 = ID_AA64DFR0_EL1.PMUVer, 0 for none that is architectural.
pmu_version:
    id_field id_aa64dfr0_el1, 8
    cmp     x0, #15
    csel    x0, xzr, x0, eq
    ret

// PAR_EL1: F and, of a fault, FST; else the physical address.
.set PAR_FAULT, 0x7f
.set PAR_PA,    0x0000fffffffff001
.macro translate name, operation, page, mask, expected
    window_page x0, \page
    at      \operation, x0
    isb
    mrs     x0, par_el1
    mov_imm x1, \mask
    and     x0, x0, x1
    check   "\name", \expected
.endm

.set PAR_TRANSLATION, (7 << 1) | 1
.set PAR_PERMISSION,  (15 << 1) | 1
.set PAGE_0, PAGES
.set PAGE_1, PAGES + PAGE_SIZE
.set PAGE_2, PAGES + (2 * PAGE_SIZE)
check_translation:
    push    x30, xzr
    translate "AT S1E1R", s1e1r, EL1_ONLY, PAR_PA, PAGE_2
    translate "AT S1E1W", s1e1w, EL1_ONLY, PAR_PA, PAGE_2
    translate "AT S1E0R", s1e0r, CONSTANT, PAR_PA, PAGE_1
    translate "AT S1E0W", s1e0w, DATA, PAR_PA, PAGE_0
    translate "AT S1E1R, not mapped", s1e1r, NOT_MAPPED, PAR_FAULT, PAR_TRANSLATION
    translate "AT S1E1W, read-only page", s1e1w, CONSTANT, PAR_FAULT, PAR_PERMISSION
    translate "AT S1E0R, page of EL1", s1e0r, EL1_ONLY, PAR_FAULT, PAR_PERMISSION
    translate "AT S1E0W, read-only page", s1e0w, CONSTANT, PAR_FAULT, PAR_PERMISSION
    pop     x30, xzr
    ret

// OSLSR_EL1.OSLK follows OSLAR_EL1.
check_os_lock:
    push    x30, xzr
    movz    x0, #1
    msr     oslar_el1, x0
    isb
    mrs     x0, oslsr_el1
    and     x0, x0, #2
    check   "OSLAR_EL1, 1: locked", 2
    msr     oslar_el1, xzr
    isb
    mrs     x0, oslsr_el1
    and     x0, x0, #2
    check   "OSLAR_EL1, 0: unlocked", 0
    pop     x30, xzr
    ret

.set PMCR_ENABLE_AND_RESET, (1 << 6) | (1 << 2) | 1     // LC, C, E
.set CYCLE_COUNTER, 1 << 31
check_cycle_counter:
    push    x30, xzr
    bl      pmu_version
    cbz     x0, 2f
    mov_imm x0, CYCLE_COUNTER
    msr     pmcntenset_el0, x0
    mrs     x0, pmcntenset_el0
    tst     x0, #CYCLE_COUNTER
    check_condition "PMCNTENSET_EL0.C", ne
    movz    x0, #PMCR_ENABLE_AND_RESET
    msr     pmcr_el0, x0
    isb
    mrs     x19, pmccntr_el0
    movz    x1, #5000
1:
    sub     x1, x1, #1
    cbnz    x1, 1b
    isb
    mrs     x20, pmccntr_el0
    cmp     x20, x19
    check_condition "PMCCNTR_EL0 counts", hi
    msr     pmcr_el0, xzr
    isb
    mrs     x19, pmccntr_el0
    isb
    mrs     x0, pmccntr_el0
    mov     x1, x19
    check_equal "PMCCNTR_EL0 stands with PMCR_EL0.E 0"
    mov_imm x0, CYCLE_COUNTER
    msr     pmcntenclr_el0, x0
    mrs     x0, pmcntenset_el0
    and     x0, x0, #CYCLE_COUNTER
    check   "PMCNTENCLR_EL0.C", 0
    b       3f
2:
    skip    "PMCCNTR_EL0", "no PMUv3"
3:
    pop     x30, xzr
    ret

    pad_to  PAGE_SIZE
user_code:
code_read_id_space:
    .irp crm, 1, 2, 3, 4, 5, 6, 7
    .irp op2, 0, 1, 2, 3, 4, 5, 6, 7
    mrs     x1, s3_0_c0_c\crm\()_\op2
    .endr
    .endr
    end_attempt
code_read_reserved:
    mov     x0, #0
    .irp register, s3_0_c0_c4_3, s3_0_c0_c4_6, s3_0_c0_c5_6, s3_0_c0_c5_7
    mrs     x1, \register
    orr     x0, x0, x1
    .endr
    .irp register, s3_0_c0_c6_4, s3_0_c0_c6_5, s3_0_c0_c6_6, s3_0_c0_c6_7
    mrs     x1, \register
    orr     x0, x0, x1
    .endr
    .irp register, s3_0_c0_c7_5, s3_0_c0_c7_6, s3_0_c0_c7_7
    mrs     x1, \register
    orr     x0, x0, x1
    .endr
    end_attempt
code_write_id:
    msr     s3_0_c0_c4_0, x0            // ID_AA64PFR0_EL1
    end_attempt
code_thread_registers:
    msr     tpidr_el0, x0
    mrs     x1, tpidrro_el0
    mrs     x1, nzcv
    msr     nzcv, x1
    mrs     x1, fpcr
    msr     fpcr, x1
    mrs     x1, fpsr
    msr     fpsr, x1
    end_attempt
code_read_tpidrro:
    mrs     x0, tpidrro_el0
    end_attempt
code_write_tpidrro:
    msr     tpidrro_el0, x0
    end_attempt
code_read_dczid:
    mrs     x0, dczid_el0
    end_attempt
code_read_pmcr:
    mrs     x7, pmcr_el0
    end_attempt
user_code_end:

    check_arguments_block iterations=1, vcpus=1

    .include "check_memory.inc"
