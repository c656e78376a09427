"""The type tree: what a schema looks like to whoever derives something from it.

Codecs, the JSON form, `describe`, Hypothesis strategies and the documentation all walk these
nodes and nothing else. Names are those of the serde data model. Nodes are immutable and hashable;
two nodes are equal if they stand for the same type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from operator import itemgetter
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class IntNode:
    """An integer of `bits` bits: 8, 16, 32, 64 or 128.

    Attributes:
        nonzero: whether 0 is refused, as by Rust's unsigned `NonZero` types.
    """

    bits: int
    signed: bool = False
    nonzero: bool = False

    @property
    def minimum(self) -> int:
        """The least value."""
        return -(1 << (self.bits - 1)) if self.signed else int(self.nonzero)

    @property
    def maximum(self) -> int:
        """The greatest value."""
        return (1 << (self.bits - self.signed)) - 1

    def __str__(self) -> str:
        return f"{'nonzero ' * self.nonzero}{'i' if self.signed else 'u'}{self.bits}"


@dataclass(frozen=True, slots=True)
class FloatNode:
    """An IEEE 754 number of `bits` bits: 32 or 64."""

    bits: int

    def __str__(self) -> str:
        return f"f{self.bits}"


@dataclass(frozen=True, slots=True)
class BoolNode:
    """A `bool`."""

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class CharNode:
    """One Unicode scalar value, as a `str` of length 1."""

    def __str__(self) -> str:
        return "char"


@dataclass(frozen=True, slots=True)
class TextNode:
    """Text, or a type that is serialised through its text.

    Attributes:
        name: what the type is called in messages.
        pattern: regular expression that every acceptable text matches in full, None if all do.
        accepts: the complete rule, None if all texts are acceptable.
    """

    name: str = "str"
    pattern: str | None = None
    accepts: Callable[[str], bool] | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class BytesNode:
    """A vector of `u8`, as `bytes`."""

    def __str__(self) -> str:
        return "bytes"


@dataclass(frozen=True, slots=True)
class UnitNode:
    """The type of no information; its value is None."""

    def __str__(self) -> str:
        return "()"


@dataclass(frozen=True, slots=True)
class SeqNode:
    """A sequence of any length, as a `list`."""

    item: Node

    def __str__(self) -> str:
        return f"[{self.item}]"


@dataclass(frozen=True, slots=True)
class MapNode:
    """A map, as a `dict`.

    Attributes:
        ordered: whether entries come in the order of their keys, as in a `BTreeMap`; otherwise
            they come in the order of the `dict`, as for a `HashMap`.
    """

    key: Node
    value: Node
    ordered: bool = True

    def __str__(self) -> str:
        return f"{{{self.key}: {self.value}}}"


@dataclass(frozen=True, slots=True)
class OptionNode:
    """A value or None."""

    item: Node

    def __str__(self) -> str:
        return f"{self.item}?"


@dataclass(frozen=True, slots=True)
class TupleNode:
    """Values of several types side by side, as a `tuple`."""

    items: tuple[Node, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


@dataclass(frozen=True, slots=True)
class ArrayNode:
    """Exactly `length` values of one type, as a `tuple`."""

    item: Node
    length: int

    def __str__(self) -> str:
        return f"[{self.item}; {self.length}]"


@dataclass(frozen=True, slots=True)
class EnumNode:
    """An enum of unit variants: an `Enum` class whose values are the variants' names.

    The variant index is the position in the class.
    """

    cls: type[Enum]

    @property
    def names(self) -> tuple[str, ...]:
        """The variants' names by index."""
        return tuple(member.value for member in self.cls)

    def __str__(self) -> str:
        return self.cls.__name__


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct; `doc` comes from the `Attributes:` section of the class docstring."""

    name: str
    node: Node
    doc: str = ""


Shape = Literal["struct", "tuple", "newtype", "unit"]


@dataclass(frozen=True)
class StructNode:
    """A struct, or the payload of an enum's variant: a subclass of `schema.Struct`.

    Attributes:
        name: the name in the serde data model (it matters for variants only).
        resolve: gives the fields of `cls`; called late, so that a type may contain itself.
        refusal: why the type's own `Deserialize` refuses a value; None if it takes all.
    """

    cls: type[Any]
    name: str
    resolve: Callable[[type[Any]], tuple[Field, ...]]
    refusal: Callable[[Any], str | None] | None = None

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The fields in wire order."""
        return self.resolve(self.cls)

    @cached_property
    def shape(self) -> Shape:
        """How the type is declared in Rust: fields called `_0`, `_1`, … make a tuple struct."""
        names = [field.name for field in self.fields]
        if not names:
            return "unit"
        if names != [f"_{index}" for index in range(len(names))]:
            return "struct"
        return "newtype" if len(names) == 1 else "tuple"

    def __str__(self) -> str:
        return self.cls.__name__


