// exceptions: each kind of synchronous exception that a guest at EL1 or EL0 can cause, with vector,
// syndrome, ELR, SPSR and FAR; entry to EL0 and back; the two stack pointers; illegal returns.
// It does not use its arguments. Source of what is expected: DDI 0487, D1.3, D24.2.40, D8.15.

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
    .include "exception_trials.inc"

// Pages of the window.
.set DATA,       1
.set CONSTANT,   2
.set NO_ACCESS_FLAG, 3
.set EL1_ONLY,   4
.set NOT_MAPPED, 5

.set MEASURED_DATA, 0x0123456789abcdef

    .include "abort_checks.inc"

main:
    bl      selfcheck_begin
    bl      pages_init
    bl      el0_init
    map     DATA, 0, PAGE_DATA_EL0
    map     CONSTANT, 1, PAGE_CONSTANT_EL0
    map     NO_ACCESS_FLAG, 2, PAGE_NO_ACCESS_FLAG
    map     EL1_ONLY, 3, PAGE_DATA
    bl      check_calls
    bl      check_undefined
    bl      check_el0_traps
    bl      check_translation_faults
    bl      check_permission_faults
    bl      check_fetch_faults
    bl      check_illegal_returns
    bl      check_pstate
    bl      check_stack_pointers
    bl      check_other_aborts
    b       selfcheck_end

check_calls:
    push    x30, xzr
    trial_at_el1 "SVC at EL1h", code_svc, ESR_SVC|0x1234, 4
    trial_at_el1 "SVC at EL1t", code_svc, ESR_SVC|0x1234, 4, PSTATE_EL1T, VECTOR_EL1T_SYNC
    trial_at_el0 "SVC at EL0", code_svc, ESR_SVC|0x1234, 4
    trial_at_el0 "SVC at EL0, flags set", code_svc, ESR_SVC|0x1234, 4, PSTATE_EL0T|PSTATE_NZCV
    trial_at_el0 "SVC at EL0, nothing masked", code_svc, ESR_SVC|0x1234, 4, 0
    trapped x0, TRAP_PSTATE
    check   "SVC at EL0, nothing masked: PSTATE upon entry", PSTATE_ENTERED
    trial_at_el1 "BRK at EL1", code_brk, ESR_BRK|0xbeef
    trial_at_el0 "BRK at EL0", code_brk, ESR_BRK|0xbeef
    pop     x30, xzr
    ret

check_undefined:
    push    x30, xzr
    trial_at_el1 "UDF at EL1", code_udf, ESR_UNKNOWN
    trial_at_el0 "UDF at EL0", code_udf, ESR_UNKNOWN
    trial_at_el1 "HLT at EL1", code_hlt, ESR_UNKNOWN
    trial_at_el1 "unallocated MRS at EL1", code_mrs_unallocated, ESR_UNKNOWN
    trial_at_el1 "unallocated MSR at EL1", code_msr_unallocated, ESR_UNKNOWN
    trial_at_el1 "register of EL2 at EL1", code_mrs_hcr, ESR_UNKNOWN
    trial_at_el1 "register of EL3 at EL1", code_mrs_scr, ESR_UNKNOWN
    bl      check_smc
    trial_at_el0 "SMC at EL0", code_smc, ESR_UNKNOWN
    trial_at_el0 "HVC at EL0", code_hvc, ESR_UNKNOWN
    trial_at_el0 "ERET at EL0", code_eret, ESR_UNKNOWN
    trial_at_el0 "MRS TTBR0_EL1 at EL0", code_mrs_ttbr0, ESR_UNKNOWN
    trial_at_el0 "MSR VBAR_EL1 at EL0", code_msr_vbar, ESR_UNKNOWN
    trial_at_el0 "TLBI at EL0", code_tlbi, ESR_UNKNOWN
    trial_at_el0 "MSR SPSel at EL0", code_msr_spsel, ESR_UNKNOWN
    pop     x30, xzr
    ret

// SMC without EL3 is UNDEFINED, unless a hypervisor takes it and refuses: then W0 is NOT_SUPPORTED.
// Source: DDI 0487, D1.3.5; DEN 0028 C, 5.2.
.set UNKNOWN_CALL, 0xbf00fff0
check_smc:
    push    x30, xzr
    mov_imm x2, UNKNOWN_CALL
    attempt_code code_smc, PSTATE_EL1H
    trapped x0, TRAP_ESR
    mov_imm x1, ESR_UNKNOWN
    cmp     x0, x1
    b.eq    1f
    trapped x1, TRAP_X0
    mov_imm x2, ESR_END
    cmp     x0, x2
    ccmn    w1, #1, #0, eq
