"""The balloon takes and gives back pages, and its two sides tell each other how many."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtio_balloon import PAGE_SIZE_BYTES, BalloonFeature
from emu.devices.virtio.balloon import Balloon, BalloonConfig
from emu.devices.virtio.balloon.balloon import PAGES_OF_A_BUFFER_MAX
from emu.devices.virtio.config import Offer
from emu.errors import BoardError, MachineError
from tests.devices.virtio.balloon_bench import (
    ALL_FEATURES,
    EVERYTHING,
    FIRST_PAGE_FRAME,
    GIVEN_UP,
    PAGE_FRAMES_OF_RAM,
    BalloonBench,
    frames,
)
from tests.devices.virtio.driver import Bench, Part, Used

PLAIN = BalloonConfig()
CONFIGURATION = 2

# --- inflate and deflate ---------------------------------------------------------------------


@given(st.lists(st.lists(st.sampled_from(GIVEN_UP), max_size=40), min_size=1, max_size=4))
def test_pages_that_are_given_up_read_as_zeros_and_no_others(arrays: list[list[int]]) -> None:
    """Whatever their order, and however often they are named."""
    balloon = BalloonBench(PLAIN)
    heads = [balloon.queue("inflate").offer(frames(*array)) for array in arrays]
    balloon.notify(balloon.index("inflate"))
    given_up = {page for array in arrays for page in array}
    assert balloon.discarded() == given_up
    assert balloon.queue("inflate").take_used() == [Used(head, 0) for head in heads]
    assert balloon.bench.line.pulses == 1
    told = {
        event.address // PAGE_SIZE_BYTES + n
        for event in balloon.told_discarded()
        for n in range(event.size_bytes // PAGE_SIZE_BYTES)
    }
    assert told == given_up


def test_pages_without_gaps_are_discarded_at_once() -> None:
    balloon = BalloonBench(PLAIN)
    balloon.send("inflate", frames(*reversed(GIVEN_UP[:5]), GIVEN_UP[9]))
    sizes = [event.size_bytes // PAGE_SIZE_BYTES for event in balloon.told_discarded()]
    assert sizes == [5, 1]


def test_a_chain_s_buffers_are_one_array_however_they_are_cut() -> None:
    balloon = BalloonBench(PLAIN)
    data = frames(*GIVEN_UP[:4])
    balloon.send("inflate", data[:6], data[6:])
    assert balloon.discarded() == set(GIVEN_UP[:4])


@pytest.mark.parametrize("page", [0, FIRST_PAGE_FRAME - 1, FIRST_PAGE_FRAME + PAGE_FRAMES_OF_RAM])
def test_a_page_frame_that_is_no_ram_is_passed_over_and_told(page: int) -> None:
    balloon = BalloonBench(PLAIN)
    balloon.send("inflate", frames(GIVEN_UP[0], page, GIVEN_UP[3]))
    assert balloon.discarded() == {GIVEN_UP[0], GIVEN_UP[3]}
    assert len(balloon.bench.violations) == 1
    assert not balloon.needs_reset


@pytest.mark.parametrize(
    "contents",
    [
        (frames(GIVEN_UP[0])[:3],),
        (frames(*[GIVEN_UP[0]] * (PAGES_OF_A_BUFFER_MAX + 1)),),
        (frames(GIVEN_UP[0]), 4),
    ],
    ids=["no multiple of 4", "too many", "to be written"],
)
def test_an_array_that_is_none_is_given_back_untouched(contents: tuple[bytes | int, ...]) -> None:
    balloon = BalloonBench(PLAIN)
    head = balloon.send("inflate", *contents)
    assert balloon.discarded() == set()
    assert balloon.queue("inflate").take_used() == [Used(head, 0)]
    assert len(balloon.bench.violations) == 1


def test_the_largest_array_is_taken() -> None:
    balloon = BalloonBench(PLAIN)
    balloon.send("inflate", frames(*[GIVEN_UP[0]] * PAGES_OF_A_BUFFER_MAX))
    assert balloon.discarded() == {GIVEN_UP[0]}


def test_deflating_gives_the_buffer_back_and_touches_nothing() -> None:
    balloon = BalloonBench(PLAIN)
    head = balloon.send("deflate", frames(*GIVEN_UP[:4]))
    assert balloon.queue("deflate").take_used() == [Used(head, 0)]
    assert balloon.discarded() == set()


def test_an_array_that_is_not_in_ram_needs_a_reset() -> None:
    balloon = BalloonBench(PLAIN)
    balloon.send("inflate", Part(0x1000, 4, is_writable=False))
    assert balloon.needs_reset


# --- sizes -----------------------------------------------------------------------------------


def test_the_size_that_was_chosen_is_there_at_first() -> None:
    balloon = BalloonBench(BalloonConfig(amount_mib=3))
    assert (balloon.config(0, 4), balloon.config(4, 4)) == (3 * 256, 0)
    assert balloon.device.target_mib == 3


def test_another_size_is_told_by_a_configuration_change() -> None:
    balloon = BalloonBench(PLAIN)
    generation = balloon["ConfigGeneration"]
    balloon.device.set_target_mib(7)
    assert balloon.config(0, 4) == 7 * 256
    assert (balloon.bench.line.pulses, balloon.acknowledge()) == (1, CONFIGURATION)
    assert balloon["ConfigGeneration"] == generation + 1


@given(value=st.integers(0, (1 << 32) - 1), size=st.sampled_from([1, 2, 4]))
def test_the_driver_writes_how_large_it_is_in_parts_of_any_size(value: int, size: int) -> None:
    balloon = BalloonBench(PLAIN)
    data = value.to_bytes(4, "little")
    for start in range(0, 4, size):
        part = int.from_bytes(data[start : start + size], "little")
        balloon.mmio.write(0x104 + start, size, part)
    assert balloon.config(4, 4) == value
    assert balloon.device.state().config_space.actual_pages == value
    assert balloon.device.actual_mib == value // 256
    assert balloon.bench.violations == []


@pytest.mark.parametrize(("offset", "size"), [(0, 4), (0, 8), (4, 8), (3, 2), (8, 4)])
def test_nothing_else_of_the_configuration_space_is_written(offset: int, size: int) -> None:
    balloon = BalloonBench()
    before = balloon.device.config_space
    balloon.mmio.write(0x100 + offset, size, (1 << 8 * size) - 1)
    assert balloon.device.config_space == before
    assert len(balloon.bench.violations) == 1


@pytest.mark.parametrize(("hints", "size_bytes"), [(True, 12), (False, 8)])
def test_the_command_for_hints_is_where_the_monitor_knows_of_it(
    hints: bool, size_bytes: int
) -> None:
    """Firecracker's from v1.14 on has it whether it is offered or not."""
    features = ALL_FEATURES if hints else ALL_FEATURES & ~(1 << BalloonFeature.FREE_PAGE_HINT)
    assert len(BalloonBench(PLAIN, features=features).device.config_space) == size_bytes


