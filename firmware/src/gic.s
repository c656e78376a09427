// gic: GICv3 as one vCPU sees it: identification, SGIs, PPIs and SPIs from pending to inactive,
// every mask, priorities, preemption and grouping, EOImode 0 and 1, groups 0 and 1, vectors, WFI.
// arguments.iterations: interrupts that are handled in the last check.
// Source of what is expected: IHI 0069, chapters 4 and 12.

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

// SGIs of four priorities, 16 apart or more: any GICv3 tells them apart.
.set SGI_HIGH,   1
.set SGI_MIDDLE, 2
.set SGI_LOW,    3
.set SGI_FIQ,    5                      // of group 0 once check_groups runs
.set PPI,        INTID_VIRTUAL_TIMER
.set SPI_EDGE,   96                     // SPIs of no device
.set SPI_LEVEL,  97
.set SPI_UART,   33

.set PRIORITY_HIGH,   0x40
.set PRIORITY_MIDDLE, 0x80
.set PRIORITY_LOW,    0xc0
.set PRIORITY_FIQ,    0x90

    .include "gic_lifecycle.inc"
    .include "gic_masks.inc"
    .include "gic_priorities.inc"
    .include "gic_groups.inc"
    .include "gic_delivery.inc"

main:
    bl      selfcheck_begin
    bl      pages_init
    bl      el0_init
    bl      gic_init
    bl      check_identification
    bl      check_idle
    bl      check_lifecycles
    bl      check_soft_pending
    bl      check_level
    bl      check_masks
    bl      check_active
    bl      check_routing
    bl      check_order
    bl      check_preemption
    bl      check_grouping
    bl      check_eoimode
    bl      check_groups
    bl      check_vectors
    bl      check_wfi
    bl      check_nesting
    bl      check_many
    b       selfcheck_end

.set MPIDR_AFFINITY_LOW, 0xffffff
check_identification:
    push    x30, xzr
    read_word GICD_BASE+GICD_PIDR2
    ubfx    x0, x0, #4, #4
    check   "GICD_PIDR2.ArchRev: GICv3", 3
    read_word GICR_BASE+GICD_PIDR2
    ubfx    x0, x0, #4, #4
    check   "GICR_PIDR2.ArchRev: GICv3", 3
    read_word GICD_BASE
    mov     w1, #CTLR_ARE|CTLR_DS
    and     w0, w0, w1
    check   "GICD_CTLR: ARE, and DS as one security state has it", CTLR_ARE|CTLR_DS
    read_word GICD_BASE+GICD_TYPER
    and     w0, w0, #31
    cmp     w0, #3
    check_condition "GICD_TYPER.ITLinesNumber: INTID 127 at least", hs
    mov_imm x0, GICR_BASE+GICR_TYPER
    ldr     x0, [x0]
    lsr     x0, x0, #32
    mrs     x1, mpidr_el1
    and     x1, x1, #MPIDR_AFFINITY_LOW
    check_equal "GICR_TYPER: affinity is MPIDR_EL1's"
    check_register "ICC_SRE_EL1: system registers, no bypass", icc_sre_el1, 7
    read_word GICR_SGI_BASE+GIC_ICFGR
    check   "GICR_ICFGR0: SGIs are edge-triggered", 0xaaaaaaaa
    write_word GICD_BASE+GIC_ISENABLER, 0xffffffff
    read_word GICD_BASE+GIC_ISENABLER
    check   "GICD_ISENABLER0: RAZ/WI", 0
    write_word GICD_BASE+GIC_IPRIORITYR, 0xffffffff
    read_word GICD_BASE+GIC_IPRIORITYR
    check   "GICD_IPRIORITYR0: RAZ/WI", 0
    write_word GICD_BASE+GIC_IGROUPR, 0xffffffff
    read_word GICD_BASE+GIC_IGROUPR
    check   "GICD_IGROUPR0: RAZ/WI", 0
    bl      check_priority_bits
    pop     x30, xzr
    ret

// As many bits of a priority are there as ICC_CTLR_EL1.PRIbits says.
check_priority_bits:
    push    x30, xzr
    mrs     x19, icc_ctlr_el1
    ubfx    x19, x19, #8, #3
    cmp     x19, #4
    check_condition "ICC_CTLR_EL1.PRIbits: 5 at least, without EL3", hs
    movz    x20, #7
    sub     x20, x20, x19               // bits that are not there
    movz    x1, #0xff
    msr     icc_pmr_el1, x1
    isb
    mrs     x0, icc_pmr_el1
    lsr     x1, x1, x20
    lsl     x1, x1, x20
    check_equal "ICC_PMR_EL1: has PRIbits"
    set_register icc_pmr_el1, PRIORITY_MASK_ALL
    pop     x30, xzr
    ret

check_idle:
    push    x30, xzr
    check_register "idle: ICC_RPR_EL1", icc_rpr_el1, PRIORITY_IDLE
    check_register "idle: ICC_HPPIR1_EL1", icc_hppir1_el1, SPURIOUS
    check_register "idle: ICC_HPPIR0_EL1", icc_hppir0_el1, SPURIOUS
    check_register "idle: ICC_IAR1_EL1", icc_iar1_el1, SPURIOUS
    check_register "idle: ICC_IAR0_EL1", icc_iar0_el1, SPURIOUS
    check_register "idle: ISR_EL1", isr_el1, 0
    pop     x30, xzr
    ret

    pad_to  PAGE_SIZE
user_code:
code_spin:                              // until an interrupt comes, but not for ever
    movz    x0, #1000
1:
    sub     x0, x0, #1
    cbnz    x0, 1b
    end_attempt
user_code_end:

    pad_to  16
interrupts:
    interrupt SGI_HIGH,   PRIORITY_HIGH,   TRIGGER_EDGE,  interrupts
    interrupt SGI_MIDDLE, PRIORITY_MIDDLE, TRIGGER_EDGE,  interrupts
    interrupt SGI_LOW,    PRIORITY_LOW,    TRIGGER_EDGE,  interrupts
    interrupt SGI_FIQ,    PRIORITY_FIQ,    TRIGGER_EDGE,  interrupts
    interrupt PPI,        PRIORITY_MIDDLE, TRIGGER_LEVEL, interrupts
    interrupt SPI_EDGE,   PRIORITY_MIDDLE, TRIGGER_EDGE,  interrupts
    interrupt SPI_LEVEL,  PRIORITY_LOW,    TRIGGER_LEVEL, interrupts
    interrupt SPI_UART,   PRIORITY_LOW,    TRIGGER_LEVEL, interrupts
interrupts_end:

    check_arguments_block iterations=16, vcpus=1

    .include "check_memory.inc"
