"""The devices that a machine has besides virtio's, and what squib has no place for."""

from __future__ import annotations

from emu.formats.thawbench.encoding import Encoding, prefix
from emu.wire.schema import Struct, u8, u16, u32, u64

VMGENID_KIND = "vmgenid"
PL011_KIND = "pl011"
EXTRA_KIND = "thawbench-extra"


class VmGenIdBlob(Struct):
    """VMGenID. Its id is not saved: restoring draws a new one.

    Attributes:
        gsi: Global system interrupt.
        addr: Guest-physical address of the 16 bytes of the id.
    """

    gsi: u32
    addr: u64


class Pl011Blob(Struct):
    """A PL011 UART: its registers, in the order of the datasheet (Arm DDI 0183G, 3.2).

    Attributes:
        rx_fifo: What UARTDR will return, oldest first: 8 bits of data, 4 of error flags.
        overrun: Whether a character was lost since the last of them.
    """

    rx_fifo: list[u16]
    overrun: bool
    rsr: u8
    ilpr: u8
    ibrd: u16
    fbrd: u8
    lcr_h: u8
    cr: u16
    ifls: u8
    imsc: u16
    ris: u16
    dmacr: u8


class ExtraVcpu(Struct):
    """More system registers of one vCPU.

    Attributes:
        mpidr: The vCPU.
        sys_regs: By encoding: `op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2`.
    """

    mpidr: u64
    sys_regs: dict[u64, u64]


class ExtraBlob(Struct):
    """What squib's schema has no place for: SP_EL0, ICC_*, pointer-authentication keys, time.

    Attributes:
        host_cycles: The host's virtual counter when the VM was frozen, in cycles.
    """

    host_cycles: u64
    vcpus: list[ExtraVcpu]


VMGENID = Encoding(
    VmGenIdBlob,
    what="state of the device 'vmgenid'",
    remedy="expected the bitcode of {gsi: u32, addr: u64}",
)
PL011 = Encoding(
    Pl011Blob,
    what="state of the device 'pl011'",
    remedy="only a UART saved by thawbench can be restored here",
    prefix=prefix(b"TB-PL011", 1),
)
EXTRA = Encoding(
    ExtraBlob,
    what="state of the device 'thawbench-extra'",
    remedy="remove that device to restore what squib's own schema carries",
    prefix=prefix(b"TB-EXTRA", 1),
)
