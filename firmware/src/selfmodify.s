// selfmodify: code that is written, run and written again, in the same mapping and through aliases,
// with IC IVAU and IC IALLU; code replaced by remapping.
// arguments.iterations: how often each piece of code is rewritten, 1 to 60000.
// Source of what is expected: DDI 0487, B2.4.4 and D7.5.

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
    .include "code.inc"

// Pages of the window: two that execute, and a writable one, each an alias of physical page 0.
.set CODE,       1
.set CODE_TOO,   2
.set DATA,       3
.set CODE_EL0,   4
.set NEXT,       5                      // behind it NEXT + 1: physical pages 1 and 2
.set SWITCHED,   7                      // physical page 1 or 2

// Instructions that are patched in.
.set CODE_NOP,         0xd503201f
.set CODE_ADD_X0_1,    0x91000400       // add x0, x0, #1
.set CODE_B_SKIP_ONE,  0x14000002       // b . + 8
.set CODE_SVC_END,     0xd4000001 | (SVC_END << 5)

main:
    bl      selfcheck_begin
    bl      pages_init
    map     CODE, 0, PAGE_CODE
    map     CODE_TOO, 0, PAGE_CODE
    map     DATA, 0, PAGE_DATA
    map     CODE_EL0, 0, PAGE_CODE_EL0
    bl      check_same_mapping
    bl      check_aliases
    bl      check_el0
    bl      check_patch
    bl      check_page_boundary
    bl      check_remapping
    bl      check_permission
    b       selfcheck_end

