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
| struct, tuple struct, newtype | a `Struct`; fields `_0`, `_1`, … make it a tuple struct |

A map whose keys Python can't hash or order is a `list[tuple[K, V]]`: it has the same bytes.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
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


def schema_of(schema: Any) -> Node:
    """The type tree of a `Struct` class or of any annotation that a field may have.

    A node is its own schema. Raises `TypeError` for what no schema can be made of.
    """
    if isinstance(schema, Node):
        return schema
    if isinstance(schema, Array):
        return ArrayNode(schema_of(schema.item), schema.length)
    if schema in _PLAIN:
        return _PLAIN[schema]
    if isinstance(schema, type) and issubclass(schema, Struct):
        return struct_of(schema)
    if isinstance(schema, type) and issubclass(schema, Enum):
        return _enum(schema)
    return _generic(schema)


# Only classes are cached: Python takes `A | B` and `B | A` for equal, and here they are not.
@cache
def struct_of(cls: type[Struct]) -> StructNode:
    """The type tree of a `Struct` class."""
    return StructNode(cls, cls.variant_name or cls.__name__, fields_of)


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


def _generic(schema: Any) -> Node:
    origin, args = get_origin(schema), get_args(schema)
    if origin is Annotated:
        return _annotated(args[0], args[1:])
    if origin is list:
        return SeqNode(schema_of(args[0]))
    if origin is dict:
        return MapNode(schema_of(args[0]), schema_of(args[1]))
    if origin is tuple and args and Ellipsis not in args:
        return TupleNode(tuple(map(schema_of, args)))
    if origin in {Union, types.UnionType}:
        return _union(args)
    hint = "; give it a width, for example u64" if schema is int else ""
    raise TypeError(f"no schema can be made of {schema!r}{hint}")


def _annotated(base: Any, marks: tuple[Any, ...]) -> Node:
    for mark in marks:
        if isinstance(mark, Node | Array):
            return schema_of(mark)
        if isinstance(mark, KeepOrder):
            key, value = map(schema_of, get_args(base))
            return MapNode(key, value, ordered=False)
    return schema_of(base)


def _union(args: tuple[Any, ...]) -> Node:
    """`T | None` is an option, `A | B` an enum, `A | B | None` an optional enum."""
    nodes = [schema_of(arg) for arg in args if arg is not type(None)]
    if len(nodes) == 1:
        node = nodes[0]
    else:
        variants = tuple(node for node in nodes if isinstance(node, StructNode))
        if len(variants) < len(nodes) or len({v.name for v in variants}) < len(nodes):
            raise TypeError(f"an enum's variants must be Structs of different names: {args}")
        node = UnionNode(variants)
    return OptionNode(node) if type(None) in args else node


def fields_of(cls: type[Struct]) -> tuple[Field, ...]:
    """The fields of a `Struct` class in wire order, with their types resolved."""
    names = {**cls._scope, cls.__name__: cls}
    try:
        hints = get_type_hints(cls, localns=names, include_extras=True)
    except NameError as error:
        raise TypeError(f"{cls.__name__}: {error} where the class is defined") from None
    docs = _attribute_docs(cls.__doc__ or "")
    return tuple(
        Field(field.name, _field_schema(cls, field.name, hints), docs.get(field.name, ""))
        for field in dataclasses.fields(cls)
    )


def _field_schema(cls: type[Struct], name: str, hints: dict[str, Any]) -> Node:
    try:
        return schema_of(hints[name])
    except TypeError as error:
        raise TypeError(f"{cls.__name__}.{name}: {error}") from None


def _attribute_docs(docstring: str) -> dict[str, str]:
    """The entries of the `Attributes:` section of a docstring, each as one line."""
    _, _, section = docstring.partition("Attributes:\n")
    entries = re.findall(r"^ +(\w+): (.*(?:\n(?! +\w+: ).*\S.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
