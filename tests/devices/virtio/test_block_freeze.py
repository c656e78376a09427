"""A block device that is frozen at any moment goes on as one that was not, and loses no request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtio import BLOCK, Feature
from emu.arch.virtio_block import SECTOR_SIZE_BYTES, RequestStatus
from emu.devices.virtio.block import BlockState, CacheType, FileEngine
from emu.devices.virtio.disk import FileDisk, MemoryDisk
from emu.devices.virtio.rate_limiter import RateLimiterConfig, RateLimiterState, TokenBucketConfig
from emu.errors import BackingError, IncompatibleError
from tests.devices.virtio.block_bench import (
    BlockBench,
    NaiveDisk,
    Request,
    drive,
    framed,
    pattern,
    read_request,
    requests,
    write_request,
)
from tests.devices.virtio.driver import Bench, Used
from tests.devices.virtio.limits import limits

MS = 1_000_000


@dataclass(frozen=True)
class Step:
    """What a driver does at a time.

    Attributes:
        cycles: how much time passes before.
        requests: what it makes available, and where each request is cut.
        notifies: whether it tells so.
        takes: whether it looks at what was given back, and acknowledges the interrupt.
    """

    cycles: int
    requests: list[tuple[Request, list[int]]]
    notifies: bool
    takes: bool


steps = st.lists(
    st.builds(
        Step,
        cycles=st.integers(0, 120 * MS),
        requests=st.lists(
            st.tuples(requests, st.lists(st.integers(0, 5000), max_size=2)), max_size=3
        ),
        notifies=st.booleans(),
        takes=st.booleans(),
    ),
    max_size=12,
)


@dataclass
class Run:
    """A driver that does such steps, and all that it saw."""

    block: BlockBench
    asked: list[tuple[int, Request]] = field(default_factory=list)
    seen: list[tuple[Used, bytes]] = field(default_factory=list)
    interrupts: list[int] = field(default_factory=list)

    @classmethod
    def begin(cls, limit: RateLimiterConfig, latency_cycles: int) -> Run:
        config = replace(drive(MemoryDisk(pattern())), rate_limiter=limit)
        block = BlockBench(config, Bench(latency_cycles=latency_cycles))
        block.start(queue_size=256)
        return cls(block)

    def do(self, step: Step) -> None:
        self.block.bench.advance(step.cycles)
        for request, cuts in step.requests:
            parts = framed(self.block.queue, request, cuts)
            self.asked.append((self.block.queue.offer(*parts), request))
        if step.notifies:
            self.block.driver.notify()
        if step.takes:
            self.take()

    def take(self) -> None:
        self.interrupts += [self.block.driver.acknowledge(), self.block.bench.line.pulses]
        for used in self.block.queue.take_used():
            self.seen.append((used, self.block.queue.content(used.head)))
        self.block.queue.set_used_event(self.block.queue.next_used)

    def finish(self) -> None:
        """Wait until all is answered: what is not has something that will see to it."""
        bench = self.block.bench
        self.block.driver.notify()
        self.take()
        while self.block.queue.outstanding:
            due = bench.host.deadlines.next_cycles()
            assert due is not None
            bench.advance(max(0, due - bench.clock.now()))
            self.take()

    @property
    def all_seen(self) -> object:
        bench = self.block.bench
        return self.seen, self.interrupts, self.block.disk.digest(), bench.ram.digest()


latencies = st.sampled_from([0, 1, 30 * MS])


@given(steps=steps, limit=limits, latency_cycles=latencies, frozen=st.sets(st.integers(0, 12)))
def test_frozen_between_any_two_steps_it_goes_on_as_if_it_was_not(
    steps: list[Step], limit: RateLimiterConfig, latency_cycles: int, frozen: set[int]
) -> None:
    straight, thawed = (Run.begin(limit, latency_cycles) for _ in range(2))
    for number, step in enumerate(steps):
        straight.do(step)
        thawed.do(step)
        if number in frozen:
            before = thawed.block.driver.device.state()
            thawed.block.thaw()
            assert thawed.block.driver.device.state() == before
    straight.finish()
    thawed.finish()
    assert thawed.all_seen == straight.all_seen


@given(steps=steps, limit=limits, latency_cycles=latencies, frozen=st.sets(st.integers(0, 12)))
def test_each_request_is_answered_once_and_in_order_even_if_the_format_forgets_the_timer(
    steps: list[Step], limit: RateLimiterConfig, latency_cycles: int, frozen: set[int]
) -> None:
    """Firecracker's states have neither that the limiter is blocked nor what was notified; so it
    looks at all queues after a restore.
    """
    run = Run.begin(limit, latency_cycles)
    for number, step in enumerate(steps):
        run.do(step)
        if number in frozen:
            run.block.driver.thaw(lambda old, new: new.load_state(_as_saved(old.state())))
            run.block.driver.device.kick()
    run.finish()
    model = NaiveDisk(pattern(), b"rootfs")
    expected = []
    for head, request in run.asked:
        status, data = model.answer(request)
        expected.append((head, data.ljust(request.size_bytes, b"\0") + bytes((status,))))
    assert [(used.head, content) for used, content in run.seen] == expected
    assert run.block.disk.read(0, run.block.disk.size_bytes) == model.contents


def _as_saved(state: BlockState) -> BlockState:
    """Without what Firecracker does not save."""
    return replace(
        state,
        virtio=replace(state.virtio, notified=()),
        rate_limiter_state=replace(state.rate_limiter_state, blocked_cycles=None),
    )


# --- throttling ------------------------------------------------------------------------------


def throttled(without: Sequence[int] = ()) -> BlockBench:
    """A drive with one request each 100 ms."""
    bucket = TokenBucketConfig(size=1, refill_time_ms=100)
    block = BlockBench(replace(drive(), rate_limiter=RateLimiterConfig(ops=bucket)))
    block.start(without=without)
    return block


def test_a_request_that_is_not_granted_waits_in_the_ring_and_those_behind_it() -> None:
    block = throttled(without=[Feature.EVENT_IDX])
    heads = [block.offer(read_request(n)) for n in range(3)]
    block.driver.notify()
    assert [used.head for used in block.queue.take_used()] == heads[:1]
    assert block.driver.device.queues[0].state.next_avail == 1
    block.driver.notify()
    block.bench.advance(100 * MS - 1)
    assert block.queue.take_used() == []
    block.bench.advance(1)
    assert [used.head for used in block.queue.take_used()] == heads[1:2]
    block.bench.advance(100 * MS)
    assert [used.head for used in block.queue.take_used()] == heads[2:]
    assert block.bench.line.pulses == 3


def test_a_request_of_more_than_the_bucket_is_granted_and_the_next_one_waits_longer() -> None:
    bucket = TokenBucketConfig(size=SECTOR_SIZE_BYTES, refill_time_ms=50)
    block = BlockBench(replace(drive(), rate_limiter=RateLimiterConfig(bandwidth=bucket)))
    block.start()
    assert block.ask(read_request(0, 4)).status == RequestStatus.OK
    block.offer(read_request(1000))
    block.driver.notify()  # the device does not look, so it does not see that this is a bad one
    block.bench.advance(150 * MS - 1)
    assert block.queue.take_used() == []
    block.bench.advance(1)
    assert len(block.queue.take_used()) == 1


def test_bad_requests_are_answered_at_once_and_do_not_count() -> None:
    block = throttled()
    for _ in range(3):
        assert block.ask(read_request(1000)).status == RequestStatus.IOERR
    assert block.ask(read_request(0)).status == RequestStatus.OK


def test_a_reset_forgets_what_waits_and_not_the_limit() -> None:
    block = throttled()
    block.offer(write_request(0, bytes(512)))
    block.offer(write_request(1, bytes(512)))
    block.driver.notify()
    block.driver["Status"] = 0
    block.bench.advance(50 * MS)
    block.start()
    block.offer(read_request(1))
    block.driver.notify()
    assert block.queue.take_used() == []
    block.bench.advance(50 * MS)
    (used,) = block.queue.take_used()
    assert block.answer(used.head, used.written).data == pattern()[512:1024]
    assert not block.bench.violations


# --- state -----------------------------------------------------------------------------------


def test_a_state_says_what_was_chosen(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(pattern())
    config = replace(
        drive(FileDisk(path, is_read_only=True)),
        id="data",
        is_root=True,
        is_read_only=True,
        partuuid="0eaa91a0-01",
        file_engine=FileEngine.ASYNC,
    )
    block = BlockBench(config)
    state = block.driver.device.state()
    assert state == BlockState(
        id="data",
        partuuid="0eaa91a0-01",
        cache_type=CacheType.WRITEBACK,
        root_device=True,
        disk_path=str(path),
        virtio=state.virtio,
        rate_limiter_state=RateLimiterState(),
        file_engine_type=FileEngine.ASYNC,
    )
    assert BlockBench(replace(config, path="/elsewhere")).driver.device.state() == replace(
        state, disk_path="/elsewhere"
    )


def test_a_state_makes_another_drive_what_it_was() -> None:
    saved = replace(
        BlockBench(replace(drive(), is_read_only=True)).driver.device.state(),
        partuuid="0eaa91a0-01",
        root_device=True,
        disk_path="/srv/rootfs.ext4",
        cache_type=CacheType.UNSAFE,
        file_engine_type=FileEngine.ASYNC,
    )
    other = BlockBench().driver.device
    other.load_state(saved)
    assert other.state() == saved
    assert other.is_read_only


def test_a_state_of_another_drive_is_refused() -> None:
    state = BlockBench(replace(drive(), id="data")).driver.device.state()
    with pytest.raises(IncompatibleError, match="state of the drive data, and this is rootfs"):
        BlockBench().driver.device.load_state(state)


def test_a_state_that_may_write_needs_a_disk_that_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(pattern())
    state = BlockBench().driver.device.state()
    read_only = replace(drive(FileDisk(path, is_read_only=True)), is_read_only=True)
    device = BlockBench(read_only).driver.device
    before = device.state()
    with pytest.raises(BackingError, match="may write to the drive rootfs"):
        device.load_state(state)
    assert device.state() == before


def test_a_state_with_a_bucket_that_none_can_be_is_refused_and_changes_nothing() -> None:
    block = throttled()
    before = block.driver.device.state()
    assert before.rate_limiter_state.ops is not None
    broken = replace(before.rate_limiter_state, ops=replace(before.rate_limiter_state.ops, size=0))
    changed = replace(before, partuuid="x", rate_limiter_state=broken)
    with pytest.raises(IncompatibleError, match="device rootfs, rate limiter, ops: size is 0"):
        block.driver.device.load_state(changed)
    assert block.driver.device.state() == before


def test_features_of_a_state_are_what_the_device_goes_by() -> None:
    state = BlockBench().driver.device.state()
    virtio = replace(state.virtio, avail_features=state.virtio.avail_features | BLOCK.mask("RO"))
    device = BlockBench().driver.device
    device.load_state(replace(state, virtio=virtio))
    assert device.is_read_only
