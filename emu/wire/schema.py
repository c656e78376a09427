r"""A schema is a class: its annotations, in order, are the fields on the wire.

>>> class Device(Struct):
...     "A device.\n\nAttributes:\n    id: Unique among the devices."
...     id: str
...     slot: u32
...     blob: bytes
...     tap: str | None
>>> Device(id="eth0", slot=3, blob=b"", tap=None).slot
3
>>> for field in fields_of(Device):
...     print(f"{field.name}: {field.node}")
id: str
slot: u32
blob: bytes
tap: str?
>>> fields_of(Device)[0].doc
'Unique among the devices.'

| Rust | annotation |
|---|---|
| `u8` … `u128`, `i8` … `i128`, `f32`, `f64`, `char` | the alias of that name; `usize` is `u64` |
| `bool`, `String`, `()` | `bool`, `str`, `None` |
| text with rules of its own | `Annotated[str, TextNode(...)]`, for example `semver.Semver` |
| `Vec<u8>`, `Vec<T>` | `bytes`, `list[T]` |
| `BTreeMap<K, V>`, `HashMap<K, V>` | `dict[K, V]`, `HashMap[K, V]` |
| `Option<T>` | `T | None` (not nested: Python can't tell `Some(None)` from `None`) |
| `(A, B)` | `tuple[A, B]` |
| `[T; N]` | `Annotated[tuple[T, ...], Array(T, N)]` |
| enum of unit variants | an `Enum` class whose values are the variants' names |
| enum with payloads | `A | B | …`, each a `Struct` that is named as the variant |
| enum with one variant, which has a payload | `Annotated[A, OnlyVariant()]` |
| struct, tuple struct, newtype | a `Struct`; fields `_0`, `_1`, … make it a tuple struct |
| generic struct `Conn<T>` | `class Conn(Struct, Generic[T])`, used as `Conn[Device]` |
| `NonZeroU32` | `Annotated[int, IntNode(32, nonzero=True)]` |

A type whose `Deserialize` is hand-written and refuses some values says so in `refusal`. A later
version of a schema is a `Revision`: only the types that changed are declared again.

A map whose keys Python can't hash or order is a `list[tuple[K, V]]`: it has the same bytes.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from typing import (
    Annotated,
    Any,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from emu.wire.nodes import (
    ArrayNode,
    BoolNode,
    BytesNode,
    CharNode,
    EnumNode,
    Field,
    FloatNode,
    IntNode,
    MapNode,
    Node,
    OptionNode,
    SeqNode,
    StructNode,
    TextNode,
    TupleNode,
    UnionNode,
    UnitNode,
)

u8 = Annotated[int, IntNode(8)]
u16 = Annotated[int, IntNode(16)]
u32 = Annotated[int, IntNode(32)]
u64 = Annotated[int, IntNode(64)]
u128 = Annotated[int, IntNode(128)]
i8 = Annotated[int, IntNode(8, signed=True)]
i16 = Annotated[int, IntNode(16, signed=True)]
i32 = Annotated[int, IntNode(32, signed=True)]
i64 = Annotated[int, IntNode(64, signed=True)]
i128 = Annotated[int, IntNode(128, signed=True)]
f32 = Annotated[float, FloatNode(32)]
f64 = Annotated[float, FloatNode(64)]
char = Annotated[str, CharNode()]


@dataclass(frozen=True)
class Array:
    """Marks a tuple annotation as the Rust array `[item; length]`; `item` may be an `Array`."""

    item: Any
    length: int


@dataclass(frozen=True)
class KeepOrder:
    """Marks a `dict` annotation as a map that is written in the order of the `dict`."""


@dataclass(frozen=True)
class OnlyVariant:
    """Marks a `Struct` annotation as an enum that has this one variant."""


_K = TypeVar("_K")
_V = TypeVar("_V")
HashMap = Annotated[dict[_K, _V], KeepOrder()]


@dataclass_transform(field_specifiers=(dataclasses.field,))
class _StructType(type):
    """Makes each subclass of `Struct` a dataclass with slots."""

    variant_name = ""
    # The names that annotations may use: those of the place where the class is defined.
    _scope: Mapping[str, Any]

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> Any:
        namespace.setdefault("_scope", sys._getframe(1).f_locals)
        cls = super().__new__(mcs, name, bases, namespace, **options)
        # `dataclass(slots=True)` builds the class a second time, and comes by here again.
        if "__dataclass_fields__" in namespace:
            return cls
        return dataclass(slots=True)(cls)


class Struct(metaclass=_StructType):
    """Base of schemas: a dataclass with slots, compared by value.

    As a variant of an enum it goes by the name of the class, or by `variant_name` if it sets one.
    """

    def refusal(self) -> str | None:
        """Why Rust's `Deserialize` of the type refuses this value; None if it accepts it.

        To be overridden for types that check more than the types of their fields. Encoders, as
        in Rust, write a refused value all the same.
        """
        return None


class Revision:
    """A version of a schema: which types stand in it where an earlier version had others.

    A type that did not change is not declared again, even if something inside it did:

    >>> class Queue(Struct):
    ...     size: u16
    >>> class Device(Struct):
    ...     queues: list[Queue]
    >>> class QueueWithReady(Struct):
    ...     size: u16
    ...     ready: bool
    >>> second = AS_DECLARED.revised({Queue: QueueWithReady})
    >>> for revision in (AS_DECLARED, second):
    ...     print(schema_of(Device, revision).fields[0].node)
    [Queue]
    [QueueWithReady]
    """

    def __init__(self, replaced: Mapping[type, type]) -> None:
        self._replaced = dict(replaced)

    def revised(self, replaced: Mapping[type, type]) -> Revision:
        """A later version; raises `ValueError` unless the keys of `replaced` are types of this."""
        for cls in replaced:
            if self.latest(cls) is not cls:
                raise ValueError(f"{cls} was replaced by {self.latest(cls)} already; replace that")
        carried_on = {cls: replaced.get(now, now) for cls, now in self._replaced.items()}
        return Revision({**carried_on, **replaced})

    def latest(self, cls: type) -> type:
        """What stands in this version for a type of it or of any version before it."""
        return self._replaced.get(cls, cls)


AS_DECLARED = Revision({})
"""The version in which every type is what its declaration says."""


def schema_of(schema: Any, revision: Revision = AS_DECLARED) -> Node:
    """The type tree of a `Struct` class or of any annotation that a field may have.

    A node is its own schema. Raises `TypeError` for what no schema can be made of.
    """
    if isinstance(schema, Node):
        return schema
    if isinstance(schema, Array):
        return ArrayNode(schema_of(schema.item, revision), schema.length)
    if schema in _PLAIN:
        return _PLAIN[schema]
    if isinstance(schema, type) and issubclass(schema, Struct | Enum):
        return _named(revision.latest(schema), (), revision)
    return _composed(schema, revision)


def struct_of(cls: type[Struct]) -> StructNode:
    """The type tree of a `Struct` class."""
    return _struct(cls, (), AS_DECLARED)


def _named(cls: type[Struct] | type[Enum], arguments: tuple[Node, ...], revision: Revision) -> Node:
    if issubclass(cls, Struct):
        return _struct(cls, arguments, revision)
    return _enum(cls)


# Only classes are cached: Python takes `A | B` and `B | A` for equal, and here they are not.
@cache
def _struct(cls: type[Struct], arguments: tuple[Node, ...], revision: Revision) -> StructNode:
    refusal = None if cls.refusal is Struct.refusal else cls.refusal
    resolve = partial(_fields, arguments, revision)
    return StructNode(cls, cls.variant_name or cls.__name__, resolve, refusal)


_PLAIN: dict[Any, Node] = {
    bool: BoolNode(),
    str: TextNode(),
    bytes: BytesNode(),
    float: FloatNode(64),
    None: UnitNode(),
    type(None): UnitNode(),
}


def _enum(cls: type[Enum]) -> EnumNode:
    if not len(cls) or not all(isinstance(member.value, str) for member in cls):
        raise TypeError(f"{cls.__name__}: each member's value must be its variant's name")
    return EnumNode(cls)


def _composed(schema: Any, revision: Revision) -> Node:
    origin, args = get_origin(schema), get_args(schema)
    if origin is Annotated:
        return _annotated(args[0], args[1:], revision)
    if origin in {Union, types.UnionType}:
        return _union(args, revision)
    if (origin in {list, dict, tuple} and args and Ellipsis not in args) or _is_struct(origin):
        return _container(origin, tuple(schema_of(arg, revision) for arg in args), revision)
    hint = "; give it a width, for example u64" if schema is int else ""
    raise TypeError(f"no schema can be made of {schema!r}{hint}")


def _is_struct(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Struct)


def _container(origin: type, parts: tuple[Node, ...], revision: Revision) -> Node:
    if origin is list:
        return SeqNode(parts[0])
    if origin is dict:
        return MapNode(parts[0], parts[1])
    if origin is tuple:
        return TupleNode(parts)
    return _named(revision.latest(origin), parts, revision)


def _annotated(base: Any, marks: tuple[Any, ...], revision: Revision) -> Node:
    for mark in marks:
        if isinstance(mark, Node | Array):
            return schema_of(mark, revision)
        if isinstance(mark, KeepOrder):
            key, value = (schema_of(arg, revision) for arg in get_args(base))
            return MapNode(key, value, ordered=False)
        if isinstance(mark, OnlyVariant):
            return _variants((base,), revision)
    return schema_of(base, revision)


def _union(args: tuple[Any, ...], revision: Revision) -> Node:
    """`T | None` is an option, `A | B` an enum, `A | B | None` an optional enum."""
    some = [arg for arg in args if arg is not type(None)]
    node = schema_of(some[0], revision) if len(some) == 1 else _variants(some, revision)
    return OptionNode(node) if len(some) < len(args) else node


def _variants(args: Sequence[Any], revision: Revision) -> UnionNode:
    nodes = [schema_of(arg, revision) for arg in args]
    variants = tuple(node for node in nodes if isinstance(node, StructNode))
    if len({variant.name for variant in variants}) < len(nodes):
        raise TypeError(f"an enum's variants must be Structs of different names: {args}")
    return UnionNode(variants)


def fields_of(cls: type[Struct]) -> tuple[Field, ...]:
    """The fields of a `Struct` class in wire order, with their types resolved."""
    return struct_of(cls).fields


def _fields(
    arguments: tuple[Node, ...], revision: Revision, cls: type[Struct]
) -> tuple[Field, ...]:
    """The fields of a `Struct` class, its type parameters bound to `arguments`."""
    parameters = getattr(cls, "__parameters__", ())
    if len(arguments) != len(parameters):
        raise TypeError(f"{cls.__name__} takes {len(parameters)} types, {len(arguments)} given")
    bound = {
        parameter.__name__: Annotated[Any, argument]
        for parameter, argument in zip(parameters, arguments, strict=True)
    }
    names = {**cls._scope, cls.__name__: cls, **bound}
    try:
        hints = get_type_hints(cls, localns=names, include_extras=True)
    except NameError as error:
        raise TypeError(f"{cls.__name__}: {error} where the class is defined") from None
    docs = _attribute_docs(cls.__doc__ or "")
    return tuple(
        Field(field.name, _field_schema(cls, field.name, hints, revision), docs.get(field.name, ""))
        for field in dataclasses.fields(cls)
    )


def _field_schema(cls: type[Struct], name: str, hints: dict[str, Any], revision: Revision) -> Node:
    try:
        return schema_of(hints[name], revision)
    except TypeError as error:
        raise TypeError(f"{cls.__name__}.{name}: {error}") from None


def _attribute_docs(docstring: str) -> dict[str, str]:
    """The entries of the `Attributes:` section of a docstring, each as one line."""
    _, _, section = docstring.partition("Attributes:\n")
    entries = re.findall(r"^ +(\w+): (.*(?:\n(?! +\w+: ).*\S.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