@dataclass(frozen=True, slots=True)
class UnionNode:
    """An enum whose variants carry data: one of several structs, by variant index."""

    variants: tuple[StructNode, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.variants))


Node = (
    IntNode
    | FloatNode
    | BoolNode
    | CharNode
    | TextNode
    | BytesNode
    | UnitNode
    | SeqNode
    | MapNode
    | OptionNode
    | TupleNode
    | ArrayNode
    | EnumNode
    | StructNode
    | UnionNode
)


def inner_nodes(node: Node) -> tuple[Node, ...]:
    """The types directly inside a type, in wire order."""
    match node:
        case StructNode():
            return tuple(field.node for field in node.fields)
        case TupleNode(items) | UnionNode(items):
            return items
        case MapNode(key, value):
            return (key, value)
        case SeqNode(item) | OptionNode(item) | ArrayNode(item, _):
            return (item,)
        case _:
            return ()


def field_node(node: Node, *path: str) -> Node:
    """The type of a field of a struct, or of a field of that, and so on. Lists and options are gone
    through: what is asked for are fields of their items.

    Raises:
        KeyError: a struct has no such field, or what should be one is none.
    """
    for name in path:
        while isinstance(node, SeqNode | OptionNode):
            node = node.item
        fields = node.fields if isinstance(node, StructNode) else ()
        node = {field.name: field.node for field in fields}[name]
    return node


def has_field(node: Node, *path: str) -> bool:
    """Whether there is what `field_node` gives."""
    try:
        field_node(node, *path)
    except KeyError:
        return False
    return True


def is_zero_sized(node: Node) -> bool:
    """Whether values of the type occupy no memory in Rust (`size_of::<T>() == 0`)."""
    match node:
        case StructNode():
            return all(is_zero_sized(field.node) for field in node.fields)
        case TupleNode(items):
            return all(map(is_zero_sized, items))
        case ArrayNode(item, length):
            return length == 0 or is_zero_sized(item)
        case EnumNode(cls):
            return len(cls) == 1
        case UnionNode(variants):
            return len(variants) == 1 and is_zero_sized(variants[0])
        case _:
            return isinstance(node, UnitNode)


def map_order(node: MapNode) -> Callable[[dict[Any, Any]], Iterable[tuple[Any, Any]]]:
    """A function that gives a map's entries in the order in which Rust iterates them.

    Raises `TypeError` for keys that Python can't hash or order as Rust does.
    """
    rank = _rank(node.key)
    if not node.ordered:
        return dict.items
    key = itemgetter(0) if rank is None else lambda entry: rank(entry[0])
    return lambda entries: sorted(entries.items(), key=key)


_Rank = Callable[[Any], Any]


def _rank(node: Node) -> _Rank | None:
    """What to compare keys by; None if Python's order is that of Rust."""
    match node:
        case EnumNode(cls):
            return {member: index for index, member in enumerate(cls)}.__getitem__
        case OptionNode(item):
            inner = _rank(item) or _same
            return lambda key: () if key is None else (inner(key),)
        case TupleNode() | ArrayNode():
            items = node.items if isinstance(node, TupleNode) else (node.item,) * node.length
            ranks = [_rank(item) or _same for item in items]
            return lambda key: tuple(rank(part) for rank, part in zip(ranks, key, strict=True))
        case IntNode() | BoolNode() | CharNode() | TextNode() | BytesNode() | UnitNode():
            return None
        case _:
            raise TypeError(f"{node} can't be the key of a map; declare it as list[tuple[K, V]]")


def _same(key: Any) -> Any:
    return key
