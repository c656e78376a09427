"""Feature negotiation: Virtio 1.2, 2.2, 3.1.1 and 4.2.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtio import Feature
from tests.devices.virtio.echo import OFFERED
from tests.devices.virtio.echo_bench import DRIVER, DRIVER_OK, FEATURES_OK, Bench

VERSION_1 = 1 << Feature.VERSION_1
BITS = [bit for bit in range(64) if OFFERED >> bit & 1]


@given(word=st.integers(0, 3) | st.integers(0, 0xFFFF_FFFF))
def test_the_selector_chooses_a_word_of_what_is_offered(word: int) -> None:
    """There are 64 bits; words behind them are zero."""
    bench = Bench()
    bench["DeviceFeaturesSel"] = word
    expected = OFFERED >> 32 * word & 0xFFFF_FFFF if word < 2 else 0
    assert bench["DeviceFeatures"] == expected
    assert not bench.violations


@given(features=st.sets(st.sampled_from(BITS)).map(lambda bits: sum(1 << bit for bit in bits)))
def test_any_subset_with_version_1_is_accepted(features: int) -> None:
    bench = Bench().to(FEATURES_OK, features | VERSION_1)
    assert bench["Status"] == FEATURES_OK
    assert bench.device.acked_features == features | VERSION_1
    assert not bench.violations


@pytest.mark.parametrize("bit", [bit for bit in range(64) if not OFFERED >> bit & 1])
def test_a_bit_that_was_not_offered_is_refused(bit: int) -> None:
    """FEATURES_OK reads as 0, and the driver can mend it."""
    bench = Bench().to(FEATURES_OK, VERSION_1 | 1 << bit)
    assert bench["Status"] == DRIVER
    (told,) = bench.violations
    assert "not offered" in told
    bench.accept(VERSION_1)
    bench["Status"] = FEATURES_OK
    assert bench["Status"] == FEATURES_OK


def test_a_driver_without_version_1_is_refused() -> None:
    """There is no legacy interface (6.1: a device may refuse)."""
    bench = Bench().to(FEATURES_OK, OFFERED & ~VERSION_1)
    assert bench["Status"] == DRIVER


@pytest.mark.parametrize("word", [2, 3, 0xFFFF_FFFF])
def test_words_behind_the_second_take_nothing_but_zero(word: int) -> None:
    bench = Bench().to(DRIVER)
    bench["DriverFeaturesSel"] = word
    bench["DriverFeatures"] = 0
    assert not bench.violations
    bench["DriverFeatures"] = 1
    assert len(bench.violations) == 1
    assert bench.device.acked_features == 0


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 0xFFFF_FFFF)), max_size=6))
def test_the_last_value_of_each_word_counts(writes: list[tuple[int, int]]) -> None:
    """Through a freeze after any of them."""
    bench = Bench().to(DRIVER)
    last = {0: 0, 1: 0}
    for word, value in writes:
        bench["DriverFeaturesSel"] = word
        bench = bench.thaw()
        bench["DriverFeatures"] = value
        bench = bench.thaw()
        last[word] = value
    assert bench.device.acked_features == last[0] | last[1] << 32


@pytest.mark.parametrize("status", [0, 1, FEATURES_OK, DRIVER_OK])
def test_features_are_written_between_driver_and_features_ok(status: int) -> None:
    bench = Bench().to(status) if status else Bench()
    before = bench.device.acked_features
    bench.world.take_notes()
    bench["DriverFeaturesSel"] = 0
    bench["DriverFeatures"] = 1
    assert bench.device.acked_features == before
    assert len(bench.violations) == 1
