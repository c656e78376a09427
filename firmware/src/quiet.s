// quiet: works, opens a window in which VMGenID is masked in one of five ways, works on, waits
// for its last tick and powers off. It says nothing; what it saw is in `results`.

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
    .include "work.inc"
    .include "window.inc"

main:
    bl      pl011_init                  // for unexpected exceptions
    bl      work_init
    bl      gic_init
    bl      vmgenid_init
    bl      timer_start
    unmask_irqs
    bl      work_rounds
    bl      run_window
    bl      work_rounds
    bl      wait_for_last_tick
    b       power_off

// Clobbers what `work` does.
work_rounds:
    adr     x0, arguments
    ldr     x0, [x0, #ARGUMENTS_ROUNDS]
    b       work

on_tick:
on_generation:
    ret

    pad_to  16
interrupts:
    interrupt INTID_WINDOW,        PRIORITY_WINDOW,  TRIGGER_EDGE,  window_interrupt
    interrupt INTID_VIRTUAL_TIMER, PRIORITY_TIMER,   TRIGGER_LEVEL, timer_interrupt
    interrupt INTID_VMGENID,       PRIORITY_VMGENID, TRIGGER_EDGE,  vmgenid_interrupt
interrupts_end:

    arguments_block mode=WINDOW_NONE, ticks=10, tick_period=100, rounds=8

    pad_to  16
buffer:
    .space  BUFFER_SIZE, 0

    .include "memory.inc"