@pytest.mark.parametrize("amount_mib", [-1, 1 << 24])
def test_a_size_that_no_balloon_can_have_is_refused(amount_mib: int) -> None:
    balloon = BalloonBench(PLAIN)
    with pytest.raises(BoardError, match="expected 0 to 16777215"):
        balloon.device.set_target_mib(amount_mib)
    with pytest.raises(BoardError, match="expected 0 to 16777215"):
        BalloonBench(BalloonConfig(amount_mib=amount_mib))


HOST_CALLS: list[Callable[[Balloon], None]] = [
    lambda device: device.set_target_mib(1),
    lambda device: device.start_hinting(),
    lambda device: device.stop_hinting(),
    lambda device: device.set_stats_polling_interval_s(1),
]


@pytest.mark.parametrize("call", HOST_CALLS)
def test_there_is_nobody_to_tell_before_a_driver_has_started_the_device(
    call: Callable[[Balloon], None],
) -> None:
    device = EVERYTHING.build(Bench().host, Offer(ALL_FEATURES))
    with pytest.raises(MachineError, match="no driver has started it"):
        call(device)


# --- what is offered -------------------------------------------------------------------------

CHOICES = {
    BalloonFeature.STATS_VQ: BalloonConfig(stats_polling_interval_s=1),
    BalloonFeature.DEFLATE_ON_OOM: BalloonConfig(deflate_on_oom=True),
    BalloonFeature.FREE_PAGE_HINT: BalloonConfig(free_page_hinting=True),
    BalloonFeature.PAGE_REPORTING: BalloonConfig(free_page_reporting=True),
}


@pytest.mark.parametrize(("bit", "config"), CHOICES.items())
def test_a_choice_is_offered_by_a_monitor_that_knows_it_and_refused_by_others(
    bit: int, config: BalloonConfig
) -> None:
    plain = PLAIN.build(Bench().host, Offer(ALL_FEATURES))
    chosen = config.build(Bench().host, Offer(ALL_FEATURES))
    assert chosen.avail_features == plain.avail_features | 1 << bit
    queues = 0 if bit == BalloonFeature.DEFLATE_ON_OOM else 1
    assert (len(plain.queues), len(chosen.queues)) == (2, 2 + queues)
    with pytest.raises(BoardError, match="the board's monitor does not offer"):
        config.build(Bench().host, Offer(ALL_FEATURES & ~(1 << bit)))


@pytest.mark.parametrize("interval_s", [-1, 0x1_0000])
def test_an_interval_has_16_bits(interval_s: int) -> None:
    with pytest.raises(BoardError, match="expected 0 to 65535"):
        BalloonBench(BalloonConfig(stats_polling_interval_s=interval_s))


def test_after_a_reset_the_driver_has_its_pages_and_the_host_its_wish() -> None:
    balloon = BalloonBench()
    balloon.device.set_target_mib(5)
    balloon.mmio.write(0x104, 4, 77)
    balloon.send("statistics", bytes(10))
    balloon.device.start_hinting()
    balloon["Status"] = 0
    fresh = EVERYTHING.build(Bench().host, Offer(ALL_FEATURES)).state()
    fresh.config_space.num_pages = 5 * 256
    assert balloon.device.state() == fresh
