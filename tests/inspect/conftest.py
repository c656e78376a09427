"""How values are written in assignments: the inverse of what `edit` reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from emu.errors import ValueFileError
from emu.inspect.values.parts import Part
from emu.wire import jsonvalue
from emu.wire.nodes import (
    BoolNode,
    BytesNode,
    CharNode,
    EnumNode,
    FloatNode,
    IntNode,
    TextNode,
)

_WRITERS: dict[type[Any], Callable[[Any], str]] = {
    IntNode: hex,
    BoolNode: lambda value: str(value).lower(),
    FloatNode: repr,
    CharNode: json.dumps,
    TextNode: json.dumps,
    EnumNode: lambda value: str(value.value),
    BytesNode: lambda value: value.hex(" "),
}


def _literal(part: Part, value: Any) -> str:
    if value is None:
        return "none"
    write = _WRITERS.get(type(part.kind))
    return write(value) if write else _json(part, value)


def _json(part: Part, value: Any) -> str:
    text = jsonvalue.dumps(part.kind, value)
    # JSON knows no infinity, and no difference between None and a newtype around None.
    if jsonvalue.loads(part.kind, text) != value:
        raise ValueFileError(f"{text} stands for another value")
    return text


@pytest.fixture(scope="session")
def literal() -> Callable[[Part, Any], str]:
    """A function of a place and a value: the text that assigns it there.

    It raises `ValueFileError` for a value that JSON has no form for.
    """
    return _literal
