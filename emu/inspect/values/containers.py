"""What is inside a value, for each kind of type; and the way through all of it.

>>> from emu.inspect.values.parts import root
>>> from emu.wire.schema import Struct, u8, u64
>>> class Queue(Struct):
...     size: u8
...     rings: dict[str, u64] | None
>>> for part in walk(root(Queue, Queue(4, {"avail": 0x1000}))):
...     print(f"{part.path!s:16}{part.node!s:14}{part.value}")
                Queue         Queue(size=4, rings={'avail': 4096})
size            u8            4
rings           {str: u64}?   {'avail': 4096}
rings["avail"]  u64           4096
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from emu.arch.bits import Bits, Register
from emu.errors import ValueFileError
from emu.inspect.values.parts import ABSENT, Container, Part, View
from emu.inspect.values.paths import APPEND, Step, key_text
from emu.wire import jsonvalue
from emu.wire.nodes import (
    ArrayNode,
    IntNode,
    MapNode,
    Node,
    SeqNode,
    StructNode,
    TupleNode,
    UnionNode,
    map_order,
)


def container_of(part: Part) -> Container | None:
    """What is inside a part; None for a leaf, and for an option that is none."""
    view = _view(part)
    seen = view(part) if view and part.is_there else None
    return seen or plain_container_of(part)


def plain_container_of(part: Part) -> Container | None:
    """What is inside a part as the schema has it, whatever view there may be of it."""
    make = _CONTAINERS.get(type(part.kind))
    return make(part) if make and part.is_there else None


def bit_fields_of(part: Part) -> Container | None:
    """The bit fields of a register that is there; None if none are known."""
    return _BitFields(part) if part.layout and part.is_there else None


def walk(part: Part) -> Iterator[Part]:
    """`part` and everything inside it, in wire order. Bit fields are left out."""
    yield part
    container = container_of(part)
    if container:
        for inner in container.parts():
            yield from walk(inner)


def _view(part: Part) -> View | None:
    node = part.kind
    if part.view or not isinstance(node, StructNode):
        return part.view
    return part.naming.views.get(node.cls)


class Fields(Container):
    """The fields of a struct."""

    def parts(self) -> Iterator[Part]:
        """The fields in wire order."""
        naming, node = self.whole.naming, self.whole.kind
        assert isinstance(node, StructNode)
        for item in node.fields:
            role = (node.cls, item.name)
            layout = naming.layouts.get(role)
            yield self._part(
                Step(".", item.name),
                item.node,
                getattr(self.whole.value, item.name),
                view=naming.views.get(role),
                layout=layout,
                is_register=layout is not None,
            )

    def put(self, step: Step, value: Any) -> Any:
        """The struct with another value in a field."""
        return dataclasses.replace(self.whole.value, **{str(step.key): value})


class _Variant(Container):
    """The one variant that is present of an enum with payloads."""

    def parts(self) -> Iterator[Part]:
        node, value = self.whole.kind, self.whole.value
        assert isinstance(node, UnionNode)
        variant = next(variant for variant in node.variants if variant.cls is type(value))
        yield self._part(Step("::", variant.name), variant, value)

    def put(self, step: Step, value: Any) -> Any:
        return value


class _Items(Container):
    """The items of an array or a tuple."""

    def parts(self) -> Iterator[Part]:
        """The items by index."""
        return map(self.item, range(len(self.whole.value)))

    def at(self, step: Step) -> Part | None:
        """The item of an index."""
        index = self.index(step)
        return None if index is None else self.item(index)

    def put(self, step: Step, value: Any) -> Any:
        """The items with another value for one."""
        items = list(self.whole.value)
        items[self._known(step)] = value
        return tuple(items)

    def item(self, index: int) -> Part:
        """The part that stands for an item."""
        return self._part(Step("[", index), self.item_node(index), self.whole.value[index])

    def index(self, step: Step) -> int | None:
        """The index of the item that a step names; None if there is no such item."""
        count = len(self.whole.value)
        return step.key if isinstance(step.key, int) and 0 <= step.key < count else None

    def item_node(self, index: int) -> Node:
        """The type of an item."""
        node = self.whole.kind
        assert isinstance(node, SeqNode | ArrayNode | TupleNode)
        return node.items[index] if isinstance(node, TupleNode) else node.item

    def _known(self, step: Step) -> int:
        index = self.index(step)
        assert index is not None
        return index


class Items(_Items):
    """The items of a list."""

    resizable = True

    def at(self, step: Step) -> Part | None:
        """The item of an index, or the place behind the last item."""
        if step == APPEND:
            return self._part(step, self.item_node(0), ABSENT)
        return super().at(step)

    def put(self, step: Step, value: Any) -> Any:
        """The list with another value for an item, or with one more."""
        if step == APPEND:
            return [*self.whole.value, value]
        return list(super().put(step, value))

    def without(self, step: Step) -> Any:
        """The list without an item."""
        gone = self._known(step)
        return self.whole.value[:gone] + self.whole.value[gone + 1 :]


class Entries(Container):
    """The entries of a map."""

    resizable = True

    @property
    def node(self) -> MapNode:
        """The map's type."""
        node = self.whole.kind
        assert isinstance(node, MapNode)
        return node

    def parts(self) -> Iterator[Part]:
        """The entries, in the order in which they are written."""
        for key, value in map_order(self.node)(self.whole.value):
            yield self.entry(key, value)

    def at(self, step: Step) -> Part | None:
        """The entry of a key."""
        try:
            key = self.key(step)
        except ValueFileError:
            return None
        return self.entry(key, self.whole.value.get(key, ABSENT))

    def put(self, step: Step, value: Any) -> Any:
        """The map with another value for a key; a new key comes last."""
        return {**self.whole.value, self.key(step): value}

    def without(self, step: Step) -> Any:
        """The map without a key."""
        gone = self.key(step)
        return {key: value for key, value in self.whole.value.items() if key != gone}

    def entry(self, key: Any, value: Any) -> Part:
        """The part that stands for an entry."""
        data = jsonvalue.to_json(self.node.key, key)
        is_number = isinstance(self.node.key, IntNode)
        return self._part(Step("[", data if is_number else key_text(data)), self.node.value, value)

    def key(self, step: Step) -> Any:
        """The key that a step names; raises `ValueFileError` if it can't be a key of the map."""
        if step.mark != "[":
            raise ValueFileError(f"found {step}, expected a key in brackets")
        try:
            data = step.key if isinstance(step.key, int) else json.loads(step.key)
        except ValueError as error:
            raise ValueFileError(f"found {step}, which is not JSON") from error
        return jsonvalue.from_json(self.node.key, data)


class _OrderedEntries(Entries):
    """The entries of a map that keeps them in some order of its own."""

    order_matters = True


class _BitFields(Container):
    """The bit fields of a register."""

    def parts(self) -> Iterator[Part]:
        for bits in self._layout.fields:
            value = (self.whole.value & bits.mask) >> bits.lsb
            words = {word: number for number, word in bits.names.items()}
            yield self._part(
                Step(":", bits.name), IntNode(bits.msb - bits.lsb + 1), value, words=words
            )

    def put(self, step: Step, value: Any) -> Any:
        bits: Bits = getattr(self._layout, str(step.key))
        return bits.insert(self.whole.value, value)

    @property
    def _layout(self) -> type[Register]:
        assert self.whole.layout is not None
        return self.whole.layout


def _entries(whole: Part) -> Entries:
    node = whole.kind
    assert isinstance(node, MapNode)
    return Entries(whole) if node.ordered else _OrderedEntries(whole)


_CONTAINERS: dict[type[Any], View] = {
    StructNode: Fields,
    UnionNode: _Variant,
    SeqNode: Items,
    ArrayNode: _Items,
    TupleNode: _Items,
    MapNode: _entries,
}
