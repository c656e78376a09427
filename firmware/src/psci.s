// psci: PSCI and SMCCC by HVC: versions, features, unknown functions, CPU_ON and CPU_OFF with every
// refusal, AFFINITY_INFO, CPU_SUSPEND, and the registers that a call keeps.
// arguments.iterations: how often vCPU 1 is turned on and off. arguments.vcpus: the most to use.
// Source of what is expected: Arm DEN 0022 (PSCI 1.1), 5; DEN 0028 (SMCCC 1.2).

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
    .include "gicv3.inc"
    .include "gic_checks.inc"
    .include "vcpus.inc"

.set SGI, 1

.set PSCI_CPU_SUSPEND_32,  0x84000001
.set PSCI_CPU_SUSPEND,     0xc4000001
.set PSCI_CPU_ON_32,       0x84000003
.set PSCI_AFFINITY_INFO_32, 0x84000004
.set PSCI_MIGRATE_INFO_TYPE, 0x84000006
.set PSCI_SYSTEM_RESET,    0x84000009
.set PSCI_FEATURES,        0x8400000a
.set SMCCC_VERSION,        0x80000000
.set SMCCC_ARCH_FEATURES,  0x80000001

.set NOT_SUPPORTED,        0xffffffffffffffff   // -1
.set INVALID_PARAMETERS,   0xfffffffffffffffe
.set ALREADY_ON,           0xfffffffffffffffc
.set AFFINITY_ON,          0

.set NO_AFFINITY,          0x00fe0000   // Aff2 254: no machine has it

    .include "psci_cpu_on.inc"

main:
    bl      selfcheck_begin
    bl      vcpus_find
    bl      gic_init
    bl      check_version
    bl      check_features
    bl      check_smccc
    bl      check_unknown
    bl      check_kept_registers
    bl      check_affinity_info
    bl      check_refusals
    bl      check_suspend
    vcpus   x0
    cmp     x0, #1
    b.eq    1f
    bl      check_cpu_on
    bl      check_on_and_off
    b       selfcheck_end
1:
    skip    "CPU_ON, CPU_OFF", "one vCPU"
    b       selfcheck_end

check_version:
    push    x30, xzr
    psci    PSCI_VERSION
    mov     x19, x0
    lsr     x0, x0, #16
    check   "PSCI_VERSION: major 1", 1
    mov     x0, x19
    lsr     x0, x0, #31
    check   "PSCI_VERSION: bit 31 is 0", 0
    pop     x30, xzr
    ret

// PSCI_FEATURES has the function. Clobbers what `check` does.
.macro check_feature name, function
    mov_imm x1, \function
    psci    PSCI_FEATURES
    tst     x0, x0
    check_condition "PSCI_FEATURES: \name", pl
.endm

// One that PSCI makes mandatory, and squib leaves out. A call says what PSCI_FEATURES says.
.macro check_left_out name, function
    mov_imm x1, \function
    psci    PSCI_FEATURES
    tbz     x0, #63, .Lthere\@
    skip    "PSCI_FEATURES: \name", "the board leaves it out"
    psci    \function
    check   "\name, which PSCI_FEATURES denies", NOT_SUPPORTED
.Lthere\@:
.endm

