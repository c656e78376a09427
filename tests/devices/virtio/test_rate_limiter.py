"""Rate limiters grant what Firecracker's token buckets would, and keep it over a restore."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.devices.virtio.rate_limiter import (
    UNLIMITED,
    RateLimiter,
    RateLimiterConfig,
    RateLimiterState,
    TokenBucketConfig,
    TokenBucketState,
)
from emu.errors import BoardError, IncompatibleError
from tests.devices.virtio.driver import Bench
from tests.devices.virtio.limits import limits

MS = 1_000_000
U64 = (1 << 64) - 1

steps = st.lists(st.tuples(st.integers(0, 150 * MS), st.none() | st.integers(0, 8000)), max_size=40)
"""Cycles that pass, and the operation that comes then."""


class Limited:
    """A limiter in a machine, and how often it said that it is unblocked."""

    def __init__(self, config: RateLimiterConfig, cycles_per_s: int = 1000 * MS) -> None:
        self.bench = Bench(cycles_per_s=cycles_per_s)
        self.unblocked = 0
        self.limiter = RateLimiter(self.bench.host, config, self._on_unblocked)

    def thaw(self, state: RateLimiterState) -> None:
        self.bench.forget_deadlines()
        self.limiter = RateLimiter(self.bench.host, UNLIMITED, self._on_unblocked)
        self.limiter.load_state(state)

    def _on_unblocked(self) -> None:
        self.unblocked += 1


def bytes_bucket(size: int, refill_time_ms: int, one_time_burst: int = 0) -> RateLimiterConfig:
    return RateLimiterConfig(
        bandwidth=TokenBucketConfig(
            size=size, refill_time_ms=refill_time_ms, one_time_burst=one_time_burst
        )
    )


def ops_bucket(size: int, refill_time_ms: int, one_time_burst: int = 0) -> RateLimiterConfig:
    bandwidth = bytes_bucket(size, refill_time_ms, one_time_burst).bandwidth
    return RateLimiterConfig(ops=bandwidth)


# --- rules -----------------------------------------------------------------------------------


@given(sizes=st.lists(st.none() | st.integers(0, 1 << 40), max_size=20))
def test_without_buckets_everything_is_granted(sizes: list[int | None]) -> None:
    limited = Limited(UNLIMITED)
    assert all(limited.limiter.consume(size) for size in sizes)
    assert limited.limiter.state() == RateLimiterState()


@pytest.mark.parametrize(("size", "refill_time_ms"), [(0, 100), (100, 0), (1, U64)])
def test_a_bucket_of_no_size_or_time_limits_nothing(size: int, refill_time_ms: int) -> None:
    """The last one's nanoseconds don't fit 64 bits."""
    assert Limited(bytes_bucket(size, refill_time_ms)).limiter.state() == RateLimiterState()


def test_what_is_left_is_granted_and_more_blocks_for_100_ms() -> None:
    limited = Limited(bytes_bucket(1000, 1000))
    assert limited.limiter.consume(600)
    assert not limited.limiter.consume(401)
    limited.bench.advance(100 * MS - 1)
    assert (limited.limiter.is_blocked, limited.unblocked) == (True, 0)
    assert not limited.limiter.consume(1)
    limited.bench.advance(1)
    assert (limited.limiter.is_blocked, limited.unblocked) == (False, 1)
    assert limited.limiter.consume(500)  # 400 were left, and 100 came
    assert not limited.limiter.consume(1)


def test_a_burst_is_used_first_and_does_not_come_back() -> None:
    limited = Limited(bytes_bucket(10, 100, one_time_burst=100))
    assert limited.limiter.consume(90)
    assert limited.limiter.consume(20)  # the last 10 of the burst, and 10 of the bucket
    assert not limited.limiter.consume(1)
    limited.bench.advance(100 * MS)
    assert limited.limiter.consume(10)
    assert not limited.limiter.consume(1)


def test_more_than_the_bucket_holds_is_granted_and_blocks_until_it_would_have_flowed_in() -> None:
    limited = Limited(bytes_bucket(1000, 100))
    assert limited.limiter.consume(3500)
    assert limited.limiter.is_blocked
    limited.bench.advance(250 * MS - 1)
    assert limited.limiter.is_blocked
    limited.bench.advance(1)
    assert not limited.limiter.is_blocked


def test_a_wait_of_less_than_a_millisecond_does_not_block_for_good() -> None:
    """Firecracker arms its timer with zero then, which disarms it."""
    limited = Limited(bytes_bucket(1000, 5))
    assert limited.limiter.consume(1001)
    limited.bench.advance(5 * MS)
    assert limited.limiter.consume(1000)


def test_an_operation_whose_bytes_are_not_granted_is_not_counted() -> None:
    ops, bandwidth = ops_bucket(2, 10**6).ops, bytes_bucket(1000, 100).bandwidth
    limited = Limited(RateLimiterConfig(ops=ops, bandwidth=bandwidth))
    assert limited.limiter.consume(1000)
    assert not limited.limiter.consume(1000)
    limited.bench.advance(100 * MS)
    assert limited.limiter.consume(1000)


def test_an_operation_that_moves_no_bytes_needs_none() -> None:
    limited = Limited(bytes_bucket(1000, 100))
    assert limited.limiter.consume(1000)
    assert limited.limiter.consume()


def test_what_is_given_back_can_be_asked_for_again() -> None:
    limited = Limited(bytes_bucket(1000, 10**6))
    assert limited.limiter.consume(700)
    limited.limiter.replenish(700)
    limited.limiter.replenish(700)  # no more than the bucket holds
    assert limited.limiter.consume(1000)
    assert not limited.limiter.consume(1)


def test_parts_of_tokens_are_not_lost() -> None:
    """One comes each 150 ms. Of 240 ms, 90 count for the next one."""
    limited = Limited(ops_bucket(2, 300))
    assert [limited.limiter.consume() for _ in range(2)] == [True, True]
    limited.bench.advance(140 * MS)
    assert not limited.limiter.consume()
    limited.bench.advance(100 * MS)
    assert limited.limiter.consume()
    limited.bench.advance(60 * MS)
    assert limited.limiter.consume()


def test_no_part_of_a_nanosecond_is_used_twice() -> None:
    """A token comes each 142857142.857 ns; the time that is used up for one is rounded up."""
    limited = Limited(bytes_bucket(7, 1000))
    assert limited.limiter.consume(7)
    limited.bench.advance(142_857_143)
    assert limited.limiter.consume(1)
    state = limited.limiter.state().bandwidth
    assert state is not None
    assert (state.budget, state.elapsed_ns) == (0, 0)


def test_cycles_that_are_no_whole_milliseconds_are_waited_for() -> None:
    limited = Limited(bytes_bucket(2, 1000), cycles_per_s=1001)
    assert limited.limiter.consume(2)
    assert not limited.limiter.consume(1)
    assert limited.limiter.state().blocked_cycles == 101


# --- against a model -------------------------------------------------------------------------


class NaiveBucket:
    """Tokens as a fraction that flows in all the time, but is looked at when too little is left."""

    def __init__(self, config: TokenBucketConfig) -> None:
        self.config = config
        self.burst = config.one_time_burst
        self.whole = config.size
        self.since_ns = Fraction(0)

    def take(self, tokens: int, now_ns: int) -> tuple[bool, int]:
        """Whether they are granted, and for how long to block."""
        if self.burst >= tokens and self.burst:
            self.burst, self.since_ns = self.burst - tokens, Fraction(now_ns)
            return True, 0
        tokens, self.burst = tokens - self.burst, 0
        if tokens > self.whole:
            self._flow_in(now_ns)
        if tokens <= self.whole:
            self.whole -= tokens
            return True, 0
        if tokens <= self.config.size:
            return False, 100
        missing, self.whole = tokens - self.whole, 0
        return True, int(missing / self.config.size * self.config.refill_time_ms)

    def give_back(self) -> None:
        if self.burst:
            self.burst += 1
        else:
            self.whole = min(self.whole + 1, self.config.size)

    def _flow_in(self, now_ns: int) -> None:
        token_ns = Fraction(self.config.refill_time_ms * MS, self.config.size)
        if now_ns - self.since_ns >= self.config.refill_time_ms * MS:
            self.whole, self.since_ns = self.config.size, Fraction(now_ns)
            return
        tokens = (now_ns - self.since_ns) // token_ns
        used_ns = Fraction(-(-(tokens * token_ns) // 1))  # whole nanoseconds
        self.whole, self.since_ns = (
            min(self.whole + tokens, self.config.size),
            (self.since_ns + used_ns),
        )


class NaiveLimiter:
    """Two buckets, and a time until which nothing goes."""

    def __init__(self, config: RateLimiterConfig) -> None:
        self.ops, self.bandwidth = (
            NaiveBucket(bucket) if bucket is not None and bucket.is_limit else None
            for bucket in (config.ops, config.bandwidth)
        )
        self.blocked_until_ns: int | None = None

    def consume(self, size_bytes: int | None, now_ns: int) -> bool:
        if self.blocked_until_ns is not None and now_ns < self.blocked_until_ns:
            return False
        self.blocked_until_ns = None
        if not self._take(self.ops, 1, now_ns):
            return False
        if size_bytes is None or self._take(self.bandwidth, size_bytes, now_ns):
            return True
        if self.ops is not None:
            self.ops.give_back()
        return False

    def _take(self, bucket: NaiveBucket | None, tokens: int, now_ns: int) -> bool:
        if bucket is None:
            return True
        granted, blocked_ms = bucket.take(tokens, now_ns)
        if blocked_ms:
            self.blocked_until_ns = now_ns + blocked_ms * MS
        return granted


@given(config=limits, steps=steps)
def test_it_grants_what_a_naive_model_grants(
    config: RateLimiterConfig, steps: list[tuple[int, int | None]]
) -> None:
    limited, model = Limited(config), NaiveLimiter(config)
    for cycles, size_bytes in steps:
        limited.bench.advance(cycles)
        expected = model.consume(size_bytes, limited.bench.clock.now())
        assert limited.limiter.consume(size_bytes) == expected
        assert limited.limiter.is_blocked == (model.blocked_until_ns is not None)
        state = limited.limiter.state()
        for bucket, naive in ((state.ops, model.ops), (state.bandwidth, model.bandwidth)):
            if bucket is not None and naive is not None:
                assert bucket.budget == naive.whole
                assert limited.bench.clock.now() - bucket.elapsed_ns == int(naive.since_ns)


@given(config=limits, steps=steps, cycles_per_s=st.sampled_from([62_500_000, 999_999_937]))
def test_a_restore_between_any_two_steps_changes_nothing(
    config: RateLimiterConfig, steps: list[tuple[int, int | None]], cycles_per_s: int
) -> None:
    straight, thawed = (Limited(config, cycles_per_s) for _ in range(2))
    for cycles, size_bytes in steps:
        for limited in (straight, thawed):
            limited.bench.advance(cycles)
        thawed.thaw(thawed.limiter.state())
        assert thawed.limiter.state() == straight.limiter.state()
        assert thawed.limiter.consume(size_bytes) == straight.limiter.consume(size_bytes)
        assert thawed.unblocked == straight.unblocked


# --- its state -------------------------------------------------------------------------------


def test_the_time_before_a_freeze_counts_after_the_thaw() -> None:
    limited = Limited(bytes_bucket(1000, 1000))
    assert limited.limiter.consume(1000)
    limited.bench.advance(300 * MS)
    state = limited.limiter.state()
    assert state.bandwidth == TokenBucketState(
        size=1000, one_time_burst=0, refill_time=1000, budget=0, elapsed_ns=300 * MS
    )
    later = Limited(UNLIMITED)
    later.bench.advance(7 * MS)
    later.limiter.load_state(state)
    later.bench.advance(200 * MS)
    assert later.limiter.consume(500)
    assert not later.limiter.consume(1)


def test_a_state_of_firecracker_is_not_blocked() -> None:
    limited = Limited(bytes_bucket(1000, 1000))
    assert limited.limiter.consume(1000)
    assert not limited.limiter.consume(1)
    assert limited.limiter.state().blocked_cycles == 100 * MS
    limited.limiter.load_state(RateLimiterState(bandwidth=limited.limiter.state().bandwidth))
    assert not limited.limiter.is_blocked
    limited.bench.advance(500 * MS)
    assert limited.unblocked == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": 0}, "limits nothing"),
        ({"refill_time": 0}, "limits nothing"),
        ({"refill_time": U64}, "limits nothing"),
        ({"budget": U64 + 1}, "budget is .* not of 64 bits"),
        ({"elapsed_ns": -1}, "elapsed_ns is -1"),
    ],
)
def test_a_state_that_no_bucket_has_is_refused(changed: dict[str, int], message: str) -> None:
    values = {"size": 1, "one_time_burst": 0, "refill_time": 1, "budget": 1} | changed
    limited = Limited(UNLIMITED)
    with pytest.raises(IncompatibleError, match=message):
        limited.limiter.load_state(RateLimiterState(ops=TokenBucketState(**values)))
    assert limited.limiter.state() == RateLimiterState()


def test_a_choice_that_is_not_of_64_bits_is_refused() -> None:
    with pytest.raises(BoardError, match="size is -1"):
        TokenBucketConfig(size=-1, refill_time_ms=1)
