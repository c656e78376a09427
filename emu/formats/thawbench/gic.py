"""The interrupt controller, in squib's `gic_state.bytes`."""

from __future__ import annotations

from collections.abc import Iterable

from emu.arch.gicv3 import PRIVATE_COUNT, SPI_COUNT_MAX
from emu.formats.thawbench.encoding import Encoding, prefix
from emu.wire.schema import Struct, u32, u64


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


GIC = Encoding(
    GicBlob,
    what="interrupt controller's state (data.gic_state)",
    remedy=(
        "what Apple's hv_gic wrote can't be loaded into the software GIC: use a snapshot taken by "
        "thawbench, or leave the GIC in reset (step set-gic-state with foreign = 'reset')"
    ),
    prefix=prefix(b"TB-GICv3", 1),
    flaw=_gic_flaw,
)
