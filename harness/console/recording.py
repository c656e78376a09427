"""A recording of console input: what arrived, and when, so that the run can be repeated.

One JSON object a line, in the order of time; docs/boot.md has the fields. The time is virtual and
exact: with the same machine, kernel and seed the same instruction comes next.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from emu.errors import InputRecordingError


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something came from outside.

    Attributes:
        cycles: virtual time, in cycles.
        instructions: executed until then, by all vCPUs.
        data: the bytes that arrived at the console; None if the user left.
    """

    cycles: int
    instructions: int
    data: bytes | None


def line_of(arrival: Arrival) -> str:
    r"""The line of an arrival, without the line feed; U+0000 to U+00FF stand for the bytes.

    >>> line_of(Arrival(12, 10, b"ls\r"))
    '{"cycles": 12, "instructions": 10, "input": "ls\\r"}'
    """
    value: dict[str, object] = {"cycles": arrival.cycles, "instructions": arrival.instructions}
    if arrival.data is None:
        return json.dumps({**value, "left": True})
    return json.dumps({**value, "input": arrival.data.decode("latin-1")})


class InputRecorder:
    """Writes each arrival to a text file, at once: a run that is killed has its recording."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __call__(self, arrival: Arrival) -> None:
        """A listener for `ConsoleInput`."""
        self._file.write(f"{line_of(arrival)}\n")
        self._file.flush()


def read_recording(path: Path) -> tuple[Arrival, ...]:
    """The arrivals of a file.

    Raises:
        InputRecordingError: a line is not an arrival, or comes too late; the message names it.
        OSError: the file can't be read.
    """
    found: list[Arrival] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            arrival = _parse(line)
            _check_order(found, arrival)
        except (ValueError, RecursionError) as error:
            raise InputRecordingError(f"{path}: line {number}: {error}") from None
        found.append(arrival)
    return tuple(found)


def _parse(line: bytes) -> Arrival:
    value = json.loads(line)
    if not isinstance(value, dict) or set(value) not in (
        {"cycles", "instructions", "input"},
        {"cycles", "instructions", "left"},
    ):
        raise ValueError("expected an object with cycles, instructions, and either input or left")
    cycles, instructions = (_count(value, name) for name in ("cycles", "instructions"))
    if "left" in value:
        if value["left"] is not True:
            raise ValueError("left can only be true")
        return Arrival(cycles, instructions, None)
    return Arrival(cycles, instructions, _bytes(value["input"]))


def _count(value: dict[str, object], name: str) -> int:
    number = value[name]
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"{name} is {number!r}, expected an integer from 0 on")
    return number


def _bytes(text: object) -> bytes:
    if not isinstance(text, str) or not text:
        raise ValueError(f"input is {text!r}, expected text")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"input has the character {text[error.start]!a}; a byte is one of U+0000 to U+00FF"
        ) from None


def _check_order(before: list[Arrival], arrival: Arrival) -> None:
    if not before:
        return
    last = before[-1]
    if last.data is None:
        raise ValueError("the user left on the line before")
    if arrival.cycles < last.cycles or arrival.instructions < last.instructions:
        raise ValueError(
            f"at cycle {arrival.cycles}, instruction {arrival.instructions}, it is before the "
            f"last one (cycle {last.cycles}, instruction {last.instructions})"
        )
