"""A dataclass of the machine's from a struct of a state file, field by field, by name."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

T = TypeVar("T")


def build(kind: type[T], saved: Any, **given: Any) -> T:
    """A dataclass with what a struct has in fields of the same names.

    Args:
        kind: the dataclass; its fields may be dataclasses, lists of them, enums, or None.
        saved: the struct. What neither it has nor is given keeps the default.
        given: fields that the struct does not have, or not by this name.
    """
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    found = {
        field.name: _converted(hints[field.name], getattr(saved, field.name))
        for field in fields(kind)
        if field.name not in given and hasattr(saved, field.name)
    }
    return kind(**found, **given)


def named(state: Any) -> dict[str, Any]:
    """What a dataclass has in its fields, by name."""
    return {field.name: getattr(state, field.name) for field in fields(state)}


def _converted(hint: Any, value: Any) -> Any:
    (kind, *_) = [part for part in get_args(hint) if part is not NoneType] or [hint]
    if isinstance(value, list):
        return [_converted(kind, item) for item in value]
    if isinstance(value, Enum):
        return kind(value.value)
    if isinstance(kind, type) and is_dataclass(kind) and value is not None:
        return build(kind, value)
    return value
