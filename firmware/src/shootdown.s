// shootdown: what one vCPU changes, the others must see: mappings after each TLBI …IS, code after
// IC IVAU and IC IALLUIS.
// arguments.iterations: changes by each kind of instruction; the vCPUs take turns in making them.
// arguments.vcpus: the most to use.
// Source of what is expected: DDI 0487, D8.17 (TLB maintenance) and B2.4.4 (code).

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
    .include "code.inc"

// Page of the window that is remapped, and that of code.
.set SHOWN, 1
.set CODE,  2
.set CODE_PAGE, 8                       // physical; pages 0..3 have a stamp each
.set STAMP, 0x5157a30000000000

// Words of a slot: what this vCPU saw and should not have.
.set SLOT_LOOKS, SLOT_WORDS             // in all
.set SLOT_WRONG, SLOT_WORDS + 8         // the first word of these; there is one for each kind

// The kinds, in the order in which they are tried.
    .set kinds, 0
.macro kind name
    .set KIND_\name, kinds
    .set kinds, kinds + 1
.endm
    kind    VAAE1IS
    kind    VAE1IS
    kind    VALE1IS
    kind    VAALE1IS
    kind    ASIDE1IS
    kind    VMALLE1IS
    kind    UNMAPPED
    kind    READ_ONLY
    kind    IC_IVAU
    kind    IC_IALLUIS

main:
    bl      selfcheck_begin
    bl      pages_init
    bl      vcpus_find
    bl      stamp_pages
    map     CODE, CODE_PAGE, PAGE_CODE
    start_vcpus take_turns
    bl      take_turns
    check_vcpus_off
    bl      check_kinds
    check_nobody_gave_up "changes"
    b       selfcheck_end

stamp_pages:
    mov     x0, #0
    mov_imm x1, STAMP
    mov_imm x2, PAGES
1:
    add     x3, x1, x0
    str     x3, [x2]
    add     x2, x2, #1, lsl #12
    add     x0, x0, #1
    cmp     x0, #4
    b.lo    1b
    ret

// Once for each turn, by all vCPUs: x19 counts down, `change` is done by the vCPU whose turn it is,
// then each does `look`, which leaves in x0 whether it was wrong.
.macro turns kind, change, look
    iterations x19
.Lturn\@:
    bl      is_my_turn
    cbz     x0, .Lothers\@
    \change
.Lothers\@:
    bl      barrier
    isb
    \look
    movz    x1, #SLOT_WRONG + 8 * KIND_\kind
    bl      note
    bl      barrier
    sub     x19, x19, #1
    cbnz    x19, .Lturn\@
.endm

// x19 = turns left. Returns x0 = 1 if it is this vCPU's.
is_my_turn:
    vcpus   x1
    udiv    x2, x19, x1
    msub    x2, x2, x1, x19
    my_index x1
    cmp     x2, x1
    cset    x0, eq
    ret

// x0 = 1 if what was seen is wrong, x1 = its word. Clobbers x2, x3.
note:
    mrs     x2, tpidr_el1
    ldr     x3, [x2, x1]
    add     x3, x3, x0
    str     x3, [x2, x1]
    increment x3, x2, SLOT_LOOKS
    ret

// Show the page whose number is the turn's, modulo 4, with `operation` in between. `operand` is
// an address, an ASID or nothing.
.macro show operation, operand=address
    bl      shown_descriptor
    str     xzr, [x2]
    dc      cvac, x2
    dsb     ish
    tlbi_\operand \operation
    dsb     ish
    str     x1, [x2]
    dc      cvac, x2
    dsb     ish
    isb
.endm

.macro tlbi_address operation
    mov_imm x3, (WINDOW + (SHOWN * PAGE_SIZE)) >> 12
    tlbi    \operation, x3
.endm

.macro tlbi_asid operation
    mov     x3, #0
    tlbi    \operation, x3
.endm

.macro tlbi_all operation
    tlbi    \operation
.endm

// x1 = descriptor of the turn, not global; x2 = where it goes. Clobbers x3.
.set DESC_NOT_GLOBAL, 1 << 11
.set SHOWN_DATA, PAGES | PAGE_DATA | DESC_NOT_GLOBAL
shown_descriptor:
    mov_imm x2, LEVEL3_TABLE + (8 * SHOWN)
    and     x1, x19, #3
    mov_imm x3, SHOWN_DATA
    add     x1, x3, x1, lsl #12
    ret

// x0 = 0 if the page shown is that of the turn.
.macro see_stamp
    bl      stamp_is_wrong
