"""The MMIO side of the physical address space."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from emu.core.bus import PAGE_BYTES, Bus
from emu.core.clock import VirtualClock
from emu.core.events import EventStream, MmioAccess, Stamped
from emu.errors import BoardError


@dataclass
class Window:
    """Registers that remember their accesses."""

    accesses: list[tuple[int, ...]] = field(default_factory=list)

    def read(self, offset: int, size: int, /) -> int:
        self.accesses.append((offset, size))
        return 0xAB

    def write(self, offset: int, size: int, value: int, /) -> None:
        self.accesses.append((offset, size, value))


@pytest.fixture
def events() -> EventStream:
    return EventStream(VirtualClock(cycles_per_tick=1, start_cycles=9))


def test_windows_are_kept_by_address(events: EventStream) -> None:
    bus = Bus(events)
    for name, base in (("high", 0x9000), ("low", 0x1000), ("middle", 0x2000)):
        bus.attach(name, base, PAGE_BYTES, Window())
    assert [(m.name, m.base, m.end) for m in bus.mappings] == [
        ("low", 0x1000, 0x2000),
        ("middle", 0x2000, 0x3000),
        ("high", 0x9000, 0xA000),
    ]


@pytest.mark.parametrize(("base", "size"), [(0x10, 0x1000), (0x1000, 0x800), (0, 0), (0, -0x1000)])
def test_a_window_takes_whole_pages(events: EventStream, base: int, size: int) -> None:
    bus = Bus(events)
    with pytest.raises(BoardError, match=r"UART .*whole 4 KiB pages"):
        bus.attach("UART", base, size, Window())
    assert bus.mappings == []


@pytest.mark.parametrize(
    ("base", "size"), [(0x3000, 0x1000), (0x2000, 0x2000), (0x1000, 0x9000), (0x4000, 0x1000)]
)
def test_windows_never_overlap(events: EventStream, base: int, size: int) -> None:
    bus = Bus(events)
    bus.attach("GICD", 0x3000, 0x2000, Window())
    with pytest.raises(BoardError, match=r"UART .*overlaps GICD"):
        bus.attach("UART", base, size, Window())
    assert [mapping.name for mapping in bus.mappings] == ["GICD"]


def test_each_access_reaches_the_window_and_is_an_event(events: EventStream) -> None:
    """With or without a listener; a write is told before it takes effect, a read after."""
    window = Window()
    bus = Bus(events)
    bus.attach("UART", 0x1000, PAGE_BYTES, window)
    watched = bus.window(bus.mappings[0], vcpu=3)
    assert watched.read(4, 4) == 0xAB
    watched.write(8, 1, 5)
    told: list[tuple[Stamped, int]] = []
    events.subscribe(lambda stamped: told.append((stamped, len(window.accesses))))
    assert watched.read(0, 2) == 0xAB
    watched.write(12, 4, 6)
    assert window.accesses == [(4, 4), (8, 1, 5), (0, 2), (12, 4, 6)]
    assert told == [
        (Stamped(9, MmioAccess(3, "UART", 0, 2, 0xAB, is_write=False)), 3),
        (Stamped(9, MmioAccess(3, "UART", 12, 4, 6, is_write=True)), 3),
    ]
