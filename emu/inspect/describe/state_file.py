"""Describe a state file: all of it if it loads, and what can still be told if it does not.

A body whose checksum is wrong is decoded all the same.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from emu.errors import DecodeError, SnapshotError
from emu.formats import detect, envelope, registry, squib
from emu.formats.format import Format
from emu.inspect.describe.firecracker import state as firecracker_view
from emu.inspect.describe.firecracker.locate import is_microvm_state
from emu.inspect.describe.squib import state as squib_view
from emu.inspect.describe.views.file import (
    ChecksumView,
    Description,
    FormatView,
    HeaderView,
    MemoryView,
    Problem,
)
from emu.inspect.describe.views.state import StateView


def describe(data: bytes, as_id: str | None = None) -> Description:
    """What can be told of the state file `data`; no bytes whatever raise another error than this.

    Args:
        data: the file.
        as_id: the format to read it as; found out by default.

    Raises:
        UnknownFormatError: there is no format of that id.
    """
    if as_id is not None:
        return _described(data, registry.get(as_id), ())
    try:
        envelope.check_size(data)
        detection = detect.detect(data)
    except SnapshotError as error:
        return _undecoded(data, error)
    others = detection.others if detection.decodes else ()
    return _described(data, detection.format, others)


def describe_file(path: Path, as_id: str | None = None) -> Description:
    """`describe` of a file, with the memory file that belongs to it; raises `OSError` as well."""
    data = envelope.read_file(path)
    description = describe(data, as_id)
    return replace(
        description,
        size_bytes=max(len(data), path.stat().st_size),
        memory=_memory(path, description),
    )


def _undecoded(data: bytes, error: SnapshotError) -> Description:
    """The description of a file whose format can't be told."""
    return Description(
        size_bytes=len(data),
        format=None,
        checksum=_checksum(data),
        header=_peeked_header(data),
        trailing_size_bytes=None,
        problems=(Problem(type(error).__name__, str(error)),),
    )


def _described(data: bytes, known: Format, others: tuple[Format, ...]) -> Description:
    loading, problems = known.examine(data)
    header, state = loading.header, loading.state
    return Description(
        size_bytes=len(data),
        format=FormatView(known.id, known.written_by, tuple(other.id for other in others)),
        checksum=_checksum(data),
        header=_header(header, known) if header else _peeked_header(data),
        trailing_size_bytes=_trailing_size_bytes(data, known),
        problems=tuple(
            Problem(type(found.error).__name__, str(found.error), found.loader_error)
            for found in problems
        ),
        state=_state(state, known) if state else None,
    )


def _state(state: Any, known: Format) -> StateView | None:
    """The view of a state; None if it is like neither VMM's."""
    if isinstance(state, squib.MicrovmState):
        return squib_view.state_view(state, known.regions(state))
    if is_microvm_state(state):
        return firecracker_view.state_view(state, known.regions(state))
    return None


def _trailing_size_bytes(data: bytes, known: Format) -> int | None:
    with suppress(DecodeError):
        return known.decode_body(envelope.body(data)).trailing_size_bytes
    return None


def _checksum(data: bytes) -> ChecksumView | None:
    if not envelope.CRC_SIZE_BYTES <= len(data) <= envelope.READ_MAX_SIZE_BYTES:
        return None
    crc = envelope.checksum(data)
    return ChecksumView(crc.stored, crc.computed, crc.ok)


def _peeked_header(data: bytes) -> HeaderView | None:
    header = envelope.peek(data)
    if header is None:
        return None
    return HeaderView(header.magic, header.architecture, header.version, header.encoding)


def _header(header: Any, known: Format) -> HeaderView:
    architecture = envelope.ARCHITECTURES.get(header.magic)
    return HeaderView(header.magic, architecture, header.version, known.codec.encoding)


def _memory(path: Path, description: Description) -> MemoryView | None:
    """The memory file that squib puts beside `path`: the same name with another suffix."""
    is_squib = description.format is not None and description.format.id == squib.FORMAT.id
    if not is_squib or path.suffix != squib.STATE_SUFFIX:
        return None
    memory = path.with_suffix(squib.MEMORY_SUFFIX)
    size_bytes = memory.stat().st_size if memory.is_file() else None
    state = description.state
    return MemoryView(str(memory), size_bytes, state.memory_file_size_bytes if state else None)
