// atomics: all vCPUs contend for counters and locks, by exclusives and, where the ID registers have
// them, by LSE's atomic instructions. Totals are exact, or an update was lost.
// arguments.iterations: updates by each vCPU in each contest. arguments.vcpus: the most to use.
// Source of what is expected: DDI 0487, B2.17 and C3.2.12.

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
    .include "vcpus.inc"

// x1 = what all vCPUs together should have counted, times `factor`.
.macro expect_total factor
    vcpus   x1
    iterations x2
    mul     x1, x1, x2
    movz    x2, #\factor
    mul     x1, x1, x2
.endm

.macro check_total name, word, factor
    adr     x0, \word
    ldr     x0, [x0]
    expect_total \factor
    check_equal "\name"
.endm

    .include "exclusives.inc"
    .include "lse.inc"

main:
    bl      selfcheck_begin
    bl      vcpus_find
    bl      check_exclusives
    bl      check_lse
    start_vcpus contend
    mov     x0, #0
    bl      contend
    check_vcpus_off
    check_nobody_gave_up "contests"
    bl      check_exclusive_totals
    bl      check_lse_totals
    b       selfcheck_end

// What each vCPU does, x0 = its index: one contest after the other, all vCPUs at the same time.
contend:
    push    x30, x19
    bl      contend_by_exclusives
    bl      have_lse
    cbz     x0, 1f
    bl      contend_by_lse
1:
    bl      barrier
    pop     x30, x19
    ret

    pad_to  16
words:                                  // what is fought for
    .irp word, plain, word32, word16, word8, lock, guarded_low, guarded_high, spare
counter_\word:
    .quad   0
    .endr
counter_pair:
    .quad   0, 0
    .irp word, ldadd, stadd, cas, swp_lock, swp_guarded, set, maximum, ticket
lse_\word:
    .quad   0
    .endr
lse_serving:
    .quad   0
lse_ticket_guarded:
    .quad   0
lse_pair:
    .quad   0, 0

    check_arguments_block iterations=100, vcpus=0

    .include "check_memory.inc"
