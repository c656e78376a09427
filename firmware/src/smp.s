// smp: all vCPUs that the machine has, started by CPU_ON: each is the one that it should be; SGIs
// to one, to some, to all others, around in a ring; SPIs routed to each.
// arguments.iterations: rounds of the ring. arguments.vcpus: the most to use, and a check that
// there are as many.
// Source of what is expected: DEN 0022, 5.6; IHI 0069, 12.2.

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
    .include "gic_vcpus.inc"

// SGIs, and what a vCPU does on each.
.set SGI_PING,   1                      // answers with SGI_PONG to vCPU 0
.set SGI_PONG,   2
.set SGI_RING,   3                      // counts, and passes it on
.set SGI_ALL,    4                      // counts
.set SGI_SOME,   5                      // counts
.set SGI_STOP,   6                      // turns itself off
.set SPI,        96                     // counts

// Words of a slot: how often this vCPU had each INTID, and what it is.
.set SLOT_COUNTS, SLOT_WORDS            // by SGI
.set SLOT_SPI,    SLOT_WORDS + (8 * 16)
.set SLOT_MPIDR,  SLOT_WORDS + (8 * 17)
.set SLOT_ODD,    SLOT_WORDS + (8 * 18) // INTIDs that nobody sent
.set SLOT_READY,  SLOT_WORDS + (8 * 19)

    .include "smp_service.inc"

