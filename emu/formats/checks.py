"""Checks that loaders have in common; `emu.formats.loader` says what a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from emu.errors import DecodeError, IncompatibleError, MagicError, VersionError
from emu.formats import envelope
from emu.formats.codecs import Codec
from emu.formats.envelope import ARCHITECTURES, MAGIC_AARCH64, Encoding, HeaderPeek
from emu.formats.loader import Check, Loading, Part
from emu.wire import semver
from emu.wire.nodes import StructNode


def size_limit(limit_bytes: int, loader_error: str | None) -> Check:
    """The file is not larger than is read."""
    return Check(
        f"has at most {limit_bytes:,} bytes",
        loader_error,
        lambda loading: envelope.check_size(loading.data, limit_bytes),
        final=True,
    )


def holds_crc(loader_error: str) -> Check:
    """The file has room for a checksum."""
    return Check(
        f"has at least {envelope.CRC_SIZE_BYTES} bytes",
        loader_error,
        lambda loading: envelope.check_holds_crc(loading.data),
        final=True,
    )


def crc(loader_error: str) -> Check:
    """The last 8 bytes are the CRC-64 of what stands before them."""

    def run(loading: Loading) -> None:
        if len(loading.data) >= envelope.CRC_SIZE_BYTES:
            envelope.check_crc(envelope.checksum(loading.data))

    return Check("ends with the CRC-64 of its other bytes", loader_error, run)


def body(codec: Codec, schema: StructNode, version: str, loader_error: str) -> Check:
    """All before the checksum is one value of the schema, header and state."""

    def run(loading: Loading) -> None:
        decoded = codec.decode(schema, envelope.body(loading.data))
        loading.header, loading.state = decoded.header, decoded.state

    return decoding("is an encoding of the schema", loader_error, run, version, codec.encoding)


def decoding(
    rule: str,
    loader_error: str,
    run: Callable[[Loading], None],
    version: str,
    encoding: Encoding,
    *,
    needs: Part = "data",
) -> Check:
    """A check that decodes; its errors say what the header tells of the reason."""
    expected = HeaderPeek(MAGIC_AARCH64, version, encoding)

    def explained(loading: Loading) -> None:
        try:
            run(loading)
        except DecodeError as error:
            error.args = (f"{error}{_header_hint(loading.data, expected)}",)
            raise

    return Check(rule, loader_error, explained, needs, decodes=True)


def magic(loader_error: str) -> Check:
    """The header begins with the number of aarch64 snapshots."""

    def run(loading: Loading) -> None:
        found = loading.header.magic
        if found != MAGIC_AARCH64:
            architecture = ARCHITECTURES.get(found)
            which = f", an {architecture} snapshot" if architecture else ""
            raise MagicError(
                f"header.magic is {found:#018x}{which}; expected {MAGIC_AARCH64:#018x}, an aarch64 "
                "snapshot; only those can be restored here"
            )

    return Check("has the magic number of an aarch64 snapshot", loader_error, run, needs="header")


def version(reads: str, written_by: str, loader_error: str) -> Check:
    """The header's version is one that a loader of version `reads` takes."""
    series = ".".join(reads.split(".")[:2])

    def run(loading: Loading) -> None:
        found = loading.header.version
        if not covers(reads, found):
            raise VersionError(
                f"header.version is {found[:80]!r}; expected {series}.x, which {written_by} "
                "writes; take the snapshot with that release"
            )

    return Check(f"has version {series}.x", loader_error, run, needs="header")


def state(rule: str, loader_error: str, fault: Callable[[Any], str | None]) -> Check:
    """The state meets a condition; `fault` says why one does not, and None if it does."""

    def run(loading: Loading) -> None:
        message = fault(loading.state)
        if message is not None:
            raise IncompatibleError(message)

    return Check(rule, loader_error, run, needs="state")


def faultless(rule: str, loader_error: str, faults: Callable[[Any], Iterator[str]]) -> Check:
    """The state has none of the faults that `faults` finds; of several, the first is told."""
    return state(rule, loader_error, lambda value: next(faults(value), None))


def covers(reads: str, found: str) -> bool:
    """Whether a loader of version `reads` takes a file of version `found`.

    The major number must be the same and the minor one no later; the patch number does not matter.
    """
    ours, theirs = semver.parse(reads), semver.parse(found)
    if ours is None or theirs is None:
        return False
    return theirs[0] == ours[0] and theirs[1] <= ours[1]


def _header_hint(data: bytes, expected: HeaderPeek) -> str:
    """What the header says that explains why the rest does not decode; empty if nothing."""
    header = envelope.peek(data)
    if header == expected:
        return ""
    if header is None:
        return "; the file does not begin with the header of a snapshot"
    return (
        f"; the header is that of a snapshot of version {header.version or 'unknown'} for "
        f"{header.architecture or f'an unknown architecture (magic {header.magic:#x})'}, written "
        f"in {header.encoding}; expected version {expected.version} for aarch64, written in "
        f"{expected.encoding}"
    )
