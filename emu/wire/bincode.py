"""bincode with integers of fixed width: what Firecracker's state files up to v1.14 are written in.

The bytes say nothing about their type, so both directions need the schema. Values are stored one
after the other in the order of the type tree, little endian, without padding; a length is a `u64`,
the tag of an option a byte, the variant index of an enum a `u32`.

>>> from emu.wire.schema import u16
>>> encode(tuple[u16, str], (258, "hi")).hex(" ")
'02 01 02 00 00 00 00 00 00 00 68 69'
>>> decode(tuple[u16, str], bytes.fromhex("0201 0200000000000000 6869 ffff"))
((258, 'hi'), 12)
>>> decode(list[u16], bytes.fromhex("0200000000000000 0201 ff"))
Traceback (most recent call last):
emu.errors.DecodeError: 2 bytes needed, 1 left (at byte 10, in [1])

Source: the crates `bincode` 1.3.3 (`src/ser`, `src/de`) and 2.0.1 (`src/features/serde`,
`src/de/impls.rs`), as Firecracker's `src/vmm/src/snapshot/mod.rs` calls them: 1.3.3 up to v1.11,
2.0.1 from v1.12 on. Both write the same bytes; they differ in how they count what they read.
"""

from __future__ import annotations

import struct
from typing import Any, TypeVar, overload

from emu.errors import DecodeError, EncodeError
from emu.wire import bincode_decoder, bincode_encoder
from emu.wire.bincode_cursor import Config, Cursor, ReadError
from emu.wire.reader import DEFAULT_LIMITS, Limits
from emu.wire.schema import schema_of
from emu.wire.validate import validate

__all__ = ["BINCODE_1", "BINCODE_2", "Config", "decode", "encode"]

T = TypeVar("T")

# What packing raises for values that do not fit; `validate` then finds which one, and why.
_MISFIT = (AttributeError, KeyError, OverflowError, TypeError, ValueError, struct.error)

_LIMIT_BYTES = 10 * 1024 * 1024

BINCODE_1 = Config(_LIMIT_BYTES, limits_chars=False)
"""Firecracker v1.9 to v1.11."""

BINCODE_2 = Config(_LIMIT_BYTES)
"""Firecracker v1.12 to v1.14."""


def encode(schema: Any, value: Any, config: Config = BINCODE_2) -> bytes:
    """The bytes that Rust's encoder writes for `value`; they are the same for any `config`.

    `schema` is a `Struct` class, an annotation or a node. An `f32` is rounded. Raises
    `EncodeError` if the value does not fit the schema or nests deeper than the decoder reads.
    """
    node = schema_of(schema)
    write = bincode_encoder.write_of(node)
    out: list[bytes] = []
    try:
        write(out, value, DEFAULT_LIMITS.depth_max)
        return b"".join(out)
    except RecursionError:
        raise EncodeError("the value is nested too deeply") from None
    except _MISFIT as error:
        validate(node, value)
        raise EncodeError(f"the value can't be encoded: {error}") from error


@overload
def decode(
    schema: type[T],
    data: bytes | memoryview,
    *,
    config: Config = ...,
    offset: int = ...,
    limits: Limits = ...,
    path: str = ...,
) -> tuple[T, int]: ...
@overload
def decode(
    schema: object,
    data: bytes | memoryview,
    *,
    config: Config = ...,
    offset: int = ...,
    limits: Limits = ...,
    path: str = ...,
) -> tuple[Any, int]: ...
def decode(
    schema: Any,
    data: bytes | memoryview,
    *,
    config: Config = BINCODE_2,
    offset: int = 0,
    limits: Limits = DEFAULT_LIMITS,
    path: str = "",
) -> tuple[Any, int]:
    """The value that Rust's decoder reads from `data` at `offset`, and the offset just past it.

    What follows the value is not looked at; `path` is where in a larger value it belongs. Accepts
    and refuses what Rust does, except for what exceeds `limits`, of which `depth_max` applies, and
    `values_max` to the items of all sequences and maps together, and except for sequences of more
    than 65536 items that occupy no bytes: for those Rust goes round in a loop that may take
    centuries. A signalling `f32` NaN may come out as a quiet one. Raises `DecodeError`.
    """
    read = bincode_decoder.read_of(schema_of(schema))
    cursor = Cursor(bytes(data), offset, config, limits)
    try:
        value = read(cursor, limits.depth_max)
    except RecursionError:
        raise DecodeError("the value is nested too deeply", offset=cursor.pos, path=path) from None
    except ReadError as error:
        where = (path + error.path).lstrip(".")
        raise DecodeError(error.message, offset=error.offset, path=where) from None
    return value, cursor.pos
