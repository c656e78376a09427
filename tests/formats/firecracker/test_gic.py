"""What the chunks of the interrupt controller are, and the interrupts that they tell."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch.bits import RegisterMap
from emu.arch.gicv3 import GICD, GICD_CTLR, GICR, GICR_CTLR, GICR_WAKER, ICC_CTLR_EL1
from emu.formats.firecracker import gic
from emu.formats.firecracker.gic import (
    GICV2,
    GICV3_FROM_1_13,
    GICV3_TO_1_12,
    Entry,
    GicLists,
    Interrupt,
    chunk_name,
    interrupts,
)

DIST = [
    ("GICD_CTLR", 0x0000, 1),
    ("GICD_STATUSR", 0x0010, 1),
    ("GICD_ICENABLER", 0x0184, 3),
    ("GICD_ISENABLER", 0x0104, 3),
    ("GICD_IGROUPR", 0x0084, 3),
    ("GICD_IROUTER", 0x6100, 192),
    ("GICD_ICFGR", 0x0C08, 6),
    ("GICD_ICPENDR", 0x0284, 3),
    ("GICD_ISPENDR", 0x0204, 3),
    ("GICD_ICACTIVER", 0x0384, 3),
    ("GICD_ISACTIVER", 0x0304, 3),
    ("GICD_IPRIORITYR", 0x0420, 24),
]
SGI_FRAME = [
    ("GICR_IGROUPR", 0x10080, 1),
    ("GICR_ICENABLER", 0x10180, 1),
    ("GICR_ISENABLER", 0x10100, 1),
    ("GICR_ICFGR", 0x10C00, 2),
    ("GICR_ICPENDR", 0x10280, 1),
    ("GICR_ISPENDR", 0x10200, 1),
    ("GICR_ICACTIVER", 0x10380, 1),
    ("GICR_ISACTIVER", 0x10300, 1),
    ("GICR_IPRIORITYR", 0x10400, 8),
]
CTLR = [("GICR_CTLR", 0x0, 1)]
OTHERS = [
    ("GICR_STATUSR", 0x10, 1),
    ("GICR_WAKER", 0x14, 1),
    ("GICR_PROPBASER", 0x70, 2),
    ("GICR_PENDBASER", 0x78, 2),
]
ICC_MAIN = [
    ("ICC_SRE_EL1", 0xC665, 1),
    ("ICC_CTLR_EL1", 0xC664, 1),
    ("ICC_IGRPEN0_EL1", 0xC666, 1),
    ("ICC_IGRPEN1_EL1", 0xC667, 1),
    ("ICC_PMR_EL1", 0xC230, 1),
    ("ICC_BPR0_EL1", 0xC643, 1),
    ("ICC_BPR1_EL1", 0xC663, 1),
]
ICC_AP = [
    *((f"ICC_AP0R{n}_EL1", 0xC644 + n, 1) for n in range(4)),
    *((f"ICC_AP1R{n}_EL1", 0xC648 + n, 1) for n in range(4)),
]
DIST_V2 = [
    *(row for row in DIST if row[0] not in ("GICD_STATUSR", "GICD_IROUTER")),
    ("GICD_CPENDSGIR", 0xF10, 4),
    ("GICD_SPENDSGIR", 0xF20, 4),
]
ICC_V2 = [
    ("GICC_CTLR", 0x00, 1),
    ("GICC_PMR", 0x04, 1),
    ("GICC_BPR", 0x08, 1),
    ("GICC_ABPR", 0x1C, 1),
    *((f"GICC_APR{n}", 0xD0 + 4 * n, 1) for n in range(4)),
]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (gic.DIST, DIST),
        (gic.REDIST_TO_1_12, CTLR + OTHERS + SGI_FRAME),
        (gic.REDIST_FROM_1_13, OTHERS + CTLR + SGI_FRAME),
        (gic.ICC_MAIN, ICC_MAIN),
        (gic.ICC_AP, ICC_AP),
        (gic.DIST_V2, DIST_V2),
        (gic.ICC_V2, ICC_V2),
    ],
)
def test_lists_are_those_of_firecracker(
    entries: tuple[Entry, ...], expected: list[tuple[str, int, int]]
) -> None:
    """Order, first offset and count of chunks, as its sources have them."""
    assert [(entry.name, entry.offset, entry.chunk_count) for entry in entries] == expected


def test_fields_of_the_its_are_in_the_order_of_the_file() -> None:
    its = [(field, entry.chunk_name(0), entry.offset) for field, entry in gic.ITS.items()]
    assert its == [
        ("iidr", "GITS_IIDR", 0x4),
        ("cbaser", "GITS_CBASER", 0x80),
        ("creadr", "GITS_CREADR", 0x90),
        ("cwriter", "GITS_CWRITER", 0x88),
        ("baser", "GITS_BASER0", 0x100),
        ("ctlr", "GITS_CTLR", 0x0),
    ]
    assert [entry.chunk_count for entry in gic.ITS.values()] == [1, 1, 1, 1, 8, 1]


@pytest.mark.parametrize(
    ("entries", "entry", "chunk", "name"),
    [
        (gic.DIST, 0, 0, "GICD_CTLR"),
        (gic.DIST, 3, 0, "GICD_ISENABLER1"),
        (gic.DIST, 3, 2, "GICD_ISENABLER3"),
        (gic.DIST, 3, 3, None),
        (gic.DIST, 5, 0, "GICD_IROUTER32 (low)"),
        (gic.DIST, 5, 1, "GICD_IROUTER32 (high)"),
        (gic.DIST, 5, 191, "GICD_IROUTER127 (high)"),
        (gic.DIST, 6, 0, "GICD_ICFGR2"),
        (gic.DIST, 11, 0, "GICD_IPRIORITYR8"),
        (gic.DIST, 11, 23, "GICD_IPRIORITYR31"),
        (gic.DIST, 12, 0, None),
        (gic.DIST, -1, 0, None),
        (gic.REDIST_TO_1_12, 3, 1, "GICR_PROPBASER (high)"),
        (gic.REDIST_FROM_1_13, 3, 0, "GICR_PENDBASER (low)"),
        (gic.REDIST_FROM_1_13, 5, 0, "GICR_IGROUPR0"),
        (gic.REDIST_FROM_1_13, 8, 1, "GICR_ICFGR1"),
        (gic.REDIST_FROM_1_13, 13, 7, "GICR_IPRIORITYR7"),
        (gic.ICC_MAIN, 1, 0, "ICC_CTLR_EL1"),
        (gic.ICC_AP, 4, 0, "ICC_AP1R0_EL1"),
        (gic.ICC_V2, 1, 0, "GICC_PMR"),
        (gic.DIST_V2, 10, 3, "GICD_CPENDSGIR3"),
    ],
)
def test_each_chunk_has_the_name_of_its_register(
    entries: tuple[Entry, ...], entry: int, chunk: int, name: str | None
) -> None:
    assert chunk_name(entries, entry, chunk) == name


@pytest.mark.parametrize(
    ("entries", "frame"),
    [(gic.DIST, GICD), (gic.REDIST_TO_1_12, GICR), (gic.REDIST_FROM_1_13, GICR)],
    ids=["distributor", "redistributor to v1.12", "redistributor from v1.13"],
)
def test_every_chunk_is_in_a_register_of_that_name_in_the_frame(
    entries: tuple[Entry, ...], frame: RegisterMap
) -> None:
    """The names agree with the register maps of the specification."""
    for entry in entries:
        for chunk in range(entry.chunk_count):
            found = frame.find(entry.offset + 4 * chunk)
            assert found is not None
            assert found[0].name.rstrip("0") == entry.name


def test_layouts_come_with_registers_that_are_one_chunk() -> None:
    layouts = {
        entry.name: entry.layout
        for entries in (gic.DIST, gic.REDIST_FROM_1_13, gic.ICC_MAIN)
        for entry in entries
        if entry.layout
    }
    assert layouts.items() >= {
        ("GICD_CTLR", GICD_CTLR),
        ("GICR_CTLR", GICR_CTLR),
        ("GICR_WAKER", GICR_WAKER),
        ("ICC_CTLR_EL1", ICC_CTLR_EL1),
    }
    assert "GICD_IROUTER" not in layouts


# --- interrupts --------------------------------------------------------------------------------


def chunks(entries: tuple[Entry, ...], **rows: int) -> list[list[int]]:
    """Chunks of a whole list: zero, but for the rows named, each given as one number."""
    return [
        [rows.get(entry.kind, 0) >> 32 * n & 0xFFFF_FFFF for n in range(entry.chunk_count)]
        for entry in entries
    ]


def at(index: int, value: int, bits: int = 1) -> int:
    """A row that holds `value` for one interrupt and 0 for all others."""
    return value << index * bits


@pytest.mark.parametrize("lists", [GICV3_TO_1_12, GICV3_FROM_1_13])
def test_private_and_shared_interrupts_are_found(lists: GicLists) -> None:
    """In files of every release, though the redistributor's list changed."""
    timer = chunks(
        lists.rdist,
        ISENABLER=at(27, 1),
        ISPENDR=at(27, 1),
        IGROUPR=at(27, 1),
        IPRIORITYR=at(27, 0xA0, 8),
    )
    idle = chunks(lists.rdist, CTLR=1, WAKER=6, STATUSR=0xFFFF_FFFF)
    dist = chunks(
        lists.dist,
        ISENABLER=at(4, 1),
        ISACTIVER=at(95, 1),
        IGROUPR=at(4, 1),
        ICFGR=at(4, 2, 2),
        IPRIORITYR=at(4, 0xA0, 8) | at(95, 0x10, 8),
        IROUTER=at(4, 0x1_0000_0002, 64),
    )
    assert list(interrupts(lists, dist, [idle, timer])) == [
        Interrupt(27, 1, 1, True, True, False, 0xA0, "level", None),
        Interrupt(36, None, 1, True, False, False, 0xA0, "edge", 0x1_0000_0002),
        Interrupt(127, None, 0, False, False, True, 0x10, "level", 0),
    ]


