// fpsimd: floating point and SIMD: rounding modes, exception flags, flushing, NaNs, conversions;
// vector and, where the ID registers have them, half-precision, cryptographic and CRC instructions
// and pointer authentication; the vector registers of all vCPUs, with and without interrupts.
// arguments.iterations: rounds of vector work. arguments.vcpus: the most to use.
// Source of what is expected: DDI 0487, A1.5 and C7; IEEE 754-2008; FIPS 180-4 and 197.

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
    .include "fp_checks.inc"
    .include "simd_checks.inc"
    .include "pauth_checks.inc"
    .include "vector_state.inc"

main:
    bl      selfcheck_begin
    bl      vcpus_find
    bl      gic_init
    bl      check_rounding
    bl      check_exception_flags
    bl      check_flushing
    bl      check_nans
    bl      check_conversions
    bl      check_half
    bl      check_vectors
    bl      check_crypto
    bl      check_crc
    bl      check_pauth
    bl      check_vector_state
    b       selfcheck_end

    pad_to  16
interrupts:
    interrupt INTID_VIRTUAL_TIMER, 0x80, TRIGGER_LEVEL, interrupts
interrupts_end:

    check_arguments_block iterations=100, vcpus=0

    .include "check_memory.inc"
