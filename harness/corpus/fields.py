"""Changes of values: fields at the limits of their type, and lists that are not as long as told."""

from __future__ import annotations

from random import Random
from typing import Any

from emu.formats.format import Format
from emu.inspect.values.containers import walk
from emu.inspect.values.lookup import rebuilt, trail
from emu.inspect.values.parts import Part, root
from emu.wire.nodes import (
    BoolNode,
    BytesNode,
    EnumNode,
    IntNode,
    Node,
    OptionNode,
    SeqNode,
    TextNode,
)

Change = tuple[Any, str]
"""A snapshot, and what was done to it."""

_LEAVES = (IntNode, BoolNode, EnumNode, TextNode, BytesNode)


def leaf(random: Random, file_format: Format, snapshot: Any, *, boundary: bool) -> Change:
    """One field with another value of its type: one at its limits, or any."""
    part = random.choice(_parts(file_format, snapshot, _LEAVES))
    value = (_limit if boundary else _anything)(random, part.kind, part.value)
    return _with(file_format, snapshot, part, value), f"{part.path} became {value!r:.60}"


def length(random: Random, file_format: Format, snapshot: Any) -> Change:
    """One list or byte vector that lost or gained items, or an option that is not there."""
    lists = _parts(file_format, snapshot, (SeqNode, BytesNode, OptionNode))
    part = random.choice([part for part in lists if part.value or part.value == []])
    value, what = _resized(random, part)
    return _with(file_format, snapshot, part, value), f"{part.path} {what}"


def _parts(file_format: Format, snapshot: Any, kinds: tuple[type, ...]) -> list[Part]:
    # Without the format's naming, so that a register vector is two lists and not registers.
    return [
        part for part in walk(root(file_format.schema, snapshot)) if isinstance(part.node, kinds)
    ]


def _with(file_format: Format, snapshot: Any, part: Part, value: Any) -> Any:
    return rebuilt(trail(root(file_format.schema, snapshot), part.path), value)


def _limit(random: Random, node: Node, value: Any) -> Any:
    match node:
        case IntNode():
            near = [node.minimum, node.minimum + 1, node.maximum, node.maximum - 1]
            near += [1 << bit for bit in range(node.bits - 1) if node.minimum <= 1 << bit]
            return random.choice(near)
        case BoolNode():
            return not value
        case EnumNode(cls):
            return random.choice(list(cls))
        case BytesNode():
            return random.choice([b"", b"\0", value[:-1], value + b"\0", b"\xff" * len(value)])
        case TextNode() if node.accepts is None:
            return random.choice(["", "\0", "é", "a" * 4096, value + "/../", "🧊" * 64])
        case _:
            return value


def _anything(random: Random, node: Node, value: Any) -> Any:
    match node:
        case IntNode():
            return random.randint(node.minimum, node.maximum)
        case BytesNode():
            return random.randbytes(random.randint(0, 2 * len(value) + 1))
        case TextNode() if node.accepts is None:
            return "".join(chr(random.randint(0x20, 0x24F)) for _ in range(random.randint(0, 40)))
        case _:
            return _limit(random, node, value)


def _resized(random: Random, part: Part) -> tuple[Any, str]:
    value: Any = part.value
    if not isinstance(value, list | bytes):
        return None, "is not there any more"
    return _cut_or_grown(random, value)


def _cut_or_grown(random: Random, value: Any) -> tuple[Any, str]:
    """A list or byte vector of another length, or in another order."""
    at = random.randrange(len(value) + 1)
    choices = [
        (value[:0], "is empty"),
        (value[:at], f"ends behind {at} of {len(value)}"),
        (value[:at] + value[at + 1 :], f"lost item {at}"),
        (value[:at] + value[at : at + 1] + value[at:], f"has item {at} twice"),
        (value[::-1], "is in reverse order"),
        (value * 3, "is three times as long"),
    ]
    return random.choice(choices)
