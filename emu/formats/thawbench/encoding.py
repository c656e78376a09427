"""How one of our structs is written into a field that squib leaves opaque."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from emu.errors import DecodeError, IncompatibleError
from emu.wire import bitcode
from emu.wire.schema import Struct

SIGNATURE_SIZE_BYTES = 8

S = TypeVar("S", bound=Struct)


def _consistent(_value: Struct) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Encoding(Generic[S]):
    """How one of the structs is written into an opaque field.

    Attributes:
        schema: the struct.
        what: what the blob holds, for messages.
        remedy: what to do about a blob that can't be read, for messages.
        prefix: signature and version, as they stand before the struct's bitcode.
        flaw: what is inconsistent in a value, in words; None if nothing is.
    """

    schema: type[S]
    what: str
    remedy: str
    prefix: bytes = b""
    flaw: Callable[[S], str | None] = _consistent

    def matches(self, blob: bytes) -> bool:
        """Whether `blob` was made here, in whatever version."""
        return blob.startswith(self.prefix[:SIGNATURE_SIZE_BYTES])

    def encode(self, value: S) -> bytes:
        """The blob of `value`; raises `EncodeError` if it does not fit its fields."""
        return self.prefix + bitcode.encode(self.schema, value)

    def decode(self, blob: bytes) -> S:
        """The value of `blob`; raises `IncompatibleError` for any other.

        That is one that was not made here, is of another version, damaged or inconsistent.
        """
        if not self.matches(blob):
            raise self._error(
                f"was not made by thawbench: its {len(blob)} bytes begin with "
                f"{blob[:SIGNATURE_SIZE_BYTES].hex(' ') or 'nothing'}, "
                f"not with {self.prefix[:SIGNATURE_SIZE_BYTES].hex(' ')}"
            )
        if not blob.startswith(self.prefix):
            raise self._error(
                f"is of version {_version(blob)} of thawbench's encoding, "
                f"not {_version(self.prefix)}"
            )
        try:
            value = bitcode.decode(self.schema, blob[len(self.prefix) :])
        except DecodeError as error:
            raise self._error(f"is damaged: {error}") from error
        if flaw := self.flaw(value):
            raise self._error(f"is inconsistent: {flaw}")
        return value

    def _error(self, found: str) -> IncompatibleError:
        return IncompatibleError(f"the {self.what} {found}; {self.remedy}")


def _version(prefix: bytes) -> int:
    return int.from_bytes(prefix[SIGNATURE_SIZE_BYTES : SIGNATURE_SIZE_BYTES + 2], "little")


def prefix(signature: bytes, version: int) -> bytes:
    """What stands before the bitcode: a signature of 8 bytes, and a version of 16 bits."""
    return signature + version.to_bytes(2, "little")
