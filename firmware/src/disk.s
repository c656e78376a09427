// disk: reads sectors of a virtio-blk device two at a time, writes them changed to others, flushes
// and powers off. Completions come by interrupt, and each is counted. It says nothing unless there
// is no disk; what it saw is in `disk_results`.

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
.set VIRTIO_QUEUES,     1
    .include "virtio.inc"

.set TYPE_BLOCK,        2
.set BLK_T_IN,          0
.set BLK_T_OUT,         1
.set BLK_T_FLUSH,       4
.set BLK_S_OK,          0
.set STATUS_UNWRITTEN,  0xff
.set SECTOR_SIZE,       512

// There are two requests: three descriptors each, and the memory that they describe.
.set REQUEST_DESCRIPTORS, 3
.set REQUEST_TYPE,      0
.set REQUEST_SECTOR,    8
.set REQUEST_STATUS,    16
.set REQUEST_PENDING,   20              // 1 from its submission to its completion
.set REQUEST_DATA,      32
.set REQUEST_SIZE,      REQUEST_DATA + SECTOR_SIZE
.set REQUEST_HEADER_SIZE, 16

// x19: round, x20: rounds, x21: checksum, x22: first sector to write.
main:
    bl      pl011_init
    bl      gic_init
    movz    w0, #TYPE_BLOCK
    bl      virtio_init
    cbnz    x0, no_disk
    unmask_irqs
    adr     x0, disk_arguments
    ldr     x20, [x0, #DISKARGUMENTS_ROUNDS]
    ldr     x22, [x0, #DISKARGUMENTS_TARGET_SECTOR]
    movz    x19, #0
    movz    x21, #0
1:
    movz    w0, #BLK_T_IN
    lsl     x1, x19, #1
    bl      both_requests
    movz    x0, #0
    bl      change
    movz    x0, #1
    bl      change
    movz    w0, #BLK_T_OUT
    add     x1, x22, x19, lsl #1
    bl      both_requests
    add     x19, x19, #1
    cmp     x19, x20
    b.lo    1b

    movz    x0, #0
    movz    w1, #BLK_T_FLUSH
    movz    x2, #0
    bl      request
    bl      wait_for_requests
    adr     x0, disk_results
    str     x21, [x0, #DISKRESULTS_CHECKSUM]
    movz    x1, #1
    str     x1, [x0, #DISKRESULTS_FINISHED]
    b       power_off

no_disk:
    print   "disk: there is no virtio-blk device where it should be\n"
    b       power_off

// w0 = type, x1 = sector: that sector by request 0 and the next one by request 1; wait for both.
both_requests:
    push    x30, x0
    push    x1, xzr
    mov     x2, x1
    mov     w1, w0
    movz    x0, #0
    bl      request
    pop     x2, xzr
    ldr     w1, [sp, #8]
    add     x2, x2, #1
    movz    x0, #1
    bl      request
    bl      wait_for_requests
    pop     x30, x0
    ret

// x0 = request; returns x5 = its memory and x4 = its first descriptor. Clobbers x3.
locate:
    adr     x5, requests
    movz    x3, #REQUEST_SIZE
    madd    x5, x0, x3, x5
    adr     x4, queues + QUEUE_DESCRIPTORS
    movz    x3, #DESC_SIZE * REQUEST_DESCRIPTORS
    madd    x4, x0, x3, x4
    ret

// x0 = request, w1 = type, x2 = sector: describe it, make it available. Clobbers x0..x9.
request:
    push    x30, xzr
    bl      locate
    str     w1, [x5, #REQUEST_TYPE]
    str     wzr, [x5, #REQUEST_TYPE + 4]
    str     x2, [x5, #REQUEST_SECTOR]
    movz    w3, #STATUS_UNWRITTEN
    strb    w3, [x5, #REQUEST_STATUS]
    movz    w3, #1
    str     w3, [x5, #REQUEST_PENDING]
    movz    w3, #REQUEST_DESCRIPTORS
    mul     w0, w0, w3                  // the head

    str     x5, [x4]
    movz    w3, #REQUEST_HEADER_SIZE
    str     w3, [x4, #DESC_LENGTH]
    movz    w3, #DESC_F_NEXT
    strh    w3, [x4, #DESC_FLAGS]
    add     w6, w0, #1
    add     w7, w0, #2
    cmp     w1, #BLK_T_FLUSH            // which has no data
    csel    w6, w7, w6, eq
    strh    w6, [x4, #DESC_NEXT]

    add     x3, x5, #REQUEST_DATA
    str     x3, [x4, #DESC_SIZE]
    movz    w3, #SECTOR_SIZE
    str     w3, [x4, #DESC_SIZE + DESC_LENGTH]
    movz    w3, #DESC_F_NEXT
    movz    w6, #DESC_F_NEXT | DESC_F_WRITE
    cmp     w1, #BLK_T_IN
    csel    w3, w6, w3, eq
    strh    w3, [x4, #DESC_SIZE + DESC_FLAGS]
    strh    w7, [x4, #DESC_SIZE + DESC_NEXT]

    add     x3, x5, #REQUEST_STATUS
    str     x3, [x4, #2 * DESC_SIZE]
    movz    w3, #1
    str     w3, [x4, #2 * DESC_SIZE + DESC_LENGTH]
    movz    w3, #DESC_F_WRITE
    strh    w3, [x4, #2 * DESC_SIZE + DESC_FLAGS]

    adr     x3, disk_results
    increment x6, x3, DISKRESULTS_SUBMITTED
    movz    x1, #0
    bl      virtio_submit
    pop     x30, xzr
    ret

// Returns once no request is pending, with IRQs unmasked. IRQs are masked from the look to the
// WFI, which a pending interrupt ends all the same. Clobbers x0..x5.
wait_for_requests:
    mask_irqs
    adr     x0, requests
    ldr     w1, [x0, #REQUEST_PENDING]
    ldr     w2, [x0, #REQUEST_SIZE + REQUEST_PENDING]
    orr     w1, w1, w2
    cbz     w1, 1f
    wfi
    unmask_irqs
    isb
    b       wait_for_requests
1:
    unmask_irqs
    isb
    ret

// x0 = request: its data goes into the checksum, and the checksum so far into its data.
// Clobbers x3..x5, x8, x9.
change:
    push    x30, xzr
    bl      locate
    add     x5, x5, #REQUEST_DATA
    add     x9, x5, #SECTOR_SIZE
1:
    ldr     x8, [x5]
    ror     x21, x21, #7
    add     x21, x21, x8
    eor     x8, x8, x21
    str     x8, [x5], #8
    cmp     x5, x9
    b.lo    1b
    pop     x30, xzr
    ret

// The device's interrupt: count what it gives back. IRQs are masked.
disk_interrupt:
    push    x30, xzr
    adr     x5, disk_results
    increment x6, x5, DISKRESULTS_INTERRUPTS
    bl      virtio_acknowledge
1:
    movz    x0, #0
    bl      virtio_next_used
    cmn     w0, #1
    b.eq    2f
    bl      complete
    b       1b
2:
    pop     x30, xzr
    ret

// w0 = head of a chain that was given back. Clobbers x0, x3..x7.
complete:
    push    x30, xzr
    adr     x7, disk_results
    increment x6, x7, DISKRESULTS_COMPLETED
    movz    x6, #0
    cbz     w0, 1f
    movz    x6, #1
    cmp     w0, #REQUEST_DESCRIPTORS
    b.ne    3f
1:
    mov     x0, x6
    bl      locate
    ldr     w6, [x5, #REQUEST_PENDING]
    cbz     w6, 3f
    str     wzr, [x5, #REQUEST_PENDING]
    ldrb    w6, [x5, #REQUEST_STATUS]
    cmp     w6, #BLK_S_OK
    b.eq    2f
    increment x6, x7, DISKRESULTS_FAILED
2:
    pop     x30, xzr
    ret
3:                                      // it was not the device's to give
    increment x6, x7, DISKRESULTS_UNEXPECTED
    pop     x30, xzr
    ret

    pad_to  16
interrupts:
    interrupt INTID_VIRTIO, PRIORITY_CONSOLE, TRIGGER_EDGE, disk_interrupt
interrupts_end:

    disk_arguments_block rounds=4, target_sector=16

    pad_to  16
disk_results:
    .space  DISKRESULTS_SIZE, 0
    pad_to  16
requests:
    .space  2 * REQUEST_SIZE, 0

    .include "memory.inc"
