"""The bitcode 0.6 serde format: what Rust's `bitcode::serialize` writes and `deserialize` reads.

The bytes say nothing about their type, so both directions need the schema. Values are stored in
columns: all values of one position in the type tree together, packed, in the order in which the
positions are first visited.

>>> from emu.wire.schema import u8
>>> encode(list[u8], [200, 201, 202, 203, 204, 205]).hex(" ")
'06 03 c8 4e cf'
>>> decode(list[u8], bytes.fromhex("06 03 c8 4e cf"))
[200, 201, 202, 203, 204, 205]
>>> decode(list[u8], bytes.fromhex("06 03 c8 4e"))
Traceback (most recent call last):
emu.errors.DecodeError: 2 bytes needed, 1 left (at byte 3, in [])

The incompatible format of bitcode's own derive macros (`bitcode::encode`) is not this one.
Source: the crate `bitcode` 0.6.9, `src/serde/`; all of 0.6 writes and accepts the same.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, overload

from emu.errors import EncodeError
from emu.wire import bitcode_decoder, bitcode_encoder
from emu.wire.reader import DEFAULT_LIMITS, Limits, Reader
from emu.wire.schema import schema_of
from emu.wire.validate import validate

__all__ = ["Limits", "decode", "encode"]

T = TypeVar("T")

# What packing raises for values that do not fit; `validate` then finds which one, and why.
_MISFIT = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


def encode(schema: Any, value: Any) -> bytes:
    """The bytes that Rust's encoder writes for `value`.

    `schema` is a `Struct` class, an annotation or a node. An `f32` is rounded. Raises
    `EncodeError` if the value does not fit the schema or nests deeper than the decoder reads.
    """
    node = schema_of(schema)
    visit = bitcode_encoder.visit_of(node)
    out: list[bytes] = []
    try:
        with _collector_paused():
            visit(out, [value], DEFAULT_LIMITS.depth_max)
    except RecursionError:
        raise EncodeError("the value is nested too deeply") from None
    except _MISFIT as error:
        validate(node, value)
        raise EncodeError(f"the value can't be encoded: {error}") from error
    return b"".join(out)


@overload
def decode(schema: type[T], data: bytes | memoryview, *, limits: Limits = ...) -> T: ...
@overload
def decode(schema: object, data: bytes | memoryview, *, limits: Limits = ...) -> Any: ...
def decode(schema: Any, data: bytes | memoryview, *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The value that Rust's decoder reads from `data`, which must hold that and nothing more.

    Accepts and refuses what Rust does, except for what exceeds `limits`. Raises `DecodeError`.
    """
    visit = bitcode_decoder.visit_of(schema_of(schema))
    reader = Reader(bytes(data), limits)
    try:
        with _collector_paused():
            value = next(visit(reader, 1, ""))
    except RecursionError:
        raise reader.error("the value is nested too deeply") from None
    reader.end()
    return value


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Spare the garbage collector from going through a growing value again and again.

    The codec makes no cycles, so there is nothing for it to find.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