main:
    bl      selfcheck_begin
    bl      vcpus_find
    bl      gic_init
    adr     x0, check_arguments
    ldr     x1, [x0, #CHECKARGUMENTS_VCPUS]
    cbz     x1, 1f
    vcpus   x0
    check_equal "as many redistributors as vCPUs asked for"
1:
    start_vcpus serve
    bl      introduce
    bl      wait_for_others
    bl      check_identities
    bl      check_ping
    bl      check_ring
    bl      check_all_others
    bl      check_target_list
    bl      check_spis
    bl      check_end
    b       selfcheck_end

wait_for_others:
    push    x30, x19
    movz    x19, #1
1:
    vcpus   x1
    cmp     x19, x1
    b.hs    2f
    slot_of x0, x19
    add     x0, x0, #SLOT_READY
    movz    x1, #1
    bl      wait_for_word
    add     x19, x19, #1
    b       1b
2:
    movz    x0, #SLOT_READY
    bl      sum_of_slots
    vcpus   x1
    check_equal "each vCPU is ready"
    pop     x30, x19
    ret

// Each vCPU has the affinity by which it was turned on, which no other has.
check_identities:
    push    x30, xzr
    mov     x19, #0
    mov     x20, #0                     // not its own
    mov     x21, #0                     // had by an earlier one
    vcpus   x22
    mov_imm x23, 0xff00ffffff
1:
    slot_of x1, x19
    ldr     x0, [x1, #SLOT_MPIDR]
    and     x0, x0, x23
    affinity_of x1, x19
    cmp     x0, x1
    cinc    x20, x20, ne
    mov     x2, #0
2:
    cmp     x2, x19
    b.hs    3f
    affinity_of x3, x2
    cmp     x3, x1
    cinc    x21, x21, eq
    add     x2, x2, #1
    b       2b
3:
    add     x19, x19, #1
    cmp     x19, x22
    b.lo    1b
    mov     x0, x20
    check   "MPIDR_EL1: not the one that was turned on", 0
    mov     x0, x21
    check   "MPIDR_EL1: had by two", 0
    pop     x30, xzr
    ret

// An SGI to each, oneself too, which answers.
check_ping:
    push    x30, xzr
    mov     x19, #0
    mov     x20, #0                     // answers
1:
    movz    x0, #SGI_PING
    mov     x1, x19
    bl      send_sgi
    cbnz    x19, 2f
    bl      await_interrupt             // vCPU 0 answers itself
2:
    bl      await_interrupt
    cmp     x0, #SGI_PONG
    cinc    x20, x20, eq
    add     x19, x19, #1
    vcpus   x1
    cmp     x19, x1
    b.lo    1b
    mov     x0, x20
    vcpus   x1
    check_equal "SGI to each vCPU: answers"
    movz    x0, #SLOT_COUNTS+8*SGI_PING
    bl      sum_of_slots
    vcpus   x1
    check_equal "SGI to each vCPU: taken by all together"
    pop     x30, xzr
    ret

// Around, arguments.iterations times: 0, 1, … and back to 0.
check_ring:
    push    x30, xzr
    iterations x19
    mov     x20, x19
1:
    movz    x1, #1
    bl      send_ring
    bl      await_interrupt
    cmp     x0, #SGI_RING
    b.ne    2f
    sub     x20, x20, #1
    cbnz    x20, 1b
2:
    movz    x0, #SLOT_COUNTS+8*SGI_RING
    bl      sum_of_slots
    vcpus   x1
    mul     x1, x1, x19
    check_equal "SGI around in a ring: taken"
    mov     x0, x20
    check   "SGI around in a ring: rounds that did not end", 0
    pop     x30, xzr
    ret

// ICC_SGI1R_EL1.IRM: all but oneself.
.set SGI_TO_ALL_OTHERS, (1 << 40) | (SGI_ALL << 24)
check_all_others:
    push    x30, xzr
    set_register icc_sgi1r_el1, SGI_TO_ALL_OTHERS
    movz    x0, #SLOT_COUNTS+8*SGI_ALL
    vcpus   x1
    sub     x1, x1, #1
    bl      wait_for_sum
    check_equal "SGI to all others: taken by all together"
    private_bit GIC_ISPENDR, SGI_ALL
    check   "SGI to all others: pending here", 0
    check_acknowledge "SGI to all others: ICC_IAR1_EL1 here", SPURIOUS
    pop     x30, xzr
    ret

// Wait until the words at offset x0 in all slots add up to x1. Returns x0 = the sum, x1 as it was.
.set SUM_LIMIT, 1 << 18
wait_for_sum:
    push    x30, x19
    push    x20, x21
    mov     x19, x0
    mov     x20, x1
    movz    x21, #SUM_LIMIT >> 16, lsl #16
1:
    mov     x0, x19
    bl      sum_of_slots
    cmp     x0, x20
    b.hs    2f
    adr     x6, gave_up
    ldr     x4, [x6]
    cbnz    x4, 2f
    yield
    sub     x21, x21, #1
    cbnz    x21, 1b
    exclusive_increment x3, x6, w4, x5
2:
    mov     x1, x20
    pop     x20, x21
    pop     x30, x19
    ret

// One write to every second vCPU of the first cluster. Then a ping each: whoever should not have
// had it has had time to.
.set SGI_TO_SOME, (SGI_SOME << 24) | 0xaaaa
check_target_list:
    push    x30, xzr
    set_register icc_sgi1r_el1, SGI_TO_SOME
    mov     x19, #0                     // vCPUs in the list
    mov     x20, #0                     // those with a count that is not as the list has it
    mov     x21, #0
1:
    affinity_of x1, x21
    and     x2, x1, #1
    lsr     x3, x1, #8
    cmp     x3, #0
    csel    x22, x2, xzr, eq            // in the list
    add     x19, x19, x22
    add     x21, x21, #1
    vcpus   x1
    cmp     x21, x1
    b.lo    1b
    movz    x0, #SLOT_COUNTS+8*SGI_SOME
    mov     x1, x19
    bl      wait_for_sum
    check_equal "SGI to a target list: taken by all together"
    mov     x21, #0
2:
    affinity_of x1, x21
    and     x2, x1, #1
    lsr     x3, x1, #8
    cmp     x3, #0
    csel    x22, x2, xzr, eq
    slot_of x1, x21
    ldr     x2, [x1, #SLOT_COUNTS+8*SGI_SOME]
    cmp     x2, x22
    cinc    x20, x20, ne
    add     x21, x21, #1
    vcpus   x1
    cmp     x21, x1
    b.lo    2b
    mov     x0, x20
    check   "SGI to a target list: not as the list has it", 0
    pop     x30, xzr
    ret

// An SPI to each vCPU, by GICD_IROUTER.
check_spis:
    push    x30, xzr
    mov     x19, #0
    mov     x20, #0                     // not taken by whom it was routed to
1:
    mov_imm x0, GICD_BASE+GICD_IROUTER+8*SPI
    affinity_of x1, x19
    str     x1, [x0]
    dsb     sy
    spi_write GIC_ISPENDR, SPI
    cbnz    x19, 2f
    bl      await_interrupt
    b       3f
2:
    slot_of x0, x19
    add     x0, x0, #SLOT_SPI
    movz    x1, #1
    bl      wait_for_word
3:
    slot_of x0, x19
    ldr     x0, [x0, #SLOT_SPI]
    cmp     x0, #1
    cinc    x20, x20, ne
    add     x19, x19, #1
    vcpus   x1
    cmp     x19, x1
    b.lo    1b
    mov     x0, x20
    check   "SPI to each vCPU: not taken there", 0
    movz    x0, #SLOT_SPI
    bl      sum_of_slots
    vcpus   x1
    check_equal "SPI to each vCPU: taken by all together"
    pop     x30, xzr
    ret

check_end:
    push    x30, xzr
    movz    x0, #SLOT_ODD
    bl      sum_of_slots
    check   "interrupts that nobody sent", 0
    movz    x19, #1
1:
    vcpus   x1
    cmp     x19, x1
    b.hs    2f
    movz    x0, #SGI_STOP
    mov     x1, x19
    bl      send_sgi
    add     x19, x19, #1
    b       1b
2:
    check_vcpus_off
    check_nobody_gave_up "SGIs and SPIs"
    pop     x30, xzr
    ret

    pad_to  16
interrupts:
    interrupt SGI_PING, 0x80, TRIGGER_EDGE, interrupts
    interrupt SGI_PONG, 0x80, TRIGGER_EDGE, interrupts
    interrupt SGI_RING, 0x80, TRIGGER_EDGE, interrupts
    interrupt SGI_ALL,  0x80, TRIGGER_EDGE, interrupts
    interrupt SGI_SOME, 0x80, TRIGGER_EDGE, interrupts
    interrupt SGI_STOP, 0x80, TRIGGER_EDGE, interrupts
    interrupt SPI,      0x80, TRIGGER_EDGE, interrupts
interrupts_end:

    check_arguments_block iterations=8, vcpus=0

    .include "check_memory.inc"
