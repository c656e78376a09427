// heartbeat: says what it finds, ticks, tells of every new generation id, says bye.
// It ignores arguments.mode and arguments.rounds.

    .include "layout.inc"               // from firmware/layout.py
    .include "board.inc"                // the board_*.inc that is built for
    .include "macros.inc"

    .text
    .include "boot.inc"
    .include "mmu.inc"
    .include "pl011.inc"
    .include "irq_frame.inc"
    .include "vectors.inc"
    .include "psci.inc"
    .include "gicv3.inc"
    .include "interrupts.inc"
    .include "timer.inc"
    .include "vmgenid.inc"

// x0 = address of the FDT or 0, w1 = its first word.
main:
    mov     x19, x0
    mov     w20, w1
    bl      pl011_init
    print   "heartbeat\n"
    bl      report_fdt
    bl      report_psci
    bl      gic_init
    print   "vmgenid: id "
    bl      vmgenid_init
    bl      print_id
    bl      timer_start
    unmask_irqs
    bl      wait_for_last_tick
    mask_irqs
    print   "bye\n"
    unmask_irqs                         // the last chance for a new generation
    isb
    b       power_off

// x19 = address of the FDT or 0, w20 = its first word.
.set FDT_MAGIC, 0xd00dfeed              // big endian
report_fdt:
    push    x30, xzr
    cbz     x19, 1f
    print   "fdt: at "
    mov     x0, x19
    bl      print_hex64
    rev     w20, w20
    mov_imm w0, FDT_MAGIC
    cmp     w20, w0
    b.ne    2f
    print   "\n"
    b       3f
1:
    print   "fdt: none\n"
    b       3f
2:
    print   ", bad magic "
    mov     w0, w20
    bl      print_hex64
    print   "\n"
3:
    pop     x30, xzr
    ret

report_psci:
    push    x30, xzr
    bl      psci_version
    mov     x19, x0
    print   "psci: version "
    lsr     x0, x19, #16
    bl      print_decimal
    print   "."
    and     x0, x19, #0xffff
    bl      print_decimal
    print   "\n"
    pop     x30, xzr
    ret

// x0, x1 = low and high half; prints the id as one number of 32 hexadecimal digits.
print_id:
    push    x30, x0
    mov     x0, x1
    bl      print_hex64
    ldr     x0, [sp, #8]
    bl      print_hex64
    print   "\n"
    pop     x30, x0
    ret

on_tick:
    push    x30, x0
    print   "tick "
    ldr     x0, [sp, #8]
    bl      print_decimal
    print   "\n"
    pop     x30, x0
    ret

on_generation:
    push    x30, xzr
    push    x0, x1
    cbz     x2, 1f
    print   "vmgenid: new generation "
    ldp     x0, x1, [sp]
    bl      print_id
    b       2f
1:
    print   "vmgenid: unchanged\n"
2:
    pop     x0, x1
    pop     x30, xzr
    ret

    pad_to  16
interrupts:
    interrupt INTID_VIRTUAL_TIMER, PRIORITY_TIMER,   TRIGGER_LEVEL, timer_interrupt
    interrupt INTID_VMGENID,       PRIORITY_VMGENID, TRIGGER_EDGE,  vmgenid_interrupt
interrupts_end:

    // 24000 counts of a 24 MHz counter: a tick every millisecond.
    arguments_block mode=WINDOW_NONE, ticks=12, tick_period=24000, rounds=0

    .include "memory.inc"