.endm

stamp_is_wrong:
    window_page x0, SHOWN
    ldr     x0, [x0]
    and     x1, x19, #3
    mov_imm x2, STAMP
    add     x1, x1, x2
    cmp     x0, x1
    cset    x0, ne
    ret

// The page is there in every second turn.
.macro show_or_hide
    bl      shown_descriptor
    tst     x19, #1
    csel    x1, x1, xzr, ne
    movz    x0, #SHOWN
    bl      map_page
.endm

.macro see_whether_hidden
    adr     x0, code_read
    bl      access_shown
    mov_imm x1, ESR_DATA_EL1|FAULT_TRANSLATION|3
    bl      is_trap_wrong
.endm

// The page is writable in every second turn.
.macro show_or_protect
    bl      shown_descriptor
    tst     x19, #1
    orr     x3, x1, #DESC_READ_ONLY
    csel    x1, x1, x3, ne
    movz    x0, #SHOWN
    bl      map_page
.endm

.macro see_whether_protected
    adr     x0, code_write
    bl      access_shown
    mov_imm x1, ESR_WRITE_EL1|FAULT_PERMISSION|3
    bl      is_trap_wrong
.endm

// Run the code at x0, which accesses the page shown: its word at 8, so that stamps stay.
access_shown:
    push    x30, xzr
    window_page x2, SHOWN
    mov_imm x1, PSTATE_EL1H
    bl      attempt
    pop     x30, xzr
    ret

// x1 = syndrome expected in even turns; in odd ones nothing is trapped. Returns x0. Clobbers x2.
is_trap_wrong:
    mov_imm x2, ESR_END
    tst     x19, #1
    csel    x1, x1, x2, eq
    trapped x0, TRAP_ESR
    cmp     x0, x1
    cset    x0, ne
    ret

code_read:
    ldr     x1, [x0, #8]
    end_attempt
code_write:
    str     x1, [x0, #8]
    end_attempt

// A function that returns the turn.
.macro write_code
    physical_page x0, CODE_PAGE
    mov     x1, x19
    bl      write_function
    window_page x1, CODE
    publish_code x0, x1
.endm

.macro write_code_for_all
    physical_page x0, CODE_PAGE
    mov     x1, x19
    bl      write_function
    dc      cvau, x0
    dsb     ish
    ic      ialluis
    dsb     ish
    isb
.endm

.macro run_code
    window_page x0, CODE
    blr     x0
    cmp     x0, x19
    cset    x0, ne
.endm

take_turns:
    push    x30, x19
    turns   VAAE1IS, "show vaae1is", see_stamp
    turns   VAE1IS, "show vae1is", see_stamp
    turns   VALE1IS, "show vale1is", see_stamp
    turns   VAALE1IS, "show vaale1is", see_stamp
    turns   ASIDE1IS, "show aside1is, asid", see_stamp
    turns   VMALLE1IS, "show vmalle1is, all", see_stamp
    turns   UNMAPPED, show_or_hide, see_whether_hidden
    turns   READ_ONLY, show_or_protect, see_whether_protected
    turns   IC_IVAU, write_code, run_code
    turns   IC_IALLUIS, write_code_for_all, run_code
    pop     x30, x19
    ret

.macro check_kind name, kind
    movz    x0, #SLOT_WRONG + 8 * KIND_\kind
    bl      sum_of_slots
    check   "\name: stale looks", 0
.endm

check_kinds:
    push    x30, xzr
    check_kind "remapped, TLBI VAAE1IS", VAAE1IS
    check_kind "remapped, TLBI VAE1IS", VAE1IS
    check_kind "remapped, TLBI VALE1IS", VALE1IS
    check_kind "remapped, TLBI VAALE1IS", VAALE1IS
    check_kind "remapped, TLBI ASIDE1IS", ASIDE1IS
    check_kind "remapped, TLBI VMALLE1IS", VMALLE1IS
    check_kind "mapped or not", UNMAPPED
    check_kind "writable or not", READ_ONLY
    check_kind "code rewritten, IC IVAU", IC_IVAU
    check_kind "code rewritten, IC IALLUIS", IC_IALLUIS
    movz    x0, #SLOT_LOOKS
    bl      sum_of_slots
    iterations x1
    vcpus   x2
    mul     x1, x1, x2
    movz    x2, #kinds
    mul     x1, x1, x2
    check_equal "looks in all"
    pop     x30, xzr
    ret

    check_arguments_block iterations=8, vcpus=0

    .include "check_memory.inc"
