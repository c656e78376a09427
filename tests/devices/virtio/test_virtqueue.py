"""A queue beside a naive one: what is taken, what is given back, who is told (Virtio 1.2, 2.7)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.core.ram import Ram
from emu.devices.virtio.chain import Buffer, Chain
from emu.devices.virtio.virtqueue import QueueState, Virtqueue
from emu.errors import DriverError, IncompatibleError
from harness.properties.devices.rings import Poke, Ring, Used
from harness.properties.devices.world import RAM_BASE, RAM_SIZE_BYTES

END = RAM_BASE + RAM_SIZE_BYTES


@dataclass
class Bench:
    """A queue in use, and its driver's ring."""

    size: int = 8
    event_idx: bool = False
    indirect: bool = True
    start: int = 0
    ram: Ram = field(default_factory=lambda: Ram(RAM_BASE, RAM_SIZE_BYTES))

    def __post_init__(self) -> None:
        self.ring = Ring(self.ram, RAM_BASE, self.size, self.start, self.start)
        self.queue = Virtqueue(16)
        self.queue.load_state(self.programmed())
        self.queue.enable(self.ram, event_idx=self.event_idx, indirect=self.indirect)
        index = self.start.to_bytes(2, "little")
        self.poke(Poke(self.ring.available + 2, index), Poke(self.ring.used + 2, index))

    def programmed(self) -> QueueState:
        ring = self.ring
        return QueueState(
            max_size=16,
            size=self.size,
            ready=True,
            desc_table=ring.descriptors,
            avail_ring=ring.available,
            used_ring=ring.used,
            next_avail=self.start,
            next_used=self.start,
        )

    def poke(self, *pokes: Poke) -> None:
        for address, data in pokes:
            self.ram.write(address, data)

    def want(self, used_event: int) -> None:
        self.poke(Poke(self.ring.used_event, used_event.to_bytes(2, "little")))


def need_event(event: int, new: int, old: int) -> bool:
    """`vring_need_event`, as the specification spells it (2.7.10.1, virtio-queue.h)."""
    return (new - event - 1) % 65536 < (new - old) % 65536


def wanted(event: int, new: int, old: int) -> bool:
    """The same by counting: one of the indexes that were written is the one that is waited for."""
    return any(index % 65536 == event for index in range(old, old + (new - old) % 65536))


@given(*[st.integers(0, 0xFFFF)] * 2, st.integers(0, 40))
def test_the_formula_is_what_its_words_say(event: int, old: int, added: int) -> None:
    event = (old + event % 64 - 10) % 65536
    new = (old + added) % 65536
    assert need_event(event, new, old) is wanted(event, new, old)


@given(
    start=st.sampled_from([0, 1, 65528, 65535]) | st.integers(0, 0xFFFF),
    rounds=st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 6)), max_size=12),
    carried=st.booleans(),
)
def test_with_event_idx_the_driver_is_interrupted_when_it_asked_for_it(
    start: int, rounds: list[tuple[int, int]], carried: bool
) -> None:
    """As `vring_need_event` says, over the end of the indexes too, and when thawed in between."""
    bench = Bench(event_idx=True, start=start)
    asked = start
    for count, ahead in rounds:
        new = (bench.queue.state.next_used + count) % 65536
        used_event = (asked + ahead) % 65536
        bench.want(used_event)
        for _ in range(count):
            bench.queue.add_used(0, 0)
        assert bench.queue.should_interrupt() is need_event(used_event, new, asked)
        assert bench.queue.should_interrupt() is False, "once"
        if count:
            asked = new
        if carried:
            state = bench.queue.copy_state()
            bench.queue = Virtqueue(16)
            bench.queue.load_state(state)
            bench.queue.enable(bench.ram, event_idx=True, indirect=True)


@pytest.mark.parametrize("flags", [0, 1])
def test_without_event_idx_a_flag_asks_for_no_interrupt(flags: int) -> None:
    """And `used_event` is ignored (2.7.7.2)."""
    bench = Bench()
    bench.want(5)
    bench.poke(Poke(bench.ring.available, flags.to_bytes(2, "little")))
    assert not bench.queue.should_interrupt()
    bench.queue.add_used(0, 0)
    assert bench.queue.should_interrupt() is (flags == 0)


def test_with_event_idx_the_flag_is_ignored() -> None:
    bench = Bench(event_idx=True)
    bench.poke(Poke(bench.ring.available, b"\x01\x00"))
    bench.queue.add_used(0, 0)
    assert bench.queue.should_interrupt()


