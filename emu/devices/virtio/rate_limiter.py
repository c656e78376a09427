"""Rate limiters: token buckets of operations and of bytes, in virtual time.

The rules are Firecracker's, which v1.9.0 to v1.16.1 have in common
(`src/vmm/src/rate_limiter/mod.rs` and `persist.rs`):

* A bucket begins full. It is filled up lazily, when a request asks for more than it has, with whole
  tokens for the time that has passed; the rest of that time counts for the next one.
* A request that it can't grant blocks the limiter for 100 ms, for both buckets.
* A request of more than the bucket holds is granted, empties it, and blocks the limiter for as long
  as the tokens that were missing take to flow in.
* No state of Firecracker's has the timer: a limiter that was blocked is not after a restore.

Where it differs: if that last time is less than a millisecond, Firecracker arms its timer with
zero, which disarms it, so that the limiter is blocked for good. Here it is not blocked then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from math import gcd
from typing import Final, NamedTuple

from emu.core.deadlines import Deadline
from emu.devices.host import Host
from emu.errors import BoardError, IncompatibleError

BLOCKED_MS: Final = 100
"""How long a limiter is blocked by a request that it can't grant."""

_U64: Final = (1 << 64) - 1
_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucketConfig:
    """What a user chooses of a bucket; values are of 64 bits.

    Attributes:
        size: how many tokens it holds; 0 for no limit.
        refill_time_ms: how long it takes to fill up from nothing; 0 for no limit.
        one_time_burst: tokens besides, which are used first and never come back.

    Raises:
        BoardError: a value is not of 64 bits.
    """

    size: int
    refill_time_ms: int
    one_time_burst: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= _U64:
                raise BoardError(
                    f"rate limiter: {field.name} is {value}; expected 0 to {_U64}, which is 64 bits"
                )

    @property
    def is_limit(self) -> bool:
        """Whether it limits anything. A time whose nanoseconds don't fit 64 bits does not."""
        return self.size > 0 and 0 < self.refill_time_ms * _NS_PER_MS <= _U64


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimiterConfig:
    """What a user chooses of a limiter.

    Attributes:
        bandwidth: the bucket of bytes; None for no limit.
        ops: the bucket of operations; None for no limit.
    """

    bandwidth: TokenBucketConfig | None = None
    ops: TokenBucketConfig | None = None


UNLIMITED: Final = RateLimiterConfig()