1:
    check_condition "SMC at EL1 is UNDEFINED or refused", eq
    pop     x30, xzr
    ret

// SCTLR_EL1 as the guest has it allows EL0 nothing: nTWI, UMA, UCT, DZE and UCI are 0.
// The ISS of a trapped MSR, MRS or system instruction, and of WFI.
.set ISS_MSR_DAIFSET, (0 << 20) | (6 << 17) | (3 << 14) | (4 << 10) | (31 << 5) | (0xf << 1)
.set ISS_MRS_DAIF,    (3 << 20) | (1 << 17) | (3 << 14) | (4 << 10) | (7 << 5) | (2 << 1) | 1
.set ISS_MRS_CTR,     (3 << 20) | (1 << 17) | (3 << 14) | (0 << 10) | (7 << 5) | (0 << 1) | 1
.set ISS_DC_ZVA,      (1 << 20) | (1 << 17) | (3 << 14) | (7 << 10) | (0 << 5) | (4 << 1)
.set ISS_IC_IVAU,     (1 << 20) | (1 << 17) | (3 << 14) | (7 << 10) | (0 << 5) | (5 << 1)
.set ISS_WFI,         (1 << 24) | (0xe << 20)
check_el0_traps:
    push    x30, xzr
    trial_at_el0 "MSR DAIFSet at EL0, UMA 0", code_msr_daifset, ESR_SYSREG|ISS_MSR_DAIFSET
    trial_at_el0 "MRS DAIF at EL0, UMA 0", code_mrs_daif, ESR_SYSREG|ISS_MRS_DAIF
    trial_at_el0 "MRS CTR_EL0 at EL0, UCT 0", code_mrs_ctr, ESR_SYSREG|ISS_MRS_CTR
    window_page x2, DATA
    trial_at_el0 "DC ZVA at EL0, DZE 0", code_dc_zva, ESR_SYSREG|ISS_DC_ZVA
    window_page x2, DATA
    trial_at_el0 "IC IVAU at EL0, UCI 0", code_ic_ivau, ESR_SYSREG|ISS_IC_IVAU
    trial_at_el0 "WFI at EL0, nTWI 0", code_wfi, ESR_WFX|ISS_WFI
    pop     x30, xzr
    ret

// An illegal return keeps EL and SP, takes NZCV and DAIF from SPSR and sets PSTATE.IL; the next
// instruction then raises an exception. Source: DDI 0487, D1.3.4.
.set PSTATE_IL,       1 << 20
.set PSTATE_EL2H,     0x3c9
.set PSTATE_EL0H,     0x3c1
.set PSTATE_RESERVED, 0x3c6
.macro illegal_return name, pstate
    adr     x19, code_svc
    attempt_code code_svc, \pstate
    check_trap "\name", VECTOR_EL1H_SYNC, ESR_ILLEGAL, 0, PSTATE_EL1H|PSTATE_IL
.endm

check_illegal_returns:
    push    x30, xzr
    illegal_return "return to EL2", PSTATE_EL2H
    illegal_return "return to EL0 with SP_EL1", PSTATE_EL0H
    illegal_return "return with M[1] set", PSTATE_RESERVED
    pop     x30, xzr
    ret

check_pstate:
    push    x30, xzr
    attempt_at_el0 code_mrs_nzcv, PSTATE_EL0T|PSTATE_NZCV
    trapped x0, TRAP_X0
    check   "NZCV at EL0", PSTATE_NZCV
    attempt_code code_mrs_pstate, PSTATE_EL1H
    trapped x0, TRAP_X0
    check   "DAIF, CurrentEL and SPSel at EL1h", PSTATE_ENTERED
    attempt_code code_mrs_pstate, PSTATE_EL1T
    trapped x0, TRAP_X0
    check   "DAIF, CurrentEL and SPSel at EL1t", PSTATE_ENTERED^1
    attempt_code code_mrs_pstate, 0x285
    trapped x0, TRAP_X0
    check   "DAIF as the return sets it", PSTATE_ENTERED^0x140
    attempt_code code_daif_bits, PSTATE_EL1H
    trapped x0, TRAP_X0
    check   "MSR DAIFClr", 0x300
    trapped x0, TRAP_X1
    check   "MSR DAIFSet", 0x380
    pop     x30, xzr
    ret