// arguments.iterations times: write a function that returns the count through `data`, do `publish`,
// run it at `code` and see what it returns. x19, x20 = data, code. Counts what is stale in x22.
.macro rewrite name, publish
    adr     x21, check_arguments
    ldr     x21, [x21, #CHECKARGUMENTS_ITERATIONS]
    mov     x22, #0
.Lrewrite\@:
    mov     x0, x19
    mov     x1, x21
    bl      write_function
    \publish
    blr     x20
    cmp     x0, x21
    cinc    x22, x22, ne
    sub     x21, x21, #1
    cbnz    x21, .Lrewrite\@
    mov     x0, x22
    check   "\name: stale code was run", 0
.endm

.macro by_code_address
    publish_code x19, x20
.endm

.macro by_data_address
    publish_code x19, x19
.endm

.macro by_ic_iallu
    dc      cvau, x19
    dsb     ish
    ic      iallu
    dsb     ish
    isb
.endm

.macro by_ic_ialluis
    dc      cvau, x19
    dsb     ish
    ic      ialluis
    dsb     ish
    isb
.endm

check_same_mapping:
    push    x30, xzr
    physical_page x19, 0
    mov     x20, x19
    rewrite "writable code, IC IVAU", by_code_address
    rewrite "writable code, IC IALLU", by_ic_iallu
    rewrite "writable code, IC IALLUIS", by_ic_ialluis
    physical_page x19, 3
    add     x19, x19, #0xffc            // across the end of a page
    mov     x20, x19
    rewrite "function across pages, IC IALLU", by_ic_iallu
    pop     x30, xzr
    ret

check_aliases:
    push    x30, xzr
    window_page x19, DATA
    window_page x20, CODE
    rewrite "writable alias, IC IVAU of the code", by_code_address
    rewrite "writable alias, IC IALLU", by_ic_iallu
    rewrite "writable alias, IC IALLUIS", by_ic_ialluis
    physical_page x19, 0
    window_page x20, CODE_TOO
    rewrite "identity map as alias, IC IVAU of the code", by_code_address
    mrs     x0, ctr_el0
    ubfx    x0, x0, #14, #2
    cmp     x0, #3                      // L1Ip: PIPT, so any alias will do
    b.ne    1f
    window_page x19, DATA
    window_page x20, CODE
    rewrite "writable alias, IC IVAU of the alias", by_data_address
    bl      check_two_aliases
    b       2f
1:
    skip    "writable alias, IC IVAU of the alias", "CTR_EL0.L1Ip is not PIPT"
2:
    pop     x30, xzr
    ret

// Two executable aliases: after IC IVAU of one of them both run what was written.
check_two_aliases:
    push    x30, xzr
    window_page x19, DATA
    window_page x20, CODE
    window_page x23, CODE_TOO
    adr     x21, check_arguments
    ldr     x21, [x21, #CHECKARGUMENTS_ITERATIONS]
    mov     x22, #0
1:
    mov     x0, x19
    mov     x1, x21
    bl      write_function
    publish_code x19, x20
    blr     x20
    cmp     x0, x21
    cinc    x22, x22, ne
    blr     x23
    cmp     x0, x21
    cinc    x22, x22, ne
    sub     x21, x21, #1
    cbnz    x21, 1b
    mov     x0, x22
    check   "two executable aliases: stale code was run", 0
    pop     x30, xzr
    ret

// EL1 writes, EL0 runs.
check_el0:
    push    x30, xzr
    window_page x19, DATA
    window_page x20, CODE_EL0
    adr     x21, check_arguments
    ldr     x21, [x21, #CHECKARGUMENTS_ITERATIONS]
    mov     x22, #0
1:
    mov     x0, x19
    mov     x1, x21
    bl      write_function
    mov_imm x2, CODE_SVC_END
    str     w2, [x19, #4]
    publish_code x19, x20
    mov     x0, x20
    mov_imm x1, PSTATE_EL0T
    bl      attempt
    trapped x0, TRAP_X0
    cmp     x0, x21
    cinc    x22, x22, ne
    sub     x21, x21, #1
    cbnz    x21, 1b
    mov     x0, x22
    check   "written at EL1, run at EL0: stale code was run", 0
    pop     x30, xzr
    ret

// One instruction in the middle of a loop that has run before, and runs while it is patched.
check_patch:
    push    x30, xzr
    mov     x0, #0
    bl      patched_loop
    check   "loop before it is patched", 0
    mov_imm x1, CODE_ADD_X0_1
    bl      patch
    mov     x0, #0
    bl      patched_loop
    check   "loop, NOP patched to ADD", 16
    mov_imm x1, CODE_B_SKIP_ONE
    bl      patch
    mov     x0, #0
    bl      patched_loop
    check   "loop, ADD patched to a branch", 0
    mov_imm x1, CODE_ADD_X0_1
    bl      patch
    mov     x0, #0
    bl      loop_that_patches_itself
    check   "loop that patches itself when half done", 8
    pop     x30, xzr
    ret

// Put the instruction w1 at `patched`. Clobbers x2.
patch:
    adr     x2, patched
    str     w1, [x2]
    publish_code x2, x2
    ret

// x0 += 16 if `patched` is an ADD. Clobbers x3.
patched_loop:
    movz    x3, #16
1:
patched:
    nop
    nop
    sub     x3, x3, #1
    cbnz    x3, 1b
    ret

// As patched_loop, but after 8 rounds the ADD becomes a NOP. Clobbers x1..x4.
loop_that_patches_itself:
    movz    x3, #16
    mov_imm x1, CODE_NOP
    mov_imm x2, CODE_ADD_X0_1
    adr     x4, patched_too
    str     w2, [x4]
    publish_code x4, x4
1:
patched_too:
    nop
    sub     x3, x3, #1
    cmp     x3, #8
    b.ne    2f
    str     w1, [x4]
    publish_code x4, x4
2:
    cbnz    x3, 1b
    ret

// A function whose second half is in the next page: only that is rewritten.
check_page_boundary:
    push    x30, xzr
    map     NEXT, 1, PAGE_CODE
    map     NEXT+1, 2, PAGE_CODE
    physical_page x19, 1
    add     x19, x19, #0xffc
    window_page x20, NEXT
    add     x20, x20, #0xffc
    mov_imm x1, CODE_ADD_X0_1
    str     w1, [x19]
    str     w1, [x19, #4]
    mov_imm x1, CODE_RET
    str     w1, [x19, #8]
    add     x21, x19, #4
    add     x22, x20, #4
    publish_code x19, x20
    publish_code x21, x22
    mov     x0, #0
    blr     x20
    check   "function across pages: as written", 2
    mov_imm x1, CODE_NOP
    str     w1, [x21]
    publish_code x21, x22
    mov     x0, #0
    blr     x20
    check   "function across pages: second page rewritten", 1
    pop     x30, xzr
    ret

// The same address runs what is mapped there. Only TLB maintenance is needed.
check_remapping:
    push    x30, xzr
    physical_page x0, 1
    movz    x1, #11
    bl      write_function
    physical_page x19, 1
    publish_code x19, x19
    physical_page x0, 2
    movz    x1, #22
    bl      write_function
    physical_page x19, 2
    publish_code x19, x19
    window_page x20, SWITCHED
    map     SWITCHED, 1, PAGE_CODE
    blr     x20
    check   "remapped code: first page", 11
    map     SWITCHED, 2, PAGE_CODE
    blr     x20
    check   "remapped code: second page", 22
    map     SWITCHED, 1, PAGE_CODE
    blr     x20
    check   "remapped code: first page again", 11
    pop     x30, xzr
    ret

// A page is data while it is written, and code afterwards: no alias at all.
check_permission:
    push    x30, xzr
    window_page x20, SWITCHED
    map     SWITCHED, 1, PAGE_DATA
    mov     x0, x20
    movz    x1, #33
    bl      write_function
    dc      cvau, x20
    dsb     ish
    map     SWITCHED, 1, PAGE_CODE
    ic      ivau, x20
    dsb     ish
    isb
    blr     x20
    check   "data made code: what was written", 33
    map     SWITCHED, 1, PAGE_DATA
    mov     x0, x20
    mov_imm x1, PSTATE_EL1H
    bl      attempt
    trapped x0, TRAP_ESR
    check   "code made data: no longer run", ESR_FETCH_EL1|FAULT_PERMISSION|3
    pop     x30, xzr
    ret

    check_arguments_block iterations=20, vcpus=1

    .include "check_memory.inc"
