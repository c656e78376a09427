"""A balloon's statistics, hints and reports, and its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtio_balloon import STATISTICS
from emu.devices.virtio.balloon import (
    BalloonConfig,
    BalloonConfigSpace,
    BalloonState,
    BalloonStats,
    HintingState,
)
from emu.errors import BoardError, IncompatibleError
from tests.devices.virtio.balloon_bench import (
    EVERYTHING,
    GIVEN_UP,
    SECOND,
    BalloonBench,
    command,
    frames,
    pages,
    reload,
    statistics,
)
from tests.devices.virtio.driver import Part, Used

STOP, DONE = 0, 1
CONFIGURATION, USED_BUFFER = 2, 1
INTERVAL = 2 * SECOND
"""Of `EVERYTHING`."""


@pytest.fixture
def balloon() -> BalloonBench:
    return BalloonBench()


# --- statistics ------------------------------------------------------------------------------


def test_names_of_statistics_are_the_state_s() -> None:
    assert list(STATISTICS.values()) == [field.name for field in fields(BalloonStats)]


def test_the_device_holds_a_buffer_and_gives_it_back_to_ask(balloon: BalloonBench) -> None:
    head = balloon.send("statistics", bytes(10))
    balloon.bench.advance(INTERVAL - 1)
    assert balloon.queue("statistics").take_used() == []
    balloon.bench.advance(1)
    assert balloon.queue("statistics").take_used() == [Used(head, 0)]
    assert (balloon.bench.line.pulses, balloon.acknowledge()) == (1, USED_BUFFER)


def test_it_asks_once_in_every_interval(balloon: BalloonBench) -> None:
    for round_number in range(3):
        head = balloon.send("statistics", statistics((4, round_number)))
        assert balloon.device.latest_stats.free_memory == round_number
        balloon.bench.advance(INTERVAL)
        assert balloon.queue("statistics").take_used() == [Used(head, 0)]
    balloon.bench.advance(5 * INTERVAL)
    assert balloon.bench.line.pulses == 3


tags = st.sampled_from([*STATISTICS, 16, 0x7FFF, 0xFFFF])


@given(st.lists(st.tuples(tags, st.integers(0, (1 << 64) - 1)), max_size=40))
def test_the_last_of_each_statistic_counts_and_unknown_ones_are_passed_over(
    values: list[tuple[int, int]],
) -> None:
    balloon = BalloonBench()
    balloon.send("statistics", statistics((0, 1)))
    balloon.bench.advance(INTERVAL)
    balloon.queue("statistics").take_used()
    balloon.send("statistics", statistics(*values))
    known = {STATISTICS[tag]: value for tag, value in values if tag in STATISTICS}
    assert balloon.device.latest_stats == BalloonStats(**{"swap_in": 1, **known})
    assert balloon.bench.violations == []


def test_what_is_left_of_the_last_entry_says_nothing(balloon: BalloonBench) -> None:
    balloon.send("statistics", statistics((0, 1), (1, 2))[:-1])
    assert balloon.device.latest_stats == BalloonStats(swap_in=1)


@pytest.mark.parametrize(("entries", "is_read"), [(256, True), (257, False)])
def test_too_many_statistics_are_held_and_not_read(
    balloon: BalloonBench, entries: int, is_read: bool
) -> None:
    head = balloon.send("statistics", statistics(*[(5, 9)] * entries))
    assert (balloon.device.latest_stats.total_memory == 9) is is_read
    assert len(balloon.bench.violations) == (0 if is_read else 1)
    balloon.bench.advance(INTERVAL)
    assert balloon.queue("statistics").take_used() == [Used(head, 0)]


def test_of_two_buffers_the_first_goes_back_at_once(balloon: BalloonBench) -> None:
    first = balloon.send("statistics", statistics((0, 1)))
    second = balloon.send("statistics", statistics((0, 2)))
    assert balloon.queue("statistics").take_used() == [Used(first, 0)]
    assert len(balloon.bench.violations) == 1
    balloon.bench.advance(INTERVAL)
    assert balloon.queue("statistics").take_used() == [Used(second, 0)]


def test_another_interval_asks_at_once_and_counts_from_there(balloon: BalloonBench) -> None:
    first = balloon.send("statistics", bytes(10))
    balloon.bench.advance(SECOND)
    balloon.device.set_stats_polling_interval_s(7)
    assert balloon.queue("statistics").take_used() == [Used(first, 0)]
    second = balloon.send("statistics", bytes(10))
    balloon.bench.advance(7 * SECOND - 1)
    assert balloon.queue("statistics").take_used() == []
    balloon.bench.advance(1)
    assert balloon.queue("statistics").take_used() == [Used(second, 0)]


@pytest.mark.parametrize(("config", "interval_s"), [(EVERYTHING, 0), (BalloonConfig(), 1)])
def test_statistics_are_not_turned_on_or_off_later(config: BalloonConfig, interval_s: int) -> None:
    with pytest.raises(BoardError, match="no change from or to 0"):
        BalloonBench(config).device.set_stats_polling_interval_s(interval_s)


def test_a_reset_ends_the_asking(balloon: BalloonBench) -> None:
    balloon.send("statistics", bytes(10))
    balloon["Status"] = 0
    balloon.bench.advance(3 * INTERVAL)
    assert balloon.bench.line.pulses == 0
    assert balloon.bench.host.deadlines.next_cycles() is None


# --- hints -----------------------------------------------------------------------------------


def hint_a_run(balloon: BalloonBench, number: int) -> None:
    balloon.send("hints", command(number))
    balloon.send("hints", pages(GIVEN_UP[0], 4))


def test_pages_of_the_run_that_the_host_asked_for_are_discarded(balloon: BalloonBench) -> None:
    balloon.device.start_hinting()
    assert (balloon.config(8, 4), balloon.acknowledge()) == (2, CONFIGURATION)
    hint_a_run(balloon, 2)
    assert balloon.discarded() == set(GIVEN_UP[:4])
    assert [used.written for used in balloon.queue("hints").take_used()] == [0, 0]


@pytest.mark.parametrize("number", [STOP, DONE, 3])
def test_pages_of_another_run_are_kept(balloon: BalloonBench, number: int) -> None:
    balloon.device.start_hinting(acknowledge_on_finish=False)
    hint_a_run(balloon, number)
    assert balloon.discarded() == set()
    assert len(balloon.queue("hints").take_used()) == 2


def test_pages_without_a_command_are_kept(balloon: BalloonBench) -> None:
    balloon.device.start_hinting()
    balloon.send("hints", pages(GIVEN_UP[0]))
    assert balloon.discarded() == set()


def test_pages_are_kept_once_the_host_is_done(balloon: BalloonBench) -> None:
    balloon.device.start_hinting()
    balloon.send("hints", command(2))
    balloon.device.stop_hinting()
    assert balloon.config(8, 4) == DONE
    balloon.send("hints", pages(GIVEN_UP[0]))
    assert balloon.discarded() == set()


@pytest.mark.parametrize("number", [STOP, DONE])
def test_a_command_that_names_no_run_brings_no_pages(balloon: BalloonBench, number: int) -> None:
    """Even if it is the host's own."""
    state = balloon.device.state()
    state.hinting_state.host_cmd = number
    balloon.device.load_state(state)
    hint_a_run(balloon, number)
    assert balloon.discarded() == set()


