"""VMClock: where it is, what it writes and in which order, when it interrupts."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.vmclock import VMCLOCK_ABI, pack, unpack
from emu.core.events import ClockDisrupted, Event, EventStream
from emu.devices.vmclock import VmClock, VmClockState
from emu.devices.vmgenid import VmGenId
from emu.errors import BoardError, IncompatibleError
from tests.devices.fakes import GsiLine, StoppedClock, with_gsis

PAGE = 0x801F_E000
NAMES = {slot.offset: slot.name for slot in VMCLOCK_ABI.slots}


@dataclass
class Surroundings:
    """The page in RAM, interrupt lines and events; `log` has what happened, in order."""

    page: bytearray = field(default_factory=lambda: bytearray(b"\xa5" * 0x1000))
    log: list[str] = field(default_factory=list)
    heard: list[Event] = field(default_factory=list)
    events: EventStream = field(default_factory=lambda: EventStream(StoppedClock()))

    def line(self, gsi: int) -> GsiLine:
        return GsiLine(gsi, self.log)

    def read(self, address: int, size: int, /) -> bytes:
        return bytes(self.page[address - PAGE : address - PAGE + size])

    def write(self, address: int, data: bytes, /) -> None:
        offset = address - PAGE
        name = "all" if len(data) == 112 else NAMES[offset]
        self.log.append(f"{name} = {int.from_bytes(data, 'little') if name != 'all' else ''}")
        self.page[offset : offset + len(data)] = data

    def listen(self) -> None:
        self.events.subscribe(lambda stamped: self.heard.append(stamped.event))

    def new(self) -> VmClock:
        """As a booting machine has it: after VMGenID."""
        allocator = with_gsis(range(4, 10))
        VmGenId.new(allocator, entropy=bytes, irqs=self.line, events=self.events)
        return VmClock.new(allocator, irqs=self.line, events=self.events)

    def restore(self, state: VmClockState) -> VmClock:
        return VmClock.restore(state, irqs=self.line, events=self.events)


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


def counters(clock: VmClock) -> dict[str, object]:
    names = ("seq_count", "disruption_marker", "vm_generation_counter")
    return {name: unpack(clock.inner)[name] for name in names}


def states() -> st.SearchStrategy[VmClockState]:
    structures = st.binary(min_size=112, max_size=112)
    return st.builds(VmClockState, st.just(PAGE), st.integers(0, 95), structures)


# --- place -----------------------------------------------------------------------------------


def test_it_goes_where_firecracker_puts_it(around: Surroundings) -> None:
    """After VMGenID: the next GSI, and the last page before the id."""
    clock = around.new()
    assert (clock.gsi, clock.guest_address) == (5, PAGE)


def test_without_a_free_gsi_there_is_no_device(around: Surroundings) -> None:
    allocator = with_gsis(range(0))
    with pytest.raises(BoardError, match="all GSIs of this board are taken"):
        VmClock.new(allocator, irqs=around.line, events=around.events)


# --- content ---------------------------------------------------------------------------------


def test_a_booting_guest_finds_a_structure_without_time(around: Surroundings) -> None:
    """Magic, a page, version 1, counter 0xff, no status; a generation counter and interrupts."""
    around.new().activate(around)
    written = "56434c4b 00100000 0100 ff 00 00000000 0000000000000000 0003000000000000"
    assert around.page[:112] == bytes.fromhex(written).ljust(112, b"\0")


def test_the_rest_of_the_page_is_left_as_it_is(around: Surroundings) -> None:
    clock = around.new()
    clock.activate(around)
    clock.disrupt(around)
    assert around.page[112:] == b"\xa5" * (0x1000 - 112)


def test_making_a_device_touches_nothing(around: Surroundings) -> None:
    around.restore(around.new().save())
    assert around.log == []


@given(states())
def test_save_after_restore_is_the_identity(state: VmClockState) -> None:
    around = Surroundings()
    clock = around.restore(state)
    assert clock.save() == state
    clock.activate(around)
    assert around.page[:112] == state.inner


@pytest.mark.parametrize("size", [0, 111, 113])
def test_a_structure_of_another_size_is_refused(around: Surroundings, size: int) -> None:
    with pytest.raises(IncompatibleError, match=f"inner has {size} bytes, and struct"):
        around.restore(VmClockState(PAGE, 5, bytes(size)))


# --- restore ---------------------------------------------------------------------------------


def test_a_restore_counts_under_an_odd_sequence_and_interrupts_once(around: Surroundings) -> None:
    clock = around.restore(around.new().save())
    clock.activate(around)
    clock.disrupt(around)
    clock.notify_guest()
    assert around.log == [
        "all = ",
        "seq_count = 1",
        "disruption_marker = 1",
        "vm_generation_counter = 1",
        "seq_count = 2",
        "pulse of GSI 5",
    ]


@given(states())
def test_memory_and_state_stay_the_same(state: VmClockState) -> None:
    """And nothing but the three counters changes."""
    around = Surroundings()
    clock = around.restore(state)
    clock.activate(around)
    clock.disrupt(around)
    assert around.page[:112] == clock.save().inner
    kept = unpack(clock.inner) | dict.fromkeys(counters(clock), 0)
    assert kept == unpack(state.inner) | dict.fromkeys(counters(clock), 0)


def test_clones_count_alike_and_their_snapshots_count_on(around: Surroundings) -> None:
    state = around.new().save()
    for generation in (1, 2):
        clones = [around.restore(state) for _ in range(2)]
        for clone in clones:
            clone.disrupt(around)
        first, second = (clone.save() for clone in clones)
        assert first == second
        state = first
        assert [*counters(clones[0]).values()] == [2 * generation, generation, generation]


@pytest.mark.parametrize(("before", "after"), [(7, 8), (0xFFFF_FFFE, 0), (0xFFFF_FFFF, 0)])
def test_the_sequence_ends_even_and_counters_wrap(
    around: Surroundings, before: int, after: int
) -> None:
    last = (1 << 64) - 1
    values = {"seq_count": before, "disruption_marker": last, "vm_generation_counter": last}
    clock = around.restore(VmClockState(PAGE, 5, pack(values)))
    clock.disrupt(around)
    assert [*counters(clock).values()] == [after, 0, 0]


def test_a_disruption_is_an_event_when_somebody_listens(around: Surroundings) -> None:
    clock = around.new()
    clock.activate(around)
    clock.disrupt(around)
    around.listen()
    clock.disrupt(around)
    assert around.heard == [ClockDisrupted(PAGE, 2, 2)]
