"""Between the plain state of a model and the struct of a file that has the same fields.

A struct mirrors a dataclass if each of its fields has the name of one of the dataclass, and a type
that mirrors that one's: numbers, text and bytes are themselves, enums have the same values, lists
mirror lists and tuples. Fields that the struct leaves out are not carried, and come back as the
dataclass has them by default.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from emu.wire.nodes import EnumNode, Node, OptionNode, SeqNode, StructNode
from emu.wire.schema import schema_of

T = TypeVar("T")


def to_struct(state: object, schema: Any) -> Any:
    """The struct, of any schema that stands for one, that mirrors a state."""
    return _written(state, schema_of(schema))


def from_struct(value: Any, state: type[T], **given: Any) -> T:
    """The state of this dataclass that mirrors a struct.

    Args:
        value: the struct. What neither it has nor is given is as the dataclass has it by default.
        state: the dataclass.
        given: fields that the struct does not have, or not by this name.
    """
    restored: T = _read_dataclass(value, state, given)
    return restored


def named(state: Any) -> dict[str, Any]:
    """What a dataclass has in its fields, by name."""
    return {field.name: getattr(state, field.name) for field in fields(state)}


def _written(value: Any, node: Node) -> Any:
    match node:
        case StructNode(cls=cls):
            return cls(**{f.name: _written(getattr(value, f.name), f.node) for f in node.fields})
        case OptionNode(item=item):
            return None if value is None else _written(value, item)
        case SeqNode(item=item):
            return [_written(each, item) for each in value]
        case EnumNode(cls=cls):
            return cls(value.value)
        case _:
            return value


def _read(value: Any, hint: Any) -> Any:
    """What mirrors `value` and is of the type that `hint` says."""
    if value is None:
        return None
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (some,) = (argument for argument in arguments if argument is not type(None))
        return _read(value, some)
    if origin in (list, tuple):
        return origin(_read(each, arguments[0]) for each in value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value.value)
    if isinstance(hint, type) and is_dataclass(hint):
        return _read_dataclass(value, hint, {})
    return value


def _read_dataclass(value: Any, cls: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    found = named(value)
    read = {
        name: _read(found[name], hint)
        for name, hint in _hints(cls).items()
        if name in found and name not in given
    }
    return cls(**read, **given)


@cache
def _hints(cls: Any) -> Mapping[str, Any]:
    """The types of a dataclass's fields, by name."""
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}
