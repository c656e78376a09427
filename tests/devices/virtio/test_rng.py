"""The entropy device fills what it is given from the host's entropy, as fast as it may."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtio import Feature
from emu.devices.virtio.config import Offer
from emu.devices.virtio.rate_limiter import RateLimiterConfig, TokenBucketConfig
from emu.devices.virtio.rng import Rng, RngConfig
from emu.errors import IncompatibleError, MachineError
from tests.devices.virtio.driver import OUTSIDE_RAM, Bench, Driver, Part, Used, counted_entropy

OFFER = Offer(1 << Feature.VERSION_1)
MS = 1_000_000
LIMIT = 64 << 10


def started(
    config: RngConfig | None = None, *, offer: Offer = OFFER, bench: Bench | None = None
) -> Driver[Rng]:
    chosen = config or RngConfig()
    driver = Driver(bench or Bench(), lambda host: chosen.build(host, offer))
    driver.start()
    return driver


def limited(size: int, refill_time_ms: int = 1000) -> RngConfig:
    """So many bytes at a time."""
    bucket = TokenBucketConfig(size=size, refill_time_ms=refill_time_ms)
    return RngConfig(rate_limiter=RateLimiterConfig(bandwidth=bucket))


def reload(old: Rng, new: Rng) -> None:
    new.load_state(old.state())


@given(sizes=st.lists(st.integers(0, 600), min_size=1, max_size=5), indirect=st.booleans())
def test_every_buffer_is_filled_to_its_end(sizes: list[int], indirect: bool) -> None:
    offer = Offer(OFFER.features | indirect << Feature.INDIRECT_DESC)
    driver = started(offer=offer)
    head = driver.queues[0].offer(*sizes, indirect=indirect)
    driver.notify()
    assert driver.queues[0].take_used() == [Used(head, sum(sizes))]
    assert driver.queues[0].content(head) == counted_entropy(sum(sizes))
    assert (driver.bench.line.pulses, driver.acknowledge()) == (1, 1)


def test_the_entropy_is_the_host_s_and_drawn_once_a_request() -> None:
    bench, drawn = Bench(), list[int]()

    def entropy(size: int) -> bytes:
        drawn.append(size)
        return bytes(size)

    bench.host = replace(bench.host, entropy=entropy)
    driver = started(bench=bench)
    for sizes in ((8, 8), (32,)):
        driver.queues[0].offer(*sizes)
    driver.notify()
    assert drawn == [16, 32]


@pytest.mark.parametrize(("size", "filled"), [(LIMIT - 1, LIMIT - 1), (LIMIT + 1, LIMIT)])
def test_of_a_request_at_most_64_kib_are_filled(size: int, filled: int) -> None:
    driver = started()
    head = driver.queues[0].offer(size)
    driver.notify()
    assert driver.queues[0].take_used() == [Used(head, filled)]
    assert driver.queues[0].content(head) == counted_entropy(filled) + bytes(size - filled)


def test_a_request_that_can_be_read_is_given_back_untouched() -> None:
    driver = started()
    head = driver.queues[0].offer(b"read", 4)
    driver.notify()
    assert driver.queues[0].take_used() == [Used(head, 0)]
    assert driver.queues[0].content(head) == bytes(4)
    assert len(driver.bench.violations) == 1
    assert not driver.needs_reset


def test_a_buffer_that_is_no_ram_needs_a_reset_and_after_it_the_device_works() -> None:
    driver = started()
    driver.queues[0].offer(Part(OUTSIDE_RAM, 8, is_writable=True))
    driver.notify()
    assert driver.needs_reset
    driver["Status"] = 0
    driver.start()
    head = driver.queues[0].offer(8)
    driver.notify()
    assert driver.queues[0].take_used() == [Used(head, 8)]


def test_a_source_that_gives_too_little_is_the_machine_s_fault() -> None:
    bench = Bench()
    bench.host = replace(bench.host, entropy=lambda size: bytes(size - 1))
    driver = started(bench=bench)
    driver.queues[0].offer(8)
    with pytest.raises(MachineError, match="gave 7 bytes where 8 were asked for"):
        driver.notify()


# --- the limiter -----------------------------------------------------------------------------


def test_what_the_limiter_forbids_stays_available_until_it_lets_go() -> None:
    driver = started(limited(100))
    heads = [driver.queues[0].offer(80) for _ in range(2)]
    driver.notify()
    assert driver.queues[0].take_used() == [Used(heads[0], 80)]
    driver.notify()
    assert driver.queues[0].take_used() == []
    driver.bench.advance(99 * MS)
    assert driver.queues[0].take_used() == []
    driver.bench.advance(501 * MS)  # 60 tokens are missing, at 100 a second; it looks every 100 ms
    assert driver.queues[0].take_used() == [Used(heads[1], 80)]
    assert driver.bench.line.pulses == 2


def test_a_limited_request_is_neither_lost_nor_repeated_over_a_restore() -> None:
    driver = started(limited(100))
    heads = [driver.queues[0].offer(80) for _ in range(2)]
    driver.notify()
    driver.thaw(reload)
    driver.device.kick()
    assert driver.queues[0].take_used() == [Used(heads[0], 80)]
    driver.bench.advance(1000 * MS)
    assert driver.queues[0].take_used() == [Used(heads[1], 80)]
    assert driver.queues[0].outstanding == 0


# --- state -----------------------------------------------------------------------------------


@given(sizes=st.lists(st.integers(1, 200), max_size=8), advanced=st.integers(0, 400 * MS))
def test_capture_after_apply_is_the_identity(sizes: list[int], advanced: int) -> None:
    driver = started(limited(300))
    for size in sizes:
        driver.queues[0].offer(size)
    driver.notify()
    driver.bench.advance(advanced)
    before = driver.device.state()
    driver.thaw(reload)
    assert driver.device.state() == before


def test_a_state_with_other_queues_is_refused() -> None:
    driver = started()
    state = driver.device.state()
    state.virtio.queues.append(state.virtio.queues[0])
    with pytest.raises(IncompatibleError, match="2 queues; expected 1"):
        driver.device.load_state(state)
