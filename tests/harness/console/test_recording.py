"""A recording is read as it was written; what is no recording is refused by its line."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import InputRecordingError
from harness.console.recording import Arrival, InputRecorder, line_of, read_recording

ONE = '{"cycles": 5, "instructions": 4, "input": "a"}\n'
LEFT = '{"cycles": 5, "instructions": 4, "left": true}\n'


@st.composite
def sessions(draw: st.DrawFn) -> list[Arrival]:
    """Arrivals in the order of time; in the end the user may leave."""
    times = draw(st.lists(st.integers(0, 1 << 64), min_size=1, max_size=9).map(sorted))
    found = [Arrival(time, time // 2, draw(st.binary(min_size=1))) for time in times]
    return [*found, Arrival(times[-1], times[-1] // 2, None)] if draw(st.booleans()) else found


@given(session=sessions())
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, session: list[Arrival]
) -> None:
    file = io.StringIO()
    recorder = InputRecorder(file)
    for arrival in session:
        recorder(arrival)
    path = tmp_path_factory.mktemp("recording") / "file"
    path.write_text(file.getvalue(), "utf-8")
    assert read_recording(path) == tuple(session)


def test_a_line_is_readable_and_has_every_byte() -> None:
    assert line_of(Arrival(9, 7, b"ls\r\x03\xff")) == (
        '{"cycles": 9, "instructions": 7, "input": "ls\\r\\u0003\\u00ff"}'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", None),
        (ONE + LEFT, None),
        (ONE + ONE, None),
        ("x\n", "line 1: "),
        ("[]\n", "line 1: expected an object with cycles, instructions, and either input or left"),
        ('{"cycles": 5, "instructions": 4}\n', "expected an object"),
        (ONE.replace("}", ', "more": 1}'), "expected an object"),
        (ONE.replace("5", "-5"), "cycles is -5, expected an integer from 0 on"),
        (ONE.replace("4", "true"), "instructions is True"),
        (ONE.replace("4", "4.0"), "instructions is 4.0"),
        (ONE.replace('"a"', '""'), "input is '', expected text"),
        (ONE.replace('"a"', "7"), "input is 7, expected text"),
        (ONE.replace('"a"', '"€"'), r"input has the character '\u20ac'; a byte is one of"),
        (LEFT.replace("true", "false"), "left can only be true"),
        (LEFT + ONE, "line 2: the user left on the line before"),
        (ONE + ONE.replace("5", "4"), "line 2: at cycle 4, instruction 4, it is before the last"),
        (ONE + ONE.replace("4", "3"), "line 2: at cycle 5, instruction 3, it is before the last"),
        ("[" * 100_000, "line 1: "),
    ],
)
def test_a_line_that_is_none_is_named(text: str, message: str | None, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_text(text, "utf-8")
    if message is None:
        assert len(read_recording(path)) == len(text.splitlines())
        return
    with pytest.raises(InputRecordingError) as raised:
        read_recording(path)
    assert str(raised.value).startswith(f"{path}: line ")
    assert message in str(raised.value)


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_recording_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("recording") / "file"
    path.write_bytes(data)
    with contextlib.suppress(InputRecordingError):
        read_recording(path)
