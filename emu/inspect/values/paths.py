"""Field paths: the text that names one value inside another.

    data.vcpu_states[0].mpidr                      fields and items
    vcpu_states[0].regs.SCTLR_EL1:M                a register by name, and a bit field of it
    block_devices[0].device_state::Virtio.id       the variant of an enum
    limits["a b"]  limits[eth0]  sys_regs[0x1]     entries of maps and register sets

What stands in brackets is a number (decimal, `0x` or `0b`, with `_` anywhere between digits), a
bare word, or the JSON of a map's key. Paths are text alone; `emu.inspect.values.lookup` finds what
they lead to.

>>> path = parse('vcpu_states[0x0].sys_regs[ttl].SCTLR_EL1:M')
>>> str(path)
'vcpu_states[0].sys_regs["ttl"].SCTLR_EL1:M'
>>> path.steps[1]
Step(mark='[', key=0)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from emu.errors import PathError

Mark = Literal[".", "[", "::", ":"]
"""What introduces a step: a field or register, an item or entry, a variant, a bit field."""

_HEX_FROM = 1 << 32


class Step(NamedTuple):
    """One step of a path, from a value to a part of it.

    Attributes:
        mark: what kind of step it is.
        key: a name; in brackets a number or the compact JSON of a key that is no number.
    """

    mark: Mark
    key: str | int

    def __str__(self) -> str:
        # Numbers as large as register ids and addresses are written in hexadecimal.
        if isinstance(self.key, int) and self.key >= _HEX_FROM:
            return f"[{self.key:#x}]"
        return f"{self.mark}{self.key}{']' if self.mark == '[' else ''}"


APPEND = Step("[", "+")
"""The place behind the last item of a list."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path from a root; without steps, the root itself."""

    steps: tuple[Step, ...] = ()

    def __truediv__(self, step: Step) -> Path:
        return Path((*self.steps, step))

    def __str__(self) -> str:
        return "".join(map(str, self.steps)).removeprefix(".")


def parse(text: str) -> Path:
    """The path that `text` is; raises `PathError` if it is none."""
    path, end = parse_prefix(text)
    if end < len(text):
        raise _malformed(text, end)
    return path


def parse_prefix(text: str) -> tuple[Path, int]:
    """The path that `text` begins with, and where it ends; raises `PathError`.

    >>> path, end = parse_prefix("sys_regs[1]=0x30d0_180d")
    >>> str(path), end
    ('sys_regs[1]', 11)
    """
    return _parse(text, _NAME)


def parse_pattern(text: str) -> Path:
    """A path in which `*` and `[*]` are any one step, `**` any number of them.

    Raises `PathError` if it is none, is empty, or names a bit field.
    """
    if not text:
        raise PathError("the pattern is empty, and would fit everything; write ** if that is meant")
    path, end = _parse(text, _NAME_OR_STARS)
    if end < len(text):
        raise _malformed(text, end)
    if any(step.mark == ":" for step in path.steps):
        raise PathError(f"{text!r}: a pattern stands for whole values; leave out the bit field")
    return path


_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NAME_OR_STARS = re.compile(r"\*\*?|[A-Za-z_]\w*", re.ASCII)
_MARK = re.compile(r"::?|\.|\[")
_NUMBER = re.compile(r"[+-]?\d\w*", re.ASCII)
_JSON = json.JSONDecoder()


def _parse(text: str, name: re.Pattern[str]) -> tuple[Path, int]:
    steps: list[Step] = []
    first = name.match(text)
    end = 0
    if first:
        steps.append(Step(".", first[0]))
        end = first.end()
    while mark := _MARK.match(text, end):
        step, end = _step(text, mark, name)
        steps.append(step)
    return Path(tuple(steps)), end


def _step(text: str, mark: re.Match[str], name: re.Pattern[str]) -> tuple[Step, int]:
    """The step that `mark` introduces, and where it ends."""
    if mark[0] == "[":
        key, end = _key(text, mark.end(), name)
        if text[end : end + 1] != "]":
            raise _malformed(text, end, "expected ']'")
        return Step("[", key), end + 1
    found = name.match(text, mark.end())
    if not found:
        raise _malformed(text, mark.end(), f"expected a name after '{mark[0]}'")
    return Step(_MARKS[mark[0]], found[0]), found.end()


_MARKS: dict[str, Mark] = {".": ".", "::": "::", ":": ":"}


def _key(text: str, start: int, name: re.Pattern[str]) -> tuple[str | int, int]:
    """The key that begins at `start`, and where it ends."""
    if text.startswith("+]", start):
        return APPEND.key, start + 1
    word = name.match(text, start)
    if word and word[0] not in {"true", "false", "null"}:
        return word[0] if "*" in word[0] else key_text(word[0]), word.end()
    try:
        if number := _NUMBER.match(text, start):
            return integer(number[0]), number.end()
        key, end = _JSON.raw_decode(text, start)
    except (ValueError, RecursionError):
        raise _malformed(text, start, "expected a number, a word or a key in JSON") from None
    return key_text(key), end


_INTEGER_LENGTH_MAX = 1000


def integer(text: str) -> int:
    """The integer that `text` is, in decimal, `0x`, `0o` or `0b`.

    Raises `ValueError` if it is none, or so long that Python would not print it in decimal.
    """
    if len(text) > _INTEGER_LENGTH_MAX:
        raise ValueError
    return int(text, 0)


def key_text(key: Any) -> str:
    """How a key that is no number is written: its compact JSON. `key` is plain JSON data."""
    return json.dumps(key, ensure_ascii=False, separators=(",", ":"))


def _malformed(text: str, at: int, expected: str = "expected '.', '[', '::' or ':'") -> PathError:
    found = repr(text[at : at + 20]) if at < len(text) else "the end"
    return PathError(f"{text[:80]!r} is no path: at character {at}, found {found}, {expected}")
