// echo: sends back what it receives, by interrupts; after a carriage return it sends a line feed
// too. Ctrl-D powers off. If arguments.ticks is not 0 the timer ticks, and nothing is said of it.
// It ignores arguments.mode and arguments.rounds.

    .include "layout.inc"               // from firmware/layout.py
    .include "board.inc"                // the board_*.inc that is built for
    .include "macros.inc"

    .text
    .include "boot.inc"
    .include "mmu.inc"
    .include "pl011.inc"
    .include "console_input.inc"
    .include "irq_frame.inc"
    .include "vectors.inc"
    .include "psci.inc"
    .include "gicv3.inc"
    .include "interrupts.inc"
    .include "timer.inc"

.set CTRL_D, 4

main:
    bl      pl011_init
    bl      gic_init
    print   "echo: Ctrl-D powers off\n"
    bl      listen_to_console
    adr     x0, arguments
    ldr     x0, [x0, #ARGUMENTS_TICKS]
    cbz     x0, 1f
    bl      timer_start
1:
    unmask_irqs
2:
    wfi
    b       2b

console_interrupt:
    push    x30, xzr
1:
    bl      read_character
    cmp     w0, #CTRL_D
    b.eq    power_off
    cmn     w0, #1
    b.eq    2f
    bl      print_character
    cmp     w0, #'\r'
    b.ne    1b
    movz    w0, #'\n'
    bl      print_character
    b       1b
2:
    pop     x30, xzr
    ret

on_tick:
    ret

    pad_to  16
interrupts:
    interrupt INTID_VIRTUAL_TIMER, PRIORITY_TIMER,   TRIGGER_LEVEL, timer_interrupt
    interrupt INTID_PL011,         PRIORITY_CONSOLE, TRIGGER_LEVEL, console_interrupt
interrupts_end:

    // 240000 counts of a 24 MHz counter: a tick every 10 milliseconds, if there are any.
    arguments_block mode=WINDOW_NONE, ticks=0, tick_period=240000, rounds=0

    .include "memory.inc"