@pytest.mark.parametrize(("acknowledges", "shown"), [(True, DONE), (False, 2)])
def test_the_end_of_a_run_is_acknowledged_if_that_was_asked(
    balloon: BalloonBench, acknowledges: bool, shown: int
) -> None:
    balloon.device.start_hinting(acknowledge_on_finish=acknowledges)
    hint_a_run(balloon, 2)
    balloon.acknowledge()
    balloon.send("hints", command(STOP))
    assert balloon.config(8, 4) == shown
    assert balloon.acknowledge() == (USED_BUFFER | CONFIGURATION * acknowledges)


def test_runs_are_counted_and_the_commands_are_passed_over(balloon: BalloonBench) -> None:
    shown = []
    for last in (None, None, (1 << 32) - 2, (1 << 32) - 1):
        if last is not None:
            state = balloon.device.state()
            state.hinting_state.last_cmd_id = last
            balloon.device.load_state(state)
        balloon.device.start_hinting()
        shown.append(balloon.config(8, 4))
    assert shown == [2, 3, (1 << 32) - 1, 2]


def test_a_command_of_another_size_is_none(balloon: BalloonBench) -> None:
    balloon.device.start_hinting()
    balloon.send("hints", command(2) + b"\0")
    assert balloon.device.state().hinting_state.guest_cmd is None
    assert len(balloon.bench.violations) == 1


@pytest.mark.parametrize("name", ["start_hinting", "stop_hinting"])
def test_hints_need_to_be_offered(name: str) -> None:
    device = BalloonBench(BalloonConfig()).device
    with pytest.raises(BoardError, match="made without hints"):
        getattr(device, name)()


# --- reports ---------------------------------------------------------------------------------


def test_pages_that_are_reported_free_are_discarded(balloon: BalloonBench) -> None:
    head = balloon.send("reports", pages(GIVEN_UP[2], 2), pages(GIVEN_UP[9], 20))
    assert balloon.discarded() == {*GIVEN_UP[2:4], *GIVEN_UP[9:29]}
    assert balloon.queue("reports").take_used() == [Used(head, 0)]


@pytest.mark.parametrize(
    "part",
    [
        Part(GIVEN_UP[0] * 4096 + 8, 4096, is_writable=True),
        Part(GIVEN_UP[0] * 4096, 4095, is_writable=True),
        Part(GIVEN_UP[0] * 4096, 4096, is_writable=False),
        Part(0x1000, 4096, is_writable=True),
    ],
    ids=["no multiple of a page", "no whole page", "not to be written", "no RAM"],
)
def test_what_is_no_page_of_the_driver_s_is_kept_and_told(
    balloon: BalloonBench, part: Part
) -> None:
    head = balloon.send("reports", part)
    assert balloon.discarded() == set()
    assert balloon.queue("reports").take_used() == [Used(head, 0)]
    assert len(balloon.bench.violations) == 1