@pytest.mark.parametrize("event_idx", [False, True])
def test_the_driver_is_asked_to_notify_of_what_comes_next(event_idx: bool) -> None:
    """`avail_event`, with EVENT_IDX alone; whether there is more already, is told."""
    bench = Bench(event_idx=event_idx, start=65535)
    bench.poke(*bench.ring.post([b"a"], []), *bench.ring.post([b"b"], []))
    answers = []
    for _ in range(2):
        assert bench.queue.arm() is False
        bench.queue.pop()
        answers.append(int.from_bytes(bench.ram.read(bench.ring.avail_event, 2), "little"))
    assert bench.queue.arm() is True
    answers.append(int.from_bytes(bench.ram.read(bench.ring.avail_event, 2), "little"))
    assert answers == ([65535, 0, 1] if event_idx else [0, 0, 0])
    assert bench.ram.read(bench.ring.used, 2) == b"\0\0", "flags stay 0"


@pytest.mark.parametrize("event_idx", [False, True])
def test_the_driver_is_asked_to_notify_of_what_comes_behind_all_else(event_idx: bool) -> None:
    """Also where there is more that the device has no use for yet; nothing is taken."""
    bench = Bench(event_idx=event_idx, start=65535)
    for data in (b"a", b"b", b"c"):
        bench.poke(*bench.ring.post([data], []))
    bench.queue.pop()
    bench.queue.arm_behind()
    asked = int.from_bytes(bench.ram.read(bench.ring.avail_event, 2), "little")
    assert asked == (2 if event_idx else 0)
    assert bench.queue.available() == 2


@dataclass
class Naive:
    """A queue as a list of requests and a list of answers."""

    available: deque[tuple[list[bytes], list[int]]] = field(default_factory=deque)
    used: list[Used] = field(default_factory=list)


@given(
    seed=st.integers(0, 1 << 32),
    size=st.sampled_from([1, 2, 4, 8, 16]),
    start=st.sampled_from([0, 65535, 65530]) | st.integers(0, 0xFFFF),
    indirect=st.booleans(),
)
def test_a_queue_does_what_a_list_does(seed: int, size: int, start: int, indirect: bool) -> None:
    """Requests come out as they were put in, in order; answers too; whatever the driver, the
    device and a freeze in between do, and however often the rings go round.
    """
    random, bench, naive = Random(seed), Bench(size=size, start=start), Naive()
    taken: list[Chain] = []
    for _ in range(60):
        match random.randrange(5):
            case 0:
                post(random, bench, naive, indirect)
            case 1:
                take(bench, naive, taken)
            case 2 if taken:
                chain = taken.pop(random.randrange(len(taken)))
                written = chain.write(random.randbytes(random.randrange(40)))
                bench.queue.add_used(chain.head, written)
                naive.used.append(Used(chain.head, written))
            case 3:
                assert bench.ring.reap() == naive.used
                naive.used.clear()
            case 4:
                state = bench.queue.copy_state()
                bench.queue = Virtqueue(16)
                bench.queue.load_state(state)
                bench.queue.enable(bench.ram, event_idx=False, indirect=True)
        assert bench.queue.available() == len(naive.available)


def post(random: Random, bench: Bench, naive: Naive, indirect: bool) -> None:
    room = len(bench.ring.free)
    if not room:
        return
    count = random.randint(1, room)
    readable = [random.randbytes(random.randrange(9)) for _ in range(random.randint(0, count))]
    writable = [random.randrange(9) for _ in range(count - len(readable))]
    bench.poke(*bench.ring.post(readable, writable, indirect=indirect))
    naive.available.append((readable, writable))


def take(bench: Bench, naive: Naive, taken: list[Chain]) -> None:
    chain = bench.queue.pop()
    if not naive.available:
        assert chain is None
        return
    assert chain is not None
    bench.queue.undo_pop()
    assert bench.queue.pop() == chain
    assert bench.queue.chain(chain.head) == chain
    readable, writable = naive.available.popleft()
    assert chain.read() == b"".join(readable)
    assert [buffer.size_bytes for buffer in chain.readable] == [*map(len, readable)]
    assert [buffer.size_bytes for buffer in chain.writable] == writable
    taken.append(chain)


