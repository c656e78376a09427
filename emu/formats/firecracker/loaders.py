"""How Firecracker reads a state file: which checks, in which order, under which errors.

Three generations of code have read state files: `src/vmm/src/snapshot/mod.rs` at the tags v1.9.1
and v1.13.0, v1.14.0, v1.16.1. What it then asks of the state is in `restore`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from emu.formats import checks, envelope
from emu.formats.checks import decoding
from emu.formats.codecs import Bincode, Bitcode, Codec
from emu.formats.loader import Check, Loader, Loading
from emu.wire.bincode import BINCODE_1, BINCODE_2
from emu.wire.nodes import StructNode

BITCODE_MAX_SIZE_BYTES: Final = 10_000_000
"""`SNAPSHOT_DESERIALIZATION_BYTES_LIMIT` of v1.15 and later; the checksum counts."""

_READ_LIMIT = checks.size_limit(envelope.READ_MAX_SIZE_BYTES, None)
_MAGIC = checks.magic("SnapshotError::InvalidMagic")
_CRC = checks.crc("SnapshotError::Crc64")


@dataclass(frozen=True, slots=True)
class Reader:
    """A generation of the code that reads and writes files.

    Attributes:
        codec: how it encodes.
        checks: what it asks of a file: of the codec, the schema, the version that it writes, and
            the releases that do.
    """

    codec: Codec
    checks: Callable[[Any, StructNode, str, str], Loader]


def _up_to_1_13(codec: Bincode, schema: StructNode, version: str, written_by: str) -> Loader:
    """v1.7 to v1.13: the checksum first, the version last.

    Bytes between the state and the checksum are ignored.
    """
    header, state = _parts(codec, schema, version, "SnapshotError::Serde", envelope.body)
    return (
        _READ_LIMIT,
        checks.holds_crc("SnapshotError::InvalidSnapshotSize"),
        _CRC,
        header,
        _MAGIC,
        state,
        _version(version, written_by),
    )


def _of_1_14(codec: Bincode, schema: StructNode, version: str, written_by: str) -> Loader:
    """v1.14: the checksum last, so that damage mostly shows as an error of decoding.

    The decoder is given the whole file, checksum included, and ignores what it does not need.
    """
    header, state = _parts(codec, schema, version, "SnapshotError::Decode", bytes)
    return (_READ_LIMIT, header, _MAGIC, _version(version, written_by), state, _CRC)


def _from_1_15(codec: Bitcode, schema: StructNode, version: str, written_by: str) -> Loader:
    """v1.15 and later: header and state are one value, and the checksum comes last.

    A file of another version therefore seldom gets as far as the check of its version.
    """
    return (
        checks.size_limit(BITCODE_MAX_SIZE_BYTES, "SnapshotError::SizeLimitExceeded"),
        checks.holds_crc("SnapshotError::Io"),
        checks.body(codec, schema, version, "SnapshotError::Bitcode"),
        _MAGIC,
        _version(version, written_by),
        _CRC,
    )


def _version(version: str, written_by: str) -> Check:
    return checks.version(version, written_by, "SnapshotError::InvalidFormatVersion")


def _parts(
    codec: Bincode,
    schema: StructNode,
    version: str,
    loader_error: str,
    input_of: Callable[[bytes], bytes],
) -> tuple[Check, Check]:
    """The decoding of the header and that of the state, out of `input_of` the file."""

    def decode_header(loading: Loading) -> None:
        source = input_of(loading.data)
        loading.header, loading.header_end = codec.decode_header(schema, source)

    def decode_state(loading: Loading) -> None:
        source = input_of(loading.data)
        loading.state, _ = codec.decode_state(schema, source, loading.header_end)

    encoding = codec.encoding
    return (
        decoding("begins with a header", loader_error, decode_header, version, encoding),
        decoding(
            "goes on with a state of the schema",
            loader_error,
            decode_state,
            version,
            encoding,
            needs="header",
        ),
    )


BINCODE_1_READER: Final = Reader(Bincode(BINCODE_1), _up_to_1_13)
"""v1.7 to v1.11."""

BINCODE_2_READER: Final = Reader(Bincode(BINCODE_2), _up_to_1_13)
"""v1.12 and v1.13."""

BINCODE_2_SLICE: Final = Reader(Bincode(BINCODE_2), _of_1_14)
"""v1.14."""

BITCODE: Final = Reader(Bitcode(), _from_1_15)
"""v1.15 and later."""
