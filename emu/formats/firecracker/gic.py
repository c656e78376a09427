"""The interrupt controller in a state file: which register each chunk is.

Firecracker saves the registers as rows of chunks with no names: `GicRegState` has only values. The
lists here say what they are. They are the same in all releases from v1.9 to v1.16 and on the main
branch, but for GICR_CTLR, which v1.13 put behind the tables of LPIs. Per-interrupt registers of
the distributor begin with INTID 32; 96 SPIs are saved.

Sources: `arch/aarch64/gic/gicv3/regs/{dist,redist,icc,its}_regs.rs` and
`arch/aarch64/gic/gicv2/regs/{dist,icc}_regs.rs` of Firecracker v1.9.0 to v1.16.0; what the
registers mean: IHI 0069 H (GICv3), IHI 0048 B (GICv2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from emu.arch.bits import Register
from emu.arch.gicv3 import GICD, GICR, PRIVATE_COUNT, SPI_FIRST
from emu.arch.its import GITS
from emu.arch.sysregs import SYSREGS, UNMODELLED

SPI_COUNT: Final = 96
"""Shared interrupts of a machine, INTIDs 32 to 127."""

Chunks = Sequence[Sequence[int]]
"""The `chunks` of each entry of a list."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A register of a list, or a row of registers of one name.

    Attributes:
        name: of the register, or of the row without its numbers.
        offset: of the first register in its frame; of a system register, the encoding.
        size_bytes: of the whole row.
        first: number of the first register of a row; None if it is no row.
        register_size_bytes: of each register.
        chunk_size_bytes: of each chunk; one register may take several.
        layout: bit fields, where each chunk is a whole register.
    """

    name: str
    offset: int
    size_bytes: int = 4
    first: int | None = None
    register_size_bytes: int = 4
    chunk_size_bytes: int = 4
    layout: type[Register] | None = None

    @property
    def chunk_count(self) -> int:
        """How many chunks it has in a file."""
        return -(-self.size_bytes // self.chunk_size_bytes)

    @property
    def kind(self) -> str:
        """The name without its frame: ISENABLER is in the distributor and in redistributors."""
        return self.name.partition("_")[2]

    def chunk_name(self, chunk: int) -> str:
        """The register that a chunk is, or is half of: "GICD_IROUTER32 (low)"."""
        index, part = divmod(chunk * self.chunk_size_bytes, self.register_size_bytes)
        number = "" if self.first is None else str(self.first + index)
        if self.register_size_bytes <= self.chunk_size_bytes:
            return self.name + number
        return f"{self.name}{number} ({'high' if part else 'low'})"


_LAYOUTS = {slot.name: slot.layout for slot in (*GICD.slots, *GICR.slots)}


def _simple(name: str, offset: int, size_bytes: int = 4) -> Entry:
    layout = _LAYOUTS.get(name) if size_bytes == 4 else None
    return Entry(name, offset, size_bytes, register_size_bytes=size_bytes, layout=layout)


def _spis(name: str, bits: int) -> Entry:
    """A row of the distributor with `bits` for each SPI."""
    register_size_bytes = max(4, bits // 8)
    skipped_bytes = SPI_FIRST * bits // 8
    # The map of the frame begins GICD_IROUTER with the first SPI, and all others with INTID 0.
    base = GICD[name] - (skipped_bytes if name == "GICD_IROUTER" else 0)
    return Entry(
        name,
        base + skipped_bytes,
        SPI_COUNT * bits // 8,
        first=skipped_bytes // register_size_bytes,
        register_size_bytes=register_size_bytes,
    )


def _privates(name: str, bits: int) -> Entry:
    """A row of a redistributor with `bits` for each SGI and PPI."""
    return Entry(name, GICR[f"{name}0"], PRIVATE_COUNT * bits // 8, first=0)


# --- GICv3 -------------------------------------------------------------------------------------

_DIST_INTERRUPTS = (
    _spis("GICD_ICFGR", 2),
    _spis("GICD_ICPENDR", 1),
    _spis("GICD_ISPENDR", 1),
    _spis("GICD_ICACTIVER", 1),
    _spis("GICD_ISACTIVER", 1),
    _spis("GICD_IPRIORITYR", 8),
)
_DIST_ENABLES = (
    _spis("GICD_ICENABLER", 1),
    _spis("GICD_ISENABLER", 1),
    _spis("GICD_IGROUPR", 1),
)

DIST: Final = (
    _simple("GICD_CTLR", 0x0),
    _simple("GICD_STATUSR", 0x10),
    *_DIST_ENABLES,
    _spis("GICD_IROUTER", 64),
    *_DIST_INTERRUPTS,
)

_GICR_CTLR = _simple("GICR_CTLR", 0x0)
_GICR_POWER = (_simple("GICR_STATUSR", 0x10), _simple("GICR_WAKER", 0x14))
_GICR_LPI_TABLES = (_simple("GICR_PROPBASER", 0x70, 8), _simple("GICR_PENDBASER", 0x78, 8))
_SGI_FRAME = (
    _privates("GICR_IGROUPR", 1),
    _privates("GICR_ICENABLER", 1),
    _privates("GICR_ISENABLER", 1),
    _privates("GICR_ICFGR", 2),
    _privates("GICR_ICPENDR", 1),
    _privates("GICR_ISPENDR", 1),
    _privates("GICR_ICACTIVER", 1),
    _privates("GICR_ISACTIVER", 1),
    _privates("GICR_IPRIORITYR", 8),
)

REDIST_TO_1_12: Final = (_GICR_CTLR, *_GICR_POWER, *_GICR_LPI_TABLES, *_SGI_FRAME)
REDIST_FROM_1_13: Final = (*_GICR_POWER, *_GICR_LPI_TABLES, _GICR_CTLR, *_SGI_FRAME)


def _icc(*names: str) -> tuple[Entry, ...]:
    rows = {reg.name: reg for reg in (*SYSREGS, *UNMODELLED)}
    return tuple(
        Entry(
            name,
            rows[name].encoding,
            size_bytes=8,
            register_size_bytes=8,
            chunk_size_bytes=8,
            layout=rows[name].layout,
        )
        for name in names
    )


ICC_MAIN: Final = _icc(
    "ICC_SRE_EL1",
    "ICC_CTLR_EL1",
    "ICC_IGRPEN0_EL1",
    "ICC_IGRPEN1_EL1",
    "ICC_PMR_EL1",
    "ICC_BPR0_EL1",
    "ICC_BPR1_EL1",
)
ICC_AP: Final = _icc(*(f"ICC_AP{group}R{n}_EL1" for group in (0, 1) for n in range(4)))
"""None in a file for those that take more bits of priority than the host has."""


def _its(name: str) -> Entry:
    slot = GITS.by_name[name]
    first = None if slot.count == 1 else 0
    size_bytes = 8 * slot.count
    return Entry(name, slot.offset, size_bytes, first, 8, chunk_size_bytes=8, layout=slot.layout)


ITS: Final = {
    name.lower(): _its(f"GITS_{name}")
    for name in ("IIDR", "CBASER", "CREADR", "CWRITER", "BASER", "CTLR")
}
"""Fields of `ItsRegisterState`, from v1.13: `baser` holds eight values, the others one each."""

# --- GICv2 -------------------------------------------------------------------------------------

DIST_V2: Final = (
    Entry("GICD_CTLR", 0x0),
    *_DIST_ENABLES,
    *_DIST_INTERRUPTS,
    Entry("GICD_CPENDSGIR", 0xF10, 16, first=0),
    Entry("GICD_SPENDSGIR", 0xF20, 16, first=0),
)
ICC_V2: Final = tuple(
    Entry(name, offset, chunk_size_bytes=8)
    for name, offset in {
        "GICC_CTLR": 0x0,
        "GICC_PMR": 0x4,
        "GICC_BPR": 0x8,
        "GICC_ABPR": 0x1C,
        **{f"GICC_APR{n}": 0xD0 + 4 * n for n in range(4)},
    }.items()
)
"""Registers of 32 bits in chunks of 64."""


@dataclass(frozen=True, slots=True)
class GicLists:
    """What the lists of one kind of `GicState` hold, in order."""

    dist: tuple[Entry, ...]
    rdist: tuple[Entry, ...]
    main_icc_regs: tuple[Entry, ...]
    ap_icc_regs: tuple[Entry, ...]


GICV2: Final = GicLists(DIST_V2, (), ICC_V2, ())
"""Known by a `rdist` that is empty: nothing in a file tells the version of the GIC."""
GICV3_TO_1_12: Final = GicLists(DIST, REDIST_TO_1_12, ICC_MAIN, ICC_AP)
GICV3_FROM_1_13: Final = GicLists(DIST, REDIST_FROM_1_13, ICC_MAIN, ICC_AP)


def chunk_name(entries: Sequence[Entry], entry: int, chunk: int) -> str | None:
    """The register that a chunk of a list is, or is half of; None if the list has no such chunk."""
    if not 0 <= entry < len(entries) or not 0 <= chunk < entries[entry].chunk_count:
        return None
    return entries[entry].chunk_name(chunk)


# --- interrupts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Interrupt:
    """One interrupt that is enabled, pending or active.

    Attributes:
        vcpu: index of the redistributor for an SGI or PPI, None for an SPI.
        trigger: "edge" or "level".
        route: GICD_IROUTER of an SPI; None if there is none.
    """

    intid: int
    vcpu: int | None
    group: int
    enabled: bool
    pending: bool
    active: bool
    priority: int
    trigger: str
    route: int | None


def interrupts(lists: GicLists, dist: Chunks, rdists: Iterable[Chunks]) -> Iterator[Interrupt]:
    """The interrupts that are enabled, pending or active: private ones by vCPU, then SPIs.

    What a list lacks is taken as zero. GICv2 files have no private interrupts.
    """
    for vcpu, chunks in enumerate(rdists):
        yield from _Bank(lists.rdist, chunks).live(0, vcpu)
    yield from _Bank(lists.dist, dist).live(SPI_FIRST, None)


class _Bank:
    """The rows of one frame, each as one number: its chunks, the first in the lowest bits."""

    def __init__(self, entries: Sequence[Entry], chunks: Chunks) -> None:
        self._rows = {
            entry.kind: sum(chunk << 32 * n for n, chunk in enumerate(row))
            for entry, row in zip(entries, chunks, strict=False)
        }

    def live(self, first: int, vcpu: int | None) -> Iterator[Interrupt]:
        """Its interrupts; `first` is the INTID of the first."""
        used = 0
        for kind in ("ISENABLER", "ISPENDR", "ISACTIVER"):
            used |= self._rows.get(kind, 0)
        for index in range(used.bit_length()):
            if used >> index & 1:
                yield self._interrupt(index, first + index, vcpu)

    def _interrupt(self, index: int, intid: int, vcpu: int | None) -> Interrupt:
        return Interrupt(
            intid=intid,
            vcpu=vcpu,
            group=self._field("IGROUPR", index),
            enabled=bool(self._field("ISENABLER", index)),
            pending=bool(self._field("ISPENDR", index)),
            active=bool(self._field("ISACTIVER", index)),
            priority=self._field("IPRIORITYR", index, 8),
            trigger="edge" if self._field("ICFGR", index, 2) & 0b10 else "level",
            route=self._field("IROUTER", index, 64) if "IROUTER" in self._rows else None,
        )

    def _field(self, kind: str, index: int, bits: int = 1) -> int:
        return self._rows.get(kind, 0) >> index * bits & ((1 << bits) - 1)