.set STACK_OF_EL0, 0x123450
check_stack_pointers:
    push    x30, xzr
    mov_imm x0, STACK_OF_EL0
    msr     sp_el0, x0
    attempt_at_el0 code_mov_sp
    trapped x0, TRAP_X0
    check   "SP at EL0 is SP_EL0", STACK_OF_EL0
    attempt_code code_mov_sp, PSTATE_EL1T
    trapped x0, TRAP_X0
    check   "SP at EL1t is SP_EL0", STACK_OF_EL0
    mov     x20, sp
    sub     x20, x20, #96               // what `attempt` keeps
    attempt_code code_mov_sp, PSTATE_EL1H
    trapped x0, TRAP_X0
    mov     x1, x20
    check_equal "SP at EL1h is SP_EL1"
    attempt_code code_switch_sp, PSTATE_EL1H
    trapped x0, TRAP_X0
    check   "MSR SPSel, 0: SP is SP_EL0", STACK_OF_EL0
    trapped x0, TRAP_X1
    mov     x1, x20
    check_equal "MSR SPSel, 1: SP is SP_EL1"
    attempt_at_el0 code_move_sp
    mrs     x0, sp_el0
    check   "SP_EL0 as EL0 left it", STACK_OF_EL0-32
    adr     x19, code_mrs_sp_el0
    attempt_code code_mrs_sp_el0, PSTATE_EL1T
    check_trap "MRS SP_EL0 at EL1t", VECTOR_EL1T_SYNC, ESR_UNKNOWN, 0, PSTATE_EL1T
    pop     x30, xzr
    ret

    pad_to  PAGE_SIZE
user_code:
code_svc:
    svc     #0x1234
    end_attempt
code_brk:
    brk     #0xbeef
    end_attempt
code_udf:
    .inst   0
    end_attempt
code_hlt:
    hlt     #1
    end_attempt
code_mrs_unallocated:
    mrs     x0, s3_0_c4_c7_7
    end_attempt
code_msr_unallocated:
    msr     s3_0_c4_c7_7, x0
    end_attempt
code_mrs_hcr:
    mrs     x0, hcr_el2
    end_attempt
code_mrs_scr:
    mrs     x0, scr_el3
    end_attempt
code_smc:
    smc     #0
    end_attempt
code_hvc:
    hvc     #0
    end_attempt
code_eret:
    eret
    end_attempt
code_mrs_ttbr0:
    mrs     x0, ttbr0_el1
    end_attempt
code_msr_vbar:
    msr     vbar_el1, x0
    end_attempt
code_tlbi:
    tlbi    vmalle1
    end_attempt
code_msr_spsel:
    msr     spsel, #1
    end_attempt
code_msr_daifset:
    msr     daifset, #15
    end_attempt
code_mrs_daif:
    mrs     x7, daif
    end_attempt
code_mrs_ctr:
    mrs     x7, ctr_el0
    end_attempt
code_dc_zva:
    dc      zva, x0
    end_attempt
code_ic_ivau:
    ic      ivau, x0
    end_attempt
code_wfi:
    wfi
    end_attempt
code_read:
    ldr     x1, [x0]
    end_attempt
code_write:
    str     x1, [x0]
    end_attempt
code_ldtr:
    ldtr    x1, [x0]
    end_attempt
code_sttr:
    sttr    x1, [x0]
    end_attempt
code_ldxr:
    ldxr    x1, [x0]
    end_attempt
code_read_pan:
    .inst   0xd500419f                  // msr pan, #1
    ldr     x1, [x0]
    end_attempt
code_write_and_read:
    str     x1, [x0]
    ldr     x0, [x0]
    end_attempt
code_mrs_nzcv:
    mrs     x0, nzcv
    end_attempt
code_mrs_pstate:
    mrs     x0, daif
    mrs     x1, currentel
    orr     x0, x0, x1
    mrs     x1, spsel
    orr     x0, x0, x1
    end_attempt
code_daif_bits:
    msr     daifclr, #3
    mrs     x0, daif
    msr     daifset, #2
    mrs     x1, daif
    msr     daifset, #15
    end_attempt
code_mov_sp:
    mov     x0, sp
    end_attempt
code_switch_sp:
    msr     spsel, #0
    mov     x0, sp
    msr     spsel, #1
    mov     x1, sp
    end_attempt
code_move_sp:
    sub     sp, sp, #32
    end_attempt
code_mrs_sp_el0:
    mrs     x0, sp_el0
    end_attempt
user_code_end:

    check_arguments_block iterations=1, vcpus=1

    .include "check_memory.inc"
