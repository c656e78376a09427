"""What differs between two values, by field path.

>>> from emu.wire.schema import Struct, u8
>>> class Device(Struct):
...     id: str
...     irqs: list[u8]
>>> old, new = Device("eth0", [5]), Device("eth1", [5, 9])
>>> for difference in diff(Device, old, Device, new):
...     print(difference.path, difference.kind, difference.old, difference.new)
id changed eth0 eth1
irqs[1] added None 9
>>> diff(Device, old, Device, new, ignore=["irqs[*]", "id"])
[]

Nothing is missed: two values of one schema without differences have the same encoding, and values
with the same encoding have no differences. Values of two schemas are compared field by field, by
name; that one has an option where the other has a bare value, or an enum with more variants, does
not count.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from emu.arch.bits import Register
from emu.errors import ValueFileError
from emu.inspect.values.containers import Fields, bit_fields_of, container_of, plain_container_of
from emu.inspect.values.parts import PLAIN, Container, Naming, Part, root
from emu.inspect.values.patterns import Matcher, matcher
from emu.wire import jsonvalue
from emu.wire.nodes import EnumNode, FloatNode, IntNode, Node, UnionNode

Kind = Literal["changed", "added", "removed", "variant", "order", "type", "field-added",
               "field-removed"]  # fmt: skip
"""What happened at a path: the value is another; an item or entry came or went; an enum has another
variant; the same entries come in another order; the types do not compare; the field itself is in
one of the schemas only."""


@dataclass(frozen=True, slots=True)
class BitsChange:
    """A bit field of a register whose value differs; values as `describe` shows them."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class BytesChange:
    """How two byte strings differ.

    Attributes:
        first_offset: offset of the first byte that differs or that only one of them has.
        differing_count: how many bytes differ, among those that both have.
        old_preview: old bytes from `first_offset` on, in hexadecimal; at most 16.
        new_preview: the new ones.
    """

    old_size_bytes: int
    new_size_bytes: int
    first_offset: int
    differing_count: int
    old_preview: str
    new_preview: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference; plain data, ready for JSON.

    Attributes:
        path: where it is.
        kind: what happened there.
        old: the value as JSON data; None if there is none, and for bytes on both sides. For
            "type" and "order", the type and the keys instead.
        new: the same of the other value.
        is_register: whether the values are best read in hexadecimal.
        label: what is there, where the path does not say it.
        bits: the fields that differ, of a register whose fields are known.
        bytes: how bytes differ.
    """

    path: str
    kind: Kind
    old: Any = None
    new: Any = None
    is_register: bool = False
    label: str = ""
    bits: tuple[BitsChange, ...] = ()
    bytes: BytesChange | None = None


PREVIEW_SIZE_BYTES = 16


def diff(
    schema_a: Any,
    value_a: Any,
    schema_b: Any,
    value_b: Any,
    *,
    ignore: Iterable[str] = (),
    naming_a: Naming = PLAIN,
    naming_b: Naming | None = None,
) -> list[Difference]:
    """How `value_b` differs from `value_a`, in wire order.

    Args:
        schema_a: the type of `value_a`: a `Struct` class, an annotation or a node.
        value_a: the old value.
        schema_b: the type of `value_b`.
        value_b: the new value.
        ignore: patterns of paths to pass over; see `emu.inspect.values.patterns`.
        naming_a: that of the format of `value_a`.
        naming_b: that of the format of `value_b`; `naming_a` by default.

    Raises:
        PathError: something in `ignore` is no pattern.
    """
    a = root(schema_a, value_a, naming_a)
    b = root(schema_b, value_b, naming_a if naming_b is None else naming_b)
    return list(_compare(a, b, matcher(ignore)))


def _compare(a: Part, b: Part, ignored: Matcher) -> Iterator[Difference]:
    if ignored.matched or (a.value is b.value and a.node is b.node):
        return
    if a.value is not None and b.value is not None and not _alike(a.kind, b.kind):
        yield _difference("type", a, old=str(a.node), new=str(b.node))
        return
    inside_a, inside_b = container_of(a), container_of(b)
    if type(inside_a) is not type(inside_b):
        # One of them can't be seen as what it stands for: as it is, each can.
        inside_a, inside_b = plain_container_of(a), plain_container_of(b)
    if inside_a and inside_b:
        yield from _compare_inside(inside_a, inside_b, ignored)
    elif not _same_leaf(a, b):
        yield _changed(a, b)


def _alike(a: Node, b: Node) -> bool:
    """Whether the values of two types can be compared."""
    if isinstance(a, IntNode) and isinstance(b, IntNode):
        return (a.bits, a.signed) == (b.bits, b.signed)
    if isinstance(a, FloatNode) and isinstance(b, FloatNode):
        return a.bits == b.bits
    return type(a) is type(b)


def _same_leaf(a: Part, b: Part) -> bool:
    if a.value is None or b.value is None:
        return a.value is b.value
    if isinstance(a.kind, EnumNode):
        return bool(a.value.value == b.value.value)
    if isinstance(a.kind, FloatNode):
        # As bits: -0.0 equals 0.0, and NaN does not equal itself.
        layout = "<f" if a.kind.bits == 32 else "<d"
        return struct.pack(layout, a.value) == struct.pack(layout, b.value)
    return bool(a.value == b.value)


# --- containers --------------------------------------------------------------------------------


def _compare_inside(a: Container, b: Container, ignored: Matcher) -> Iterator[Difference]:
    old = {part.step: part for part in a.parts()}
    new = {part.step: part for part in b.parts()}
    if isinstance(a.whole.kind, UnionNode) and old.keys() != new.keys():
        yield _difference("variant", a.whole, old=_json(a.whole), new=_json(b.whole))
        return
    is_struct = isinstance(a, Fields)
    for step, part in old.items():
        inside = ignored.into(a, part)
        if step in new:
            yield from _compare(part, new[step], inside)
        elif not inside.matched:
            kind: Kind = "field-removed" if is_struct else "removed"
            yield _difference(kind, part, old=_json(part))
    for step, part in new.items():
        if step not in old and not ignored.into(b, part).matched:
            yield _difference("field-added" if is_struct else "added", part, new=_json(part))
    if a.order_matters:
        yield from _compare_order(a, b, ignored)


def _compare_order(a: Container, b: Container, ignored: Matcher) -> Iterator[Difference]:
    """The order of the entries, where those that were added belong at the end."""
    old, new = _keys(a, ignored), _keys(b, ignored)
    expected = [key for key in old if key in new] + [key for key in new if key not in old]
    if list(new) != expected:
        yield _difference("order", a.whole, old=list(old), new=list(new))


def _keys(container: Container, ignored: Matcher) -> dict[str, None]:
    """The keys of the entries that count, in order."""
    parts = (p for p in container.parts() if not ignored.into(container, p).matched)
    return {str(part.step).removeprefix("."): None for part in parts}


# --- differences -------------------------------------------------------------------------------


def _difference(kind: Kind, part: Part, old: Any = None, new: Any = None) -> Difference:
    return Difference(str(part.path), kind, old, new, part.is_register, part.label)


def _changed(a: Part, b: Part) -> Difference:
    both_bytes = isinstance(a.value, bytes) and isinstance(b.value, bytes)
    both_fields = bit_fields_of(a) and bit_fields_of(b)
    return Difference(
        path=str(a.path),
        kind="changed",
        old=None if both_bytes else _json(a),
        new=None if both_bytes else _json(b),
        is_register=a.is_register,
        label=a.label,
        bits=tuple(_bits(a.layout, a.value, b.value)) if both_fields else (),
        bytes=_bytes(a.value, b.value) if both_bytes else None,
    )


def _bits(layout: type[Register] | None, old: int, new: int) -> Iterator[BitsChange]:
    assert layout is not None
    for (name, before), (_, after) in zip(
        layout(old).decoded(), layout(new).decoded(), strict=True
    ):
        if before != after:
            yield BitsChange(name, before, after)


def _bytes(old: bytes, new: bytes) -> BytesChange:
    differing = [at for at, (x, y) in enumerate(zip(old, new, strict=False)) if x != y]
    first = differing[0] if differing else min(len(old), len(new))
    end = first + PREVIEW_SIZE_BYTES
    return BytesChange(
        old_size_bytes=len(old),
        new_size_bytes=len(new),
        first_offset=first,
        differing_count=len(differing),
        old_preview=old[first:end].hex(" "),
        new_preview=new[first:end].hex(" "),
    )


def _json(part: Part) -> Any:
    """A value as plain JSON data, in the form that `edit` takes; text where JSON has no form."""
    if isinstance(part.value, float) and not math.isfinite(part.value):
        return str(part.value)
    try:
        return json.loads(jsonvalue.dumps(part.node, part.value))
    except ValueFileError:
        return repr(part.value)
