"""Encodings of this project's own inside squib's opaque fields.

squib's schema leaves some bytes to whoever wrote them: `gic_state.bytes` and the `blob` of every
device. What goes there is defined here. But for `VmGenIdBlob`, each encoding is

    signature (8 bytes of ASCII)   version (u16, little endian)   bitcode of the struct

so that a blob from elsewhere, above all Apple's GIC state, is told apart by its first bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from emu.arch.gicv3 import PRIVATE_COUNT, SPI_COUNT_MAX
from emu.errors import DecodeError, IncompatibleError
from emu.wire import bitcode
from emu.wire.schema import Struct, u8, u16, u32, u64

NO_MMIO_SLOT = 0xFFFF_FFFF
"""`mmio_slot` of a `DeviceState` that is no virtio-mmio device."""

SIGNATURE_SIZE_BYTES = 8

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


class InterruptBanks(Struct):
    """A run of interrupts: one bit of each bank, 32 to a word, lowest INTID in bit 0.

    Attributes:
        group: IGROUPR: set for group 1.
        enabled: ISENABLER.
        pending: The latches behind ISPENDR; levels of lines are not saved.
        active: ISACTIVER.
        edge: Upper bit of the ICFGR field: set for edge-triggered.
        priority: IPRIORITYR, one byte an interrupt: as many as there are interrupts.
    """

    group: list[u32]
    enabled: list[u32]
    pending: list[u32]
    active: list[u32]
    edge: list[u32]
    priority: bytes


class RedistributorBlob(Struct):
    """A GICv3 redistributor.

    Attributes:
        mpidr: The vCPU it belongs to.
        waker: GICR_WAKER.
        privates: SGIs and PPIs, INTIDs 0 to 31.
    """

    mpidr: u64
    waker: u32
    privates: InterruptBanks


class GicBlob(Struct):
    """A GICv3 without its CPU interfaces: as in Apple's, there is no ICC_* register in it.

    Attributes:
        ctlr: GICD_CTLR.
        spis: SPIs, from INTID 32.
        routes: GICD_IROUTER, one entry an SPI.
    """

    ctlr: u32
    spis: InterruptBanks
    routes: list[u64]
    redistributors: list[RedistributorBlob]


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


# --- encodings -------------------------------------------------------------------------------

S = TypeVar("S", bound=Struct)


def _consistent(_value: Struct) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Encoding(Generic[S]):
    """How one of the structs is written into an opaque field.

    Attributes:
        schema: the struct.
        what: what the blob holds, for messages.
        remedy: what to do about a blob that can't be read, for messages.
        prefix: signature and version, as they stand before the struct's bitcode.
        flaw: what is inconsistent in a value, in words; None if nothing is.
    """

    schema: type[S]
    what: str
    remedy: str
    prefix: bytes = b""
    flaw: Callable[[S], str | None] = _consistent

    def matches(self, blob: bytes) -> bool:
        """Whether `blob` was made here, in whatever version."""
        return blob.startswith(self.prefix[:SIGNATURE_SIZE_BYTES])

    def encode(self, value: S) -> bytes:
        """The blob of `value`; raises `EncodeError` if it does not fit its fields."""
        return self.prefix + bitcode.encode(self.schema, value)

    def decode(self, blob: bytes) -> S:
        """The value of `blob`; raises `IncompatibleError` for any other.

        That is one that was not made here, is of another version, damaged or inconsistent.
        """
        if not self.matches(blob):
            raise self._error(
                f"was not made by thawbench: its {len(blob)} bytes begin with "
                f"{blob[:SIGNATURE_SIZE_BYTES].hex(' ') or 'nothing'}, "
                f"not with {self.prefix[:SIGNATURE_SIZE_BYTES].hex(' ')}"
            )
        if not blob.startswith(self.prefix):
            raise self._error(
                f"is of version {_version(blob)} of thawbench's encoding, "
                f"not {_version(self.prefix)}"
            )
        try:
            value = bitcode.decode(self.schema, blob[len(self.prefix) :])
        except DecodeError as error:
            raise self._error(f"is damaged: {error}") from error
        if flaw := self.flaw(value):
            raise self._error(f"is inconsistent: {flaw}")
        return value

    def _error(self, found: str) -> IncompatibleError:
        return IncompatibleError(f"the {self.what} {found}; {self.remedy}")


def _version(prefix: bytes) -> int:
    return int.from_bytes(prefix[SIGNATURE_SIZE_BYTES : SIGNATURE_SIZE_BYTES + 2], "little")


def _prefix(signature: bytes, version: int) -> bytes:
    return signature + version.to_bytes(2, "little")


def to_words(bits: int, count: int) -> list[int]:
    """A bank of `count` interrupts as words of 32 bits.

    >>> to_words(0x1_0000_0002, 40)
    [2, 1]
    """
    return [bits >> shift & 0xFFFF_FFFF for shift in range(0, count, 32)]


def from_words(words: Iterable[int]) -> int:
    """The inverse of `to_words`."""
    return sum(word << 32 * index for index, word in enumerate(words))


def _gic_flaw(gic: GicBlob) -> str | None:
    """Banks must be of the sizes that their registers have."""
    spis = len(gic.spis.priority)
    if spis > SPI_COUNT_MAX:
        return f"it has {spis} SPIs; a GICv3 has at most {SPI_COUNT_MAX}"
    if len(gic.routes) != spis:
        return f"it has {len(gic.routes)} routes for {spis} SPIs"
    flaws = [_banks_flaw("the SPIs", gic.spis, spis)]
    flaws += [
        _banks_flaw(f"redistributor {frame.mpidr:#x}", frame.privates, PRIVATE_COUNT)
        for frame in gic.redistributors
    ]
    return next(filter(None, flaws), None)


def _banks_flaw(name: str, banks: InterruptBanks, count: int) -> str | None:
    if len(banks.priority) != count:
        return f"{name}: {len(banks.priority)} priorities for {count} interrupts"
    for bank in ("group", "enabled", "pending", "active", "edge"):
        words: list[int] = getattr(banks, bank)
        if len(words) != -(-count // 32) or from_words(words) >> count:
            return f"{name}: {bank} has {len(words)} words that do not fit {count} interrupts"
    return None


VMGENID = Encoding(
    VmGenIdBlob,
    what="state of the device 'vmgenid'",
    remedy="expected the bitcode of {gsi: u32, addr: u64}",
)
PL011 = Encoding(
    Pl011Blob,
    what="state of the device 'pl011'",
    remedy="only a UART saved by thawbench can be restored here",
    prefix=_prefix(b"TB-PL011", 1),
)
GIC = Encoding(
    GicBlob,
    what="interrupt controller's state (data.gic_state)",
    remedy=(
        "what Apple's hv_gic wrote can't be loaded into the software GIC: use a snapshot taken by "
        "thawbench, or leave the GIC in reset (step set-gic-state with foreign = 'reset')"
    ),
    prefix=_prefix(b"TB-GICv3", 1),
    flaw=_gic_flaw,
)
EXTRA = Encoding(
    ExtraBlob,
    what="state of the device 'thawbench-extra'",
    remedy="remove that device to restore what squib's own schema carries",
    prefix=_prefix(b"TB-EXTRA", 1),
)

DEVICE_ENCODINGS: Mapping[str, Encoding[Any]] = {
    VMGENID_KIND: VMGENID,
    PL011_KIND: PL011,
    EXTRA_KIND: EXTRA,
}
"""The encodings of `DeviceState.blob`, by `DeviceState.kind`."""
