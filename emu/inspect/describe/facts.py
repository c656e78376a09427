r"""Values of a schema as facts: under the schema's own names, in what JSON knows.

>>> from emu.wire.schema import Struct, u8
>>> class Disk(Struct):
...     id: str
...     irqs: list[u8]
...     serial: bytes
>>> facts(Disk("eth0", [4], b"\1\2"), without=("id",))
{'irqs': [4], 'serial': '0102'}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from enum import Enum
from typing import Any

from emu.wire.schema import Struct


def facts(struct: Any, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a struct, except for those that are told in another place."""
    return {
        field.name: plain(getattr(struct, field.name))
        for field in dataclasses.fields(struct)
        if field.name not in without
    }


def plain(value: Any) -> Any:
    """A value in dicts, lists, text, numbers, booleans and None."""
    match value:
        case Struct():
            return facts(value)
        case Enum():
            return value.value
        case bytes():
            return value.hex()
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case _:
            return value
