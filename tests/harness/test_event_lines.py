"""Events as lines of JSON: whole, in order, and back to the same values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch.smccc import Conduit
from emu.core.events import (
    ConsoleOutput,
    Event,
    GenerationChanged,
    HypervisorCall,
    IrqPended,
    MmioAccess,
    Stamped,
)
from emu.errors import EventFileError
from harness.event_lines import EventWriter, event_classes, line_of, parse_events, read_events
from harness.guests import boot_guest

VALUES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(0, (1 << 128) - 1),
    int | None: st.none() | st.integers(0, 1023),
    bool: st.booleans(),
    str: st.text(),
    Conduit: st.sampled_from(Conduit),
}


def events_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    return st.builds(kind, **{name: VALUES[t] for name, t in get_type_hints(kind).items()})


ANY_EVENT = st.sampled_from(list(event_classes().values())).flatmap(events_of)


@given(st.builds(Stamped, st.integers(0, (1 << 64) - 1), ANY_EVENT))
def test_an_event_comes_back_from_its_line(stamped: Stamped) -> None:
    line = line_of(stamped)
    assert "\n" not in line
    assert list(parse_events([line.encode()], "")) == [stamped]


def test_a_line_has_time_name_and_fields_in_the_order_of_the_class() -> None:
    event = MmioAccess(vcpu=1, window="PL011", offset=0x18, size=4, value=0x90, is_write=False)
    assert line_of(Stamped(1234, event)) == (
        '{"time": 1234, "event": "mmio-access", "vcpu": 1, "window": "PL011", "offset": 24, '
        '"size": 4, "value": 144, "is_write": false}'
    )


def test_a_number_that_doubles_would_round_is_a_string() -> None:
    """2^53 is the last that is a number."""
    limit = 1 << 53
    written = [
        json.loads(line_of(Stamped(0, GenerationChanged(address=limit, generation_id=limit + 1))))
    ]
    assert [(w["address"], w["generation_id"]) for w in written] == [(limit, "0x20000000000001")]


def recorded(path: Path) -> list[Stamped]:
    """The events of a run, which are also written to a file."""
    events: list[Stamped] = []
    with boot_guest("heartbeat") as machine, path.open("w", encoding="utf-8") as file:
        machine.events.subscribe(events.append)
        machine.events.subscribe(EventWriter(file))
        machine.run(20_000)
    return events


def test_a_run_comes_back_from_its_file_and_the_same_run_gives_the_same_bytes(
    tmp_path: Path,
) -> None:
    events = recorded(tmp_path / "first")
    assert {type(stamped.event).__name__ for stamped in events} >= {"IrqPended", "InterruptTaken"}
    assert list(read_events(tmp_path / "first")) == events
    recorded(tmp_path / "second")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "line 2 is not an event"),
        (b"[]", "expected an object"),
        (b"\xff", "line 2 is not an event"),
        (b"[" * 100_000, "line 2 is not an event"),
        (b"{}", "None is not an integer"),
        (b'{"time": true, "event": "wait-started", "vcpu": 0}', "True is not an integer"),
        (
            b'{"time": 1, "event": "wait"}',
            "no event is called 'wait'; .*: .*clock-disrupted",
        ),
        (b'{"time": 1, "event": []}', r"no event is called \[\]"),
        (b'{"time": 1, "event": "wait-started"}', "wait-started has the fields vcpu; found"),
        (b'{"time": 1, "event": "wait-started", "vcpu": 0, "more": 1}', "found vcpu, more"),
        (b'{"time": 1, "event": "wait-started", "vcpu": null}', "None is not an integer"),
        (b'{"time": 1, "event": "wait-started", "vcpu": "x"}', "invalid literal"),
        (
            line_of(Stamped(0, HypervisorCall(0, 1, 2))).encode().replace(b'"hvc"', b'"eret"'),
            "'eret' is not a valid Conduit",
        ),
        (b'{"time": 1, "event": "interrupt-taken", "vcpu": 0, "is_fiq": 1, "elr": 0}', "1 is not"),
    ],
)
def test_what_is_no_event_is_named_with_its_line(line: bytes, message: str) -> None:
    good = line_of(Stamped(0, ConsoleOutput(65))).encode()
    with pytest.raises(EventFileError, match=message):
        list(parse_events([good, line], "run.jsonl"))


def test_an_interrupt_of_all_vcpus_has_none() -> None:
    stamped = Stamped(0, IrqPended(40, None))
    assert json.loads(line_of(stamped))["vcpu"] is None