@dataclass(slots=True, kw_only=True)
class TokenBucketState:
    """A bucket, as Firecracker saves it; values are of 64 bits.

    Attributes:
        size: how many tokens it holds.
        one_time_burst: what is left of the tokens that never come back.
        refill_time: how long it takes to fill up from nothing, in milliseconds.
        budget: how many tokens it has.
        elapsed_ns: nanoseconds since it had them.
    """

    size: int
    one_time_burst: int
    refill_time: int
    budget: int
    elapsed_ns: int = 0

    def check(self, where: str) -> None:
        """Raise `IncompatibleError` for what no bucket can be; `where` it is."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= _U64:
                raise IncompatibleError(f"{where}: {field.name} is {value}, not of 64 bits")
        if not self.size or not 0 < self.refill_time * _NS_PER_MS <= _U64:
            raise IncompatibleError(
                f"{where}: size is {self.size} and refill_time {self.refill_time} ms, which limits "
                "nothing; such a bucket is left out"
            )


@dataclass(slots=True, kw_only=True)
class RateLimiterState:
    """A limiter, as Firecracker saves it, and for how long it is blocked.

    Attributes:
        ops: the bucket of operations; None if there is no limit.
        bandwidth: the bucket of bytes; None if there is no limit.
        blocked_cycles: cycles of virtual time until it is unblocked; None if it is not blocked. No
            format of Firecracker's has this.
    """

    ops: TokenBucketState | None = None
    bandwidth: TokenBucketState | None = None
    blocked_cycles: int | None = None

    def check(self, where: str) -> None:
        """Raise `IncompatibleError` for what no limiter can be; `where` it is."""
        for name, bucket in (("ops", self.ops), ("bandwidth", self.bandwidth)):
            if bucket is not None:
                bucket.check(f"{where}, {name}")
        if self.blocked_cycles is not None and not 0 <= self.blocked_cycles <= _U64:
            raise IncompatibleError(
                f"{where}: blocked_cycles is {self.blocked_cycles}, not of 64 bits"
            )


class Reduction(NamedTuple):
    """What a bucket says to a request for tokens.

    Attributes:
        granted: whether it gave them.
        blocked_ms: for how many milliseconds nothing more may be asked of the limiter.
    """

    granted: bool
    blocked_ms: int = 0


class TokenBucket:
    """One bucket.

    Args:
        state: what it is.
        now_ns: virtual time, in nanoseconds.
    """

    def __init__(self, state: TokenBucketState, now_ns: Callable[[], int]) -> None:
        self._s = replace(state)
        self._now_ns = now_ns
        self._updated_ns = now_ns() - state.elapsed_ns
        self._burst_max = state.one_time_burst
        refill_ns = state.refill_time * _NS_PER_MS
        common = gcd(state.size, refill_ns)
        self._tokens_per_step, self._ns_per_step = state.size // common, refill_ns // common

    def state(self) -> TokenBucketState:
        """A copy of the state."""
        return replace(self._s, elapsed_ns=self._now_ns() - self._updated_ns)

    def reduce(self, tokens: int) -> Reduction:
        """Ask for so many tokens."""
        s = self._s
        if s.one_time_burst >= tokens and s.one_time_burst:
            s.one_time_burst -= tokens
            self._updated_ns = self._now_ns()
            return Reduction(True)
        tokens -= s.one_time_burst
        s.one_time_burst = 0
        if tokens > s.budget:
            self._fill_up()
        if tokens > s.budget:
            return self._over_consume(tokens) if tokens > s.size else Reduction(False, BLOCKED_MS)
        s.budget -= tokens
        return Reduction(True)

    def replenish(self, tokens: int) -> None:
        """Give tokens back. While there is a burst they go there, wherever they came from."""
        s = self._s
        if s.one_time_burst:
            s.one_time_burst = min(s.one_time_burst + tokens, self._burst_max)
        else:
            s.budget = min(s.budget + tokens, s.size)

    def _fill_up(self) -> None:
        s, now_ns = self._s, self._now_ns()
        passed_ns = now_ns - self._updated_ns
        if passed_ns >= s.refill_time * _NS_PER_MS:
            s.budget, self._updated_ns = s.size, now_ns
            return
        tokens = passed_ns * self._tokens_per_step // self._ns_per_step
        # The least time that makes these tokens, so rounded up: no part of it is used twice.
        self._updated_ns += -(-tokens * self._ns_per_step // self._tokens_per_step)
        s.budget = min(s.budget + tokens, s.size)

    def _over_consume(self, tokens: int) -> Reduction:
        """Firecracker computes the time in floating point, and so does this, to the same bits."""
        s = self._s
        missing, s.budget = tokens - s.budget, 0
        ratio = float(missing) / float(s.size)
        return Reduction(True, int(ratio * float(s.refill_time)))


class RateLimiter:
    """A limiter of operations and their bytes.

    Args:
        host: the machine.
        config: what its user chose.
        on_unblocked: called when it was blocked and is not any more.
    """

    def __init__(
        self, host: Host, config: RateLimiterConfig, on_unblocked: Callable[[], None]
    ) -> None:
        self._host = host
        self._on_unblocked = on_unblocked
        self._blocked: Deadline | None = None
        self._ops = self._bucket(_full(config.ops))
        self._bandwidth = self._bucket(_full(config.bandwidth))

    @property
    def is_blocked(self) -> bool:
        """Whether nothing is granted."""
        return self._blocked is not None

    def consume(self, size_bytes: int | None = None) -> bool:
        """Whether an operation may be carried out.

        If not, the limiter is blocked, and tells when that is over. Even if it may, the limiter
        can be blocked after it.

        Args:
            size_bytes: how many bytes it moves; None if it is not of a kind that does.
        """
        if self.is_blocked or not self._reduce(self._ops, 1):
            return False
        if size_bytes is None:
            return True
        if self._reduce(self._bandwidth, size_bytes):
            return True
        self.replenish()
        return False

    def replenish(self, size_bytes: int | None = None) -> None:
        """An operation that was granted was not carried out: the arguments of `consume`."""
        if self._ops is not None:
            self._ops.replenish(1)
        if self._bandwidth is not None and size_bytes is not None:
            self._bandwidth.replenish(size_bytes)

    def state(self) -> RateLimiterState:
        """A copy of the state."""
        blocked = self._blocked
        return RateLimiterState(
            ops=None if self._ops is None else self._ops.state(),
            bandwidth=None if self._bandwidth is None else self._bandwidth.state(),
            blocked_cycles=max(0, blocked.cycles - self._host.clock.now()) if blocked else None,
        )

    def load_state(self, state: RateLimiterState) -> None:
        """Become `state`, as of this point of virtual time.

        Raises:
            IncompatibleError: `state` is none that a limiter can have.
        """
        state.check("state of a rate limiter")
        self._ops, self._bandwidth = self._bucket(state.ops), self._bucket(state.bandwidth)
        if self._blocked is not None:
            self._blocked.cancel()
            self._blocked = None
        if state.blocked_cycles is not None:
            self._block(state.blocked_cycles)

    def _bucket(self, state: TokenBucketState | None) -> TokenBucket | None:
        return None if state is None else TokenBucket(state, self._now_ns)

    def _now_ns(self) -> int:
        return self._host.clock.now() * _NS_PER_S // self._host.cycles_per_s

    def _reduce(self, bucket: TokenBucket | None, tokens: int) -> bool:
        if bucket is None:
            return True
        granted, blocked_ms = bucket.reduce(tokens)
        if blocked_ms:
            self._block(-(-blocked_ms * self._host.cycles_per_s // 1000))
        return granted

    def _block(self, cycles: int) -> None:
        self._blocked = self._host.deadlines.after(cycles, self._unblock)

    def _unblock(self) -> None:
        self._blocked = None
        self._on_unblocked()


def _full(config: TokenBucketConfig | None) -> TokenBucketState | None:
    """A bucket as it is made; None if it limits nothing."""
    if config is None or not config.is_limit:
        return None
    return TokenBucketState(
        size=config.size,
        one_time_burst=config.one_time_burst,
        refill_time=config.refill_time_ms,
        budget=config.size,
    )
