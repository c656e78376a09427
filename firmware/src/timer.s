// timer: the generic timer's virtual and physical timer: counters, CVAL, TVAL, CTL, their
// interrupts, WFI up to a deadline, and what EL0 may access.
// arguments.iterations: deadlines that are waited for, one after the other, with each timer.
// Source of what is expected: DDI 0487, D11.2 and D24.10.

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
    .include "gicv3.inc"
    .include "gic_checks.inc"
    .include "timer_checks.inc"
    .include "timer_el0.inc"

main:
    bl      selfcheck_begin
    bl      pages_init
    bl      el0_init
    bl      gic_init
    mrs     x0, cntfrq_el0
    cmp     x0, #0
    check_condition "CNTFRQ_EL0 is set", ne
    bl      check_virtual
    bl      check_physical
    bl      check_both
    bl      check_el0_access
    b       selfcheck_end

check_virtual:
    push    x30, xzr
    check_timer "virtual timer", cntvct_el0, cntv, INTID_VIRTUAL_TIMER
    check_deadlines "virtual timer", cntvct_el0, cntv, cntp
    pop     x30, xzr
    ret

check_physical:
    push    x30, xzr
    check_timer "physical timer", cntpct_el0, cntp, INTID_PHYSICAL_TIMER
    check_deadlines "physical timer", cntpct_el0, cntp, cntv
    pop     x30, xzr
    ret

// Both at once: the earlier deadline's interrupt comes first, and leaves the other alone.
check_both:
    push    x30, xzr
    movz    x0, #2000
    msr     cntv_tval_el0, x0
    movz    x0, #500
    msr     cntp_tval_el0, x0
    set_register cntv_ctl_el0, TIMER_ENABLE
    set_register cntp_ctl_el0, TIMER_ENABLE
    wfi
    acknowledge
    mov     x19, x0
    set_register cntp_ctl_el0, 0
    msr     icc_eoir1_el1, x19
    isb
    mrs     x20, cntv_ctl_el0
    wfi
    acknowledge
    mov     x21, x0
    set_register cntv_ctl_el0, 0
    msr     icc_eoir1_el1, x21
    isb
    mov     x0, x19
    check   "both timers: the physical one first", INTID_PHYSICAL_TIMER
    mov     x0, x20
    check   "both timers: the virtual one goes on", TIMER_ENABLE
    mov     x0, x21
    check   "both timers: the virtual one second", INTID_VIRTUAL_TIMER
    check_acknowledge "both timers: nothing is left", SPURIOUS
    pop     x30, xzr
    ret

    pad_to  16
interrupts:
    interrupt INTID_VIRTUAL_TIMER,  0x80, TRIGGER_LEVEL, interrupts
    interrupt INTID_PHYSICAL_TIMER, 0xa0, TRIGGER_LEVEL, interrupts
interrupts_end:

    check_arguments_block iterations=4, vcpus=1

    .include "check_memory.inc"
