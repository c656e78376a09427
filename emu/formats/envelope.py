"""The envelope of state files: a body, and the CRC-64 of it.

    Snapshot { header: { magic: u64, version: text }, data }     the body, in bitcode or bincode
    crc64(body) as u64, little endian

Source: Firecracker v1.9 to v1.16 `src/vmm/src/snapshot/mod.rs`; squib-snapshot 0.2.0
`envelope.rs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emu.errors import CrcError, SizeLimitError, TooShortError
from emu.wire.crc64 import crc64
from emu.wire.semver import is_semver

CRC_SIZE_BYTES = 8

READ_MAX_SIZE_BYTES = 32 << 20
"""More than any state file can have: a Firecracker state ends at 10 MiB. (Up to v1.14, Firecracker
itself would read what follows, and ignore it.)"""

MAGIC_AARCH64 = 0x0710_1984_AAAA_0000
MAGIC_X86_64 = 0x0710_1984_8664_0000
_LONGEST_VERSION = 254  # bitcode writes longer texts in another way

Encoding = Literal["bitcode", "bincode"]

ARCHITECTURES = {MAGIC_AARCH64: "aarch64", MAGIC_X86_64: "x86_64"}
"""Architecture names by magic number."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """The CRC-64 found at the end of a file and the one its body has."""

    stored: int
    computed: int

    @property
    def ok(self) -> bool:
        """Whether the file is undamaged, as far as a checksum can tell."""
        return self.stored == self.computed


def seal(body: bytes) -> bytes:
    """`body` followed by its checksum."""
    return body + crc64(body).to_bytes(CRC_SIZE_BYTES, "little")


def body(data: bytes) -> bytes:
    """What stands before the checksum. Nothing is checked."""
    return data[:-CRC_SIZE_BYTES]


def checksum(data: bytes) -> Checksum:
    """Both checksums of a file of at least 8 bytes."""
    stored = int.from_bytes(data[-CRC_SIZE_BYTES:], "little")
    return Checksum(stored, crc64(body(data)))


def read_file(path: Path) -> bytes:
    """The bytes of a state file; raises `OSError`.

    Of a file that is larger than any state file, one byte more than the limit: enough to refuse
    it.
    """
    with path.open("rb") as file:
        return file.read(READ_MAX_SIZE_BYTES + 1)


def check_size(data: bytes, limit_bytes: int = READ_MAX_SIZE_BYTES) -> None:
    """Raise `SizeLimitError` if there are more bytes than a loader reads."""
    if len(data) > limit_bytes:
        raise SizeLimitError(
            f"the file is larger than {limit_bytes:,} bytes, the most that the loader reads; "
            "check that this is the state file and not the memory file"
        )


def check_holds_crc(data: bytes) -> None:
    """Raise `TooShortError` if there is no room for a checksum."""
    if len(data) < CRC_SIZE_BYTES:
        raise TooShortError(
            f"the file has {len(data)} bytes, but its checksum alone takes {CRC_SIZE_BYTES}; "
            "it was cut off, or is not a state file"
        )


def check_crc(crc: Checksum) -> None:
    """Raise `CrcError` if the two checksums differ."""
    if not crc.ok:
        raise CrcError(
            f"the CRC-64 in the last {CRC_SIZE_BYTES} bytes is {crc.stored:#018x}, but the bytes "
            f"before it have {crc.computed:#018x}; the file is damaged, cut off, or not a state "
            "file: copy it again"
        )


@dataclass(frozen=True, slots=True)
class HeaderPeek:
    """A header read without knowing the rest of the schema.

    Attributes:
        magic: the magic number.
        version: the version text; None if what stands there is not a semantic version.
        encoding: how the header is written.
    """

    magic: int
    version: str | None
    encoding: Encoding

    @property
    def architecture(self) -> str | None:
        """What `magic` stands for; None if it is not a known one."""
        return ARCHITECTURES.get(self.magic)


def peek(data: bytes) -> HeaderPeek | None:
    """The header of what may be a state file, however damaged the rest; None if there is none.

    bitcode puts columns in order of first visit, and the header is visited first. Its two columns
    hold one value each, so they are always `00 magic(8)` and `length(1) text`; bincode, which
    Firecracker wrote up to v1.14, has `magic(8)` and `length(8) text`.
    """
    return _peek(data, "bitcode", magic_at=1, length_size=1) or _peek(
        data, "bincode", magic_at=0, length_size=8
    )


def _peek(data: bytes, encoding: Encoding, *, magic_at: int, length_size: int) -> HeaderPeek | None:
    """The header, if its magic number is known or its version is one."""
    length_at = magic_at + 8
    magic = int.from_bytes(data[magic_at:length_at], "little")
    version = _version_text(
        data[length_at : length_at + length_size + _LONGEST_VERSION], length_size
    )
    if any(data[:magic_at]) or (magic not in ARCHITECTURES and version is None):
        return None
    return HeaderPeek(magic, version, encoding)


def _version_text(column: bytes, length_size: int) -> str | None:
    length = int.from_bytes(column[:length_size], "little")
    text = column[length_size : length_size + length].decode("ascii", "replace")
    return text if len(text) == length and is_semver(text) else None