@pytest.mark.parametrize("ahead", [9, 10, 32768, 65535])
def test_an_index_that_runs_away_is_an_error(ahead: int) -> None:
    """More than the queue has descriptors; exactly as many may be."""
    bench = Bench(start=3)
    bench.poke(Poke(bench.ring.available + 2, (3 + 8).to_bytes(2, "little")))
    assert bench.queue.available() == 8
    bench.poke(Poke(bench.ring.available + 2, (3 + ahead & 0xFFFF).to_bytes(2, "little")))
    for call in (bench.queue.available, bench.queue.pop, bench.queue.arm):
        with pytest.raises(DriverError, match="ahead"):
            call()
    assert bench.queue.state.next_avail == 3


GOOD = QueueState(
    max_size=16,
    size=8,
    ready=True,
    desc_table=RAM_BASE,
    avail_ring=RAM_BASE + 0x400,
    used_ring=RAM_BASE + 0x800,
)

BAD: dict[str, dict[str, Any]] = {
    "not ready": {"ready": False},
    "size is 0": {"size": 0},
    "size is 3": {"size": 3},
    "size is 6": {"size": 6},
    "size is 32": {"size": 32},
    "size is 65535": {"size": 65535},
    "descriptor table is at": {"desc_table": RAM_BASE + 8},
    "available ring is at": {"avail_ring": RAM_BASE + 0x401},
    "used ring is at": {"used_ring": RAM_BASE + 0x802},
    "descriptor table is not in RAM": {"desc_table": RAM_BASE - 16},
    "descriptor table is not in RAM.*": {"desc_table": END - 16 * 7},
    "descriptor table is not in RAM.*0xf": {"desc_table": (1 << 64) - 16},
    "available ring is not in RAM": {"avail_ring": END - 20},
    "available ring is not in RAM.*0xf": {"avail_ring": (1 << 64) - 2},
    "used ring is not in RAM": {"used_ring": END - 68},
    "used ring is not in RAM.*0xf": {"used_ring": (1 << 64) - 4},
    "used ring is not in RAM.*0x0": {"used_ring": 0},
    "descriptor table .* overlaps .* available": {"avail_ring": RAM_BASE + 126},
    "available ring .* overlaps .* descriptor": {"avail_ring": RAM_BASE, "desc_table":
                                                 RAM_BASE + 16},
    "available ring .* overlaps .* used": {"used_ring": RAM_BASE + 0x400 + 20},
    "overlaps": {"avail_ring": RAM_BASE, "used_ring": RAM_BASE},
}  # fmt: skip


def build(**changed: Any) -> Virtqueue:
    queue = Virtqueue(16)
    queue.load_state(replace(GOOD, **changed))
    return queue


@pytest.mark.parametrize("said", BAD)
def test_a_queue_that_can_not_be_used_is_an_error(said: str) -> None:
    """Each rule of 2.7 and 4.2.3.2 by itself; the queue stays out of use."""
    queue = build(**BAD[said])
    with pytest.raises(DriverError, match=said):
        queue.enable(Ram(RAM_BASE, RAM_SIZE_BYTES), event_idx=False, indirect=False)
    assert not queue.is_enabled
    assert queue.pop() is None
    with pytest.raises(DriverError):
        queue.add_used(0, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"desc_table": END - 16 * 8},
        {"avail_ring": END - 22},
        {"used_ring": END - 72},
        {"avail_ring": RAM_BASE + 128, "used_ring": RAM_BASE + 128 + 24},
        {"size": 1},
        {"size": 16},
    ],
)
def test_a_queue_may_touch_the_end_of_ram_and_its_own_parts(changed: dict[str, int]) -> None:
    queue = build(**changed)
    queue.enable(Ram(RAM_BASE, RAM_SIZE_BYTES), event_idx=False, indirect=False)
    assert queue.is_enabled


def test_a_length_that_does_not_fit_is_told_as_less() -> None:
    bench = Bench()
    bench.queue.add_used(1, 1 << 32)
    assert bench.ring.reap() == [Used(1, 0xFFFF_FFFF)]


@pytest.mark.parametrize("name", ["max_size", "size", "next_avail", "next_used", "num_added"])
@pytest.mark.parametrize("value", [-1, 0x1_0000])
def test_a_state_that_no_queue_has_is_refused(name: str, value: int) -> None:
    broken: dict[str, Any] = {name: value}
    with pytest.raises(IncompatibleError, match=name):
        replace(QueueState.reset(1), **broken).check("here")


def test_buffers_are_named_by_address_and_size() -> None:
    bench = Bench()
    bench.poke(*bench.ring.post([b"abc"], [5]))
    chain = bench.queue.pop()
    assert chain is not None
    assert chain.readable == (Buffer(bench.ring.buffer(0), 3),)
    assert chain.writable == (Buffer(bench.ring.buffer(1), 5),)
