"""How a state file's body is encoded: the two serializers that VMMs have used.

A body is a header and a state. bitcode takes both as one value and nothing may follow it; bincode
reads one after the other, each with a limit of its own, and what follows is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from emu.formats.envelope import Encoding
from emu.wire import bincode, bitcode
from emu.wire.nodes import Field, StructNode


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body's value.

    Attributes:
        header: the value of the header.
        state: the value of the state.
        trailing_size_bytes: how many bytes follow the state.
    """

    header: Any
    state: Any
    trailing_size_bytes: int


class Codec(Protocol):
    """Bytes and value of a `Snapshot {header, data}`."""

    @property
    def encoding(self) -> Encoding:
        """The name of the wire format."""

    def encode(self, schema: StructNode, snapshot: Any) -> bytes:
        """The body of `snapshot`; raises `EncodeError`."""

    def decode(self, schema: StructNode, body: bytes) -> Decoded:
        """The value of `body`; raises `DecodeError`."""


@dataclass(frozen=True, slots=True)
class Bitcode:
    """bitcode 0.6: squib; Firecracker from v1.15."""

    @property
    def encoding(self) -> Encoding:
        """The name of the wire format."""
        return "bitcode"

    def encode(self, schema: StructNode, snapshot: Any) -> bytes:
        """The body of `snapshot`; raises `EncodeError`."""
        return bitcode.encode(schema, snapshot)

    def decode(self, schema: StructNode, body: bytes) -> Decoded:
        """The value of `body`; raises `DecodeError`."""
        snapshot = bitcode.decode(schema, body)
        return Decoded(snapshot.header, snapshot.data, 0)


@dataclass(frozen=True, slots=True)
class Bincode:
    """bincode with integers of fixed width: Firecracker up to v1.14."""

    config: bincode.Config

    @property
    def encoding(self) -> Encoding:
        """The name of the wire format."""
        return "bincode"

    def encode(self, schema: StructNode, snapshot: Any) -> bytes:
        """The body of `snapshot`; raises `EncodeError`."""
        return bincode.encode(schema, snapshot, self.config)

    def decode(self, schema: StructNode, body: bytes) -> Decoded:
        """The value of `body`; raises `DecodeError`."""
        header, header_end = self.decode_header(schema, body)
        state, end = self.decode_state(schema, body, header_end)
        return Decoded(header, state, len(body) - end)

    def decode_header(self, schema: StructNode, data: bytes) -> tuple[Any, int]:
        """The header at the begin of `data`, and the offset just past it."""
        return self._part(schema.fields[0], data, 0)

    def decode_state(self, schema: StructNode, data: bytes, offset: int) -> tuple[Any, int]:
        """The state at `offset` of `data`, and the offset just past it."""
        return self._part(schema.fields[1], data, offset)

    def _part(self, field: Field, data: bytes, offset: int) -> tuple[Any, int]:
        return bincode.decode(field.node, data, config=self.config, offset=offset, path=field.name)
