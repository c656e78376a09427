// frames: sends UDP datagrams to an echo, two at a time, by a virtio-net device, waits for both
// echoes, and powers off. Frames come by interrupt, and each is compared with the one that is due.
// It says nothing unless there is no device; what it saw is in `frame_results`.

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
.set VIRTIO_QUEUES,     2
    .include "virtio.inc"

.set TYPE_NET,          1
.set RX_QUEUE,          0
.set TX_QUEUE,          1

// Frames are sent from two buffers and received into four, each with one descriptor. Virtio 1.2,
// 5.1.6.3.1 says how large those are without MRG_RXBUF.
.set TX_BUFFERS,        2
.set TX_BUFFER_SIZE,    64
.set RX_BUFFERS,        4
.set RX_BUFFER_SIZE,    1536
.set PAYLOAD,           54              // behind the headers of virtio, Ethernet, IPv4 and UDP
.set FRAME_SIZE,        PAYLOAD + 8     // with virtio's header

// x19: number of the next frame to send, x20: frames in all.
main:
    bl      pl011_init
    bl      gic_init
    movz    w0, #TYPE_NET
    bl      virtio_init
    cbnz    x0, no_device
    bl      describe_buffers
    unmask_irqs
    adr     x0, frame_arguments
    ldr     x20, [x0, #FRAMEARGUMENTS_ROUNDS]
    lsl     x20, x20, #1
    movz    x19, #0
1:
    bl      send
    bl      send
    bl      wait_for_frames
    cmp     x19, x20
    b.lo    1b

    adr     x0, frame_results
    movz    x1, #1
    str     x1, [x0, #FRAMERESULTS_FINISHED]
    b       power_off

no_device:
    print   "frames: there is no virtio-net device where it should be\n"
    b       power_off

// Write all descriptors, and make those for received frames available. Clobbers x0..x8.
describe_buffers:
    push    x30, xzr
    adr     x5, queues + TX_QUEUE * QUEUE_AREA_SIZE + QUEUE_DESCRIPTORS
    adr     x6, tx_buffers
    movz    w7, #TX_BUFFERS
1:
    str     x6, [x5]
    movz    w8, #FRAME_SIZE
    str     w8, [x5, #DESC_LENGTH]
    add     x5, x5, #DESC_SIZE
    add     x6, x6, #TX_BUFFER_SIZE
    sub     w7, w7, #1
    cbnz    w7, 1b

    adr     x5, queues + RX_QUEUE * QUEUE_AREA_SIZE + QUEUE_DESCRIPTORS
    adr     x6, rx_buffers
    movz    w7, #0
2:
    str     x6, [x5]
    movz    w8, #RX_BUFFER_SIZE
    str     w8, [x5, #DESC_LENGTH]
    movz    w8, #DESC_F_WRITE
    strh    w8, [x5, #DESC_FLAGS]
    mov     w0, w7
    movz    x1, #RX_QUEUE
    bl      virtio_submit
    add     x5, x5, #DESC_SIZE
    add     x6, x6, #RX_BUFFER_SIZE
    add     w7, w7, #1
    cmp     w7, #RX_BUFFERS
    b.lo    2b
    pop     x30, xzr
    ret

// Send frame x19, from the buffer whose turn it is; x19 is the next one. Clobbers x0..x6.
send:
    push    x30, xzr
    and     x0, x19, #TX_BUFFERS - 1
    movz    x3, #TX_BUFFER_SIZE
    adr     x5, tx_buffers
    madd    x5, x0, x3, x5
    str     x19, [x5, #PAYLOAD]
    adr     x5, frame_results
    mask_irqs                           // the handler makes buffers available too
    increment x6, x5, FRAMERESULTS_SENT
    movz    x1, #TX_QUEUE
    bl      virtio_submit
    unmask_irqs
    add     x19, x19, #1
    pop     x30, xzr
    ret

// Returns once all frames that were sent are given back, and all echoes received, with IRQs
// unmasked. IRQs are masked from the look to the WFI, which a pending interrupt ends all the same.
// Clobbers x0..x3.
wait_for_frames:
    mask_irqs
    adr     x0, frame_results
    ldr     x1, [x0, #FRAMERESULTS_SENT]
    ldr     x2, [x0, #FRAMERESULTS_RETURNED]
    ldr     x3, [x0, #FRAMERESULTS_RECEIVED]
    cmp     x1, x2
    ccmp    x1, x3, #0, eq
    b.eq    1f
    wfi
    unmask_irqs
    isb
    b       wait_for_frames
1:
    unmask_irqs
    isb
    ret

// The device's interrupt: count what it gives back. IRQs are masked.
frame_interrupt:
    push    x30, xzr
    adr     x5, frame_results
    increment x6, x5, FRAMERESULTS_INTERRUPTS
    bl      virtio_acknowledge
1:
    movz    x0, #TX_QUEUE
    bl      virtio_next_used
    cmn     w0, #1
    b.eq    2f
    increment x6, x5, FRAMERESULTS_RETURNED
    b       1b
2:
    movz    x0, #RX_QUEUE
    bl      virtio_next_used
    cmn     w0, #1
    b.eq    3f
    bl      receive
    b       2b
3:
    pop     x30, xzr
    ret

// w0 = head of a chain with a frame, x5 = frame_results: look at the frame, and make its buffer
// available again. Clobbers x1..x4, x6..x8.
receive:
    push    x30, xzr
    movz    x3, #RX_BUFFER_SIZE
    adr     x7, rx_buffers
    madd    x7, x0, x3, x7
    ldr     x8, [x7, #PAYLOAD]
    str     xzr, [x7, #PAYLOAD]
    ldr     x6, [x5, #FRAMERESULTS_RECEIVED]
    cmp     x6, x8
    b.ne    1f
    increment x6, x5, FRAMERESULTS_RECEIVED
    b       2f
1:
    increment x6, x5, FRAMERESULTS_UNEXPECTED
2:
    movz    x1, #RX_QUEUE
    bl      virtio_submit
    pop     x30, xzr
    ret

    pad_to  16
interrupts:
    interrupt INTID_VIRTIO, PRIORITY_CONSOLE, TRIGGER_EDGE, frame_interrupt
interrupts_end:

    frame_arguments_block rounds=4

    pad_to  16
frame_results:
    .space  FRAMERESULTS_SIZE, 0

// From 172.16.0.2 to port 7 of 172.16.0.1; UDP's checksum is left out, as may be (RFC 768).
.macro frame_to_echo
    pad_to  TX_BUFFER_SIZE
    .space  12, 0                                       // virtio's header
    .byte   0x06, 0x00, 0xac, 0x10, 0x00, 0x01          // to
    .byte   0x06, 0x00, 0xac, 0x10, 0x00, 0x02          // from
    .byte   0x08, 0x00
    .byte   0x45, 0, 0, 36, 0, 0, 0x40, 0, 64, 17, 0xe2, 0xa5
    .byte   172, 16, 0, 2, 172, 16, 0, 1
    .byte   0x9c, 0x40, 0, 7, 0, 16, 0, 0               // ports, size, no checksum
    .quad   0
.endm

    pad_to  TX_BUFFER_SIZE
tx_buffers:
    frame_to_echo
    frame_to_echo
    pad_to  16
rx_buffers:
    .space  RX_BUFFERS * RX_BUFFER_SIZE, 0

    .include "memory.inc"