check_features:
    push    x30, xzr
    check_feature "PSCI_VERSION", PSCI_VERSION
    check_feature "CPU_OFF", PSCI_CPU_OFF
    check_feature "CPU_ON, SMC64", PSCI_CPU_ON
    check_feature "AFFINITY_INFO, SMC64", PSCI_AFFINITY_INFO
    check_feature "SYSTEM_OFF", PSCI_SYSTEM_OFF
    check_feature "SYSTEM_RESET", PSCI_SYSTEM_RESET
    check_feature "PSCI_FEATURES", PSCI_FEATURES
    check_left_out "CPU_SUSPEND, SMC32", PSCI_CPU_SUSPEND_32
    check_left_out "CPU_SUSPEND, SMC64", PSCI_CPU_SUSPEND
    check_left_out "CPU_ON, SMC32", PSCI_CPU_ON_32
    check_left_out "AFFINITY_INFO, SMC32", PSCI_AFFINITY_INFO_32
    mov_imm x1, 0x8400001f              // not assigned
    psci    PSCI_FEATURES
    check   "PSCI_FEATURES of an unknown function", NOT_SUPPORTED
    psci    PSCI_MIGRATE_INFO_TYPE
    cmp     x0, #2                      // no Trusted OS that could be migrated
    ccmn    x0, #1, #4, ne              // or the function is not there
    check_condition "MIGRATE_INFO_TYPE: nothing to migrate", eq
    pop     x30, xzr
    ret

// PSCI_FEATURES tells whether there is SMCCC_VERSION.
check_smccc:
    push    x30, xzr
    mov_imm x1, SMCCC_VERSION
    psci    PSCI_FEATURES
    tbnz    x0, #63, 1f
    psci    SMCCC_VERSION
    mov_imm x1, 0x10001
    cmp     x0, x1
    check_condition "SMCCC_VERSION: 1.1 at least", ge
    mov_imm x1, SMCCC_VERSION
    psci    SMCCC_ARCH_FEATURES
    tst     x0, x0
    check_condition "SMCCC_ARCH_FEATURES: SMCCC_VERSION", pl
    mov_imm x1, SMCCC_ARCH_FEATURES
    psci    SMCCC_ARCH_FEATURES
    tst     x0, x0
    check_condition "SMCCC_ARCH_FEATURES: itself", pl
    mov_imm x1, 0x80007ffe              // not assigned
    psci    SMCCC_ARCH_FEATURES
    check   "SMCCC_ARCH_FEATURES of an unknown function", NOT_SUPPORTED
    b       2f
1:
    skip    "SMCCC_VERSION, SMCCC_ARCH_FEATURES", "PSCI_FEATURES knows no SMCCC_VERSION"
2:
    pop     x30, xzr
    ret

// Functions that no one has, of several owners.
.macro check_unknown_function name, function
    psci    \function
    check   "unknown function, \name", NOT_SUPPORTED
.endm

check_unknown:
    push    x30, xzr
    check_unknown_function "PSCI, SMC32", 0x8400001f
    check_unknown_function "PSCI, SMC64", 0xc400001e
    check_unknown_function "Arm architecture", 0x80007ffe
    check_unknown_function "SiP", 0x8200fff0
    check_unknown_function "OEM", 0x8300fff0
    check_unknown_function "Trusted OS", 0xbf00fff0
    pop     x30, xzr
    ret

// A call keeps x4..x30 and SP. Source: DEN 0028 C, 2.6 (x4..x17 since 1.1, and in any hypervisor).
.set KEPT, 0x1234567800000000
check_kept_registers:
    push    x30, xzr
    push    x28, x29
    mov_imm x4, KEPT
    .irp n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    add     x\n, x4, #\n
    .endr
    .irp n, 28, 29, 30
    add     x\n, x4, #\n
    .endr
    mov     x1, sp
    msr     tpidr_el0, x1
    mov_imm x0, PSCI_VERSION
    hvc     #0
    mov     x0, #0                      // registers that differ
    mov_imm x1, KEPT
    .irp n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    add     x2, x1, #\n
    cmp     x2, x\n
    cinc    x0, x0, ne
    .endr
    .irp n, 28, 29, 30
    add     x2, x1, #\n
    cmp     x2, x\n
    cinc    x0, x0, ne
    .endr
    cmp     x1, x4
    cinc    x0, x0, ne
    mrs     x1, tpidr_el0
    mov     x2, sp
    cmp     x1, x2
    cinc    x0, x0, ne
    check   "HVC keeps x4 to x30 and SP", 0
    pop     x28, x29
    pop     x30, xzr
    ret