def test_queues_are_numbered_without_gaps() -> None:
    """As Linux looks for them: a balloon with reports alone has them in queue 2."""
    balloon = BalloonBench(BalloonConfig(free_page_reporting=True))
    assert balloon.index("reports") == 2
    balloon.send("reports", pages(GIVEN_UP[0]))
    assert balloon.discarded() == {GIVEN_UP[0]}


# --- state -----------------------------------------------------------------------------------

Step = Callable[[BalloonBench], object]
STEPS: list[Step] = [
    lambda balloon: balloon.send("inflate", frames(*GIVEN_UP[:3])),
    lambda balloon: balloon.send("deflate", frames(*GIVEN_UP[:3])),
    lambda balloon: balloon.send("statistics", statistics((3, 33), (15, 1))),
    lambda balloon: balloon.send("hints", command(2)),
    lambda balloon: balloon.send("hints", pages(GIVEN_UP[5])),
    lambda balloon: balloon.send("reports", pages(GIVEN_UP[7])),
    lambda balloon: balloon.device.start_hinting(),
    lambda balloon: balloon.device.set_target_mib(9),
    lambda balloon: balloon.device.set_stats_polling_interval_s(3),
    lambda balloon: balloon.mmio.write(0x104, 2, 0xABCD),
    lambda balloon: balloon.bench.advance(SECOND // 3),
    lambda balloon: balloon.bench.advance(2 * SECOND),
    lambda balloon: [queue.take_used() for queue in balloon.queues],
]


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_capture_after_apply_is_the_identity(steps: list[Step]) -> None:
    balloon = BalloonBench()
    for step in steps:
        step(balloon)
    before, log = balloon.device.state(), list(balloon.bench.log)
    balloon.thaw(reload)
    assert balloon.device.state() == before
    assert balloon.bench.log == log


def test_a_buffer_that_is_held_over_a_restore_is_given_back_when_it_is_due(
    balloon: BalloonBench,
) -> None:
    head = balloon.send("statistics", bytes(10))
    balloon.bench.advance(SECOND)
    balloon.thaw(reload)
    balloon.device.kick()
    balloon.bench.advance(SECOND - 1)
    assert balloon.queue("statistics").take_used() == []
    balloon.bench.advance(1)
    assert balloon.queue("statistics").take_used() == [Used(head, 0)]


def test_without_a_time_that_is_left_a_whole_interval_passes(balloon: BalloonBench) -> None:
    """As with Firecracker, whose state does not have it."""
    head = balloon.send("statistics", bytes(10))
    balloon.bench.advance(SECOND)
    balloon.thaw(lambda old, new: new.load_state(replace(old.state(), stats_due_in_cycles=None)))
    balloon.bench.advance(INTERVAL - 1)
    assert balloon.queue("statistics").take_used() == []
    balloon.bench.advance(1)
    assert balloon.queue("statistics").take_used() == [Used(head, 0)]


def test_a_restore_ends_the_run_of_hints(balloon: BalloonBench) -> None:
    """When it is kicked: what was discarded may be there again, or the other way round."""
    balloon.device.start_hinting()
    balloon.acknowledge()
    balloon.thaw(reload)
    assert balloon.config(8, 4) == 2
    balloon.device.kick()
    assert (balloon.config(8, 4), balloon.acknowledge()) == (DONE, CONFIGURATION)


def test_states_do_not_change_with_the_device(balloon: BalloonBench) -> None:
    balloon.device.load_state(applied := balloon.device.state())
    captured = balloon.device.state()
    balloon.device.set_target_mib(9)
    balloon.device.start_hinting()
    assert captured == applied
    assert captured.config_space.num_pages == captured.hinting_state.host_cmd == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stats_polling_interval_s": 0}, "expected STATS_VQ, and an interval, or neither"),
        ({"stats_polling_interval_s": 1 << 16}, "stats_polling_interval_s is 0x10000"),
        ({"stats_desc_index": 1 << 16}, "stats_desc_index is 0x10000; expected 0 to 0xffff"),
        ({"stats_due_in_cycles": -1}, "stats_due_in_cycles is -0x1"),
        ({"latest_stats": BalloonStats(oom_kill=1 << 64)}, "oom_kill is 0x10000000000000000"),
        ({"config_space": BalloonConfigSpace(num_pages=1 << 32)}, "num_pages is 0x100000000"),
        ({"hinting_state": HintingState(guest_cmd=1 << 32)}, "guest_cmd is 0x100000000"),
    ],
)
def test_a_state_that_no_balloon_holds_is_refused_whole(
    balloon: BalloonBench, change: dict[str, Any], message: str
) -> None:
    before = balloon.device.state()
    with pytest.raises(IncompatibleError, match=message):
        balloon.device.load_state(replace(before, **change))
    assert balloon.device.state() == before


def test_a_state_of_a_balloon_with_other_queues_is_refused(balloon: BalloonBench) -> None:
    other: BalloonState = BalloonBench(BalloonConfig(stats_polling_interval_s=2)).device.state()
    with pytest.raises(IncompatibleError, match="call for 3 queues; expected 5"):
        balloon.device.load_state(other)