def test_gicv2_has_shared_interrupts_without_routes() -> None:
    dist = chunks(GICV2.dist, ISENABLER=at(0, 1), ICFGR=at(0, 2, 2), CPENDSGIR=1)
    assert list(interrupts(GICV2, dist, [[]])) == [
        Interrupt(32, None, 0, True, False, False, 0, "edge", None)
    ]


@given(
    enabled=st.integers(0, 2**96 - 1),
    pending=st.integers(0, 2**96 - 1),
    active=st.integers(0, 2**96 - 1),
)
def test_live_interrupts_are_those_enabled_pending_or_active(
    enabled: int, pending: int, active: int
) -> None:
    lists = GICV3_FROM_1_13
    dist = chunks(lists.dist, ISENABLER=enabled, ISPENDR=pending, ISACTIVER=active)
    found = {
        interrupt.intid: (interrupt.enabled, interrupt.pending, interrupt.active)
        for interrupt in interrupts(lists, dist, [])
    }
    assert found == {
        32 + n: (bool(enabled >> n & 1), bool(pending >> n & 1), bool(active >> n & 1))
        for n in range(96)
        if (enabled | pending | active) >> n & 1
    }


@given(st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=5), max_size=14))
def test_lists_of_another_shape_are_read_as_far_as_they_go(dist: list[list[int]]) -> None:
    """A file may hold any number of entries and chunks; missing ones count as zero."""
    rows = dict(zip((entry.kind for entry in gic.DIST), dist, strict=False))
    live = {
        32 * (n + 1) + bit
        for kind in ("ISENABLER", "ISPENDR", "ISACTIVER")
        for n, chunk in enumerate(rows.get(kind, []))
        for bit in range(32)
        if chunk >> bit & 1
    }
    found = [interrupt.intid for interrupt in interrupts(GICV3_FROM_1_13, dist, [])]
    assert found == sorted(live)