// AFFINITY_INFO of an affinity, a constant.
.macro affinity_info affinity, level
    mov_imm x1, \affinity
    mov_imm x2, \level
    psci    PSCI_AFFINITY_INFO
.endm

check_affinity_info:
    push    x30, xzr
    affinity_info 0, 0
    check   "AFFINITY_INFO of oneself", AFFINITY_ON
    affinity_info NO_AFFINITY, 0
    check   "AFFINITY_INFO of nobody", INVALID_PARAMETERS
    affinity_info 0, 4
    check   "AFFINITY_INFO at level 4", INVALID_PARAMETERS
    movz    x19, #1
    mov     x20, #0
1:
    vcpus   x21
    cmp     x19, x21
    b.hs    2f
    affinity_of x1, x19
    mov     x2, #0
    psci    PSCI_AFFINITY_INFO
    cmp     x0, #AFFINITY_OFF
    cinc    x20, x20, eq
    add     x19, x19, #1
    b       1b
2:
    mov     x0, x20
    sub     x1, x21, #1
    check_equal "AFFINITY_INFO: all others are off"
    pop     x30, xzr
    ret

check_refusals:
    push    x30, xzr
    mov     x1, #0
    adr     x2, witness
    mov     x3, #0
    psci    PSCI_CPU_ON
    check   "CPU_ON of oneself", ALREADY_ON
    mov_imm x1, NO_AFFINITY
    adr     x2, witness
    psci    PSCI_CPU_ON
    check   "CPU_ON of nobody", INVALID_PARAMETERS
    mov_imm x1, PSCI_CPU_ON_32
    psci    PSCI_FEATURES
    tbnz    x0, #63, 1f
    mov_imm x1, NO_AFFINITY
    adr     x2, witness
    psci    PSCI_CPU_ON_32
    check   "CPU_ON of nobody, SMC32", INVALID_PARAMETERS
1:
    pop     x30, xzr
    ret

// Standby: it returns when an interrupt is pending, masked or not, with x0 = SUCCESS.
.set SUSPEND_PERIOD, 2000
check_suspend:
    push    x30, xzr
    mov_imm x1, PSCI_CPU_SUSPEND
    psci    PSCI_FEATURES
    tbnz    x0, #63, 1f
    raise   SGI
    backstop
    mov     x1, #0                      // power_state: standby
    psci    PSCI_CPU_SUSPEND
    mov     x19, x0
    backstop_off
    mov     x0, x19
    check   "CPU_SUSPEND with an interrupt pending", 0
    check_acknowledge "CPU_SUSPEND with an interrupt pending: ICC_IAR1_EL1", SGI
    complete SGI
    isb
    mrs     x19, cntvct_el0
    movz    x0, #SUSPEND_PERIOD
    add     x19, x19, x0
    msr     cntv_cval_el0, x19
    set_register cntv_ctl_el0, 1
    mov     x1, #0
    psci    PSCI_CPU_SUSPEND
    mov     x20, x0
    isb
    mrs     x21, cntvct_el0
    acknowledge
    mov     x22, x0
    set_register cntv_ctl_el0, 0
    msr     icc_eoir1_el1, x22
    isb
    mov     x0, x20
    check   "CPU_SUSPEND until the timer", 0
    mov     x0, x22
    check   "CPU_SUSPEND until the timer: ICC_IAR1_EL1", INTID_VIRTUAL_TIMER
    cmp     x21, x19
    check_condition "CPU_SUSPEND until the timer: it is due", hs
1:
    pop     x30, xzr
    ret

    pad_to  16
interrupts:
    interrupt SGI,                 0x80, TRIGGER_EDGE,  interrupts
    interrupt INTID_VIRTUAL_TIMER, 0x80, TRIGGER_LEVEL, interrupts
interrupts_end:

    check_arguments_block iterations=8, vcpus=0

    .include "check_memory.inc"
