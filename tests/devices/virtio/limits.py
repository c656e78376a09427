"""Rate limiters that a user may choose, small enough to be felt."""

from __future__ import annotations

from hypothesis import strategies as st

from emu.devices.virtio.rate_limiter import RateLimiterConfig, TokenBucketConfig


def buckets(size: int, one_time_burst: int) -> st.SearchStrategy[TokenBucketConfig]:
    """Buckets that hold at most so much."""
    return st.builds(
        TokenBucketConfig,
        size=st.integers(0, size),
        refill_time_ms=st.integers(0, 300),
        one_time_burst=st.integers(0, one_time_burst),
    )


limits = st.builds(
    RateLimiterConfig,
    bandwidth=st.none() | buckets(5000, 3000),
    ops=st.none() | buckets(5, 3),
)
