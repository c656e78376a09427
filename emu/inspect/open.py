"""Open a state file of any known format, or the JSON form of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emu.errors import DecodeError, MagicError, ValueFileError
from emu.formats import detect, envelope, registry
from emu.formats.detect import Detection
from emu.formats.format import Format
from emu.wire import jsonvalue
from emu.wire.nodes import StructNode, inner_nodes


@dataclass(frozen=True, slots=True)
class OpenState:
    """A state file's value.

    Attributes:
        format: the format that it was read as.
        snapshot: its value, header and data.
        others: formats of which the file is an encoding as well.
    """

    format: Format
    snapshot: Any
    others: tuple[Format, ...] = ()


def open_state(path: Path, as_id: str | None = None) -> OpenState:
    """The value of the state file `path`, whatever its loader would say of it.

    Args:
        path: the file.
        as_id: the format to read it as; found out by default.

    Raises:
        UnknownFormatError: the format can't be told, or there is none of that id.
        SnapshotError: checksum or encoding are wrong.
        OSError: the file can't be read.
    """
    return decode_state(envelope.read_file(path), as_id)


def decode_state(data: bytes, as_id: str | None = None) -> OpenState:
    """`open_state` of bytes."""
    if as_id is not None:
        known = registry.get(as_id)
        return OpenState(known, known.decode(data))
    envelope.check_size(data)
    envelope.check_holds_crc(data)
    detection = detect.detect(data)
    _check_architecture(detection)
    return OpenState(detection.format, _decode(detection, data), detection.others)


def _decode(detection: Detection, data: bytes) -> Any:
    try:
        return detection.format.decode(data)
    except DecodeError as error:
        header = detection.header
        told = f"the header says version {header.version}, written in {header.encoding}"
        error.args = (f"{error}; {told}, so the file was read as {detection.format.id}",)
        raise


def _check_architecture(detection: Detection) -> None:
    header = detection.header
    if header.architecture is not None and header.magic != envelope.MAGIC_AARCH64:
        raise MagicError(
            f"the header says that this is a snapshot of an {header.architecture} VM; only those "
            "of aarch64 VMs can be read here"
        )


def value_of_json(text: str, as_id: str | None = None) -> OpenState:
    """The value that `emu.wire.jsonvalue.dumps` made `text` of.

    Args:
        text: a JSON object of `header` and `data`.
        as_id: the format that it is a value of; by default, one that its version names and its
            structure fits, the newest first.

    Raises:
        UnknownFormatError: there is no format of that id.
        ValueFileError: it is not a value of the format.
    """
    data = jsonvalue.parse(text)
    candidates = (registry.get(as_id),) if as_id is not None else _candidates(data)
    values: list[tuple[Format, Any]] = []
    errors: dict[Format, ValueFileError] = {}
    for candidate in candidates:
        try:
            values.append((candidate, jsonvalue.from_json(candidate.schema, data)))
        except ValueFileError as error:
            errors[candidate] = error
    if not values:
        raise _refusal(data, errors)
    chosen, snapshot = values[0]
    return OpenState(chosen, snapshot, tuple(other for other, _ in values[1:]))


def _refusal(data: Any, errors: dict[Format, ValueFileError]) -> ValueFileError:
    """What is wrong by each of the formats that a JSON value is most like."""
    likeness = {known: _likeness(known, data) for known in errors}
    most = max(likeness.values())
    ids = {str(error): known.id for known, error in errors.items() if likeness[known] == most}
    if len(ids) == 1:
        return ValueFileError(*ids)
    return ValueFileError("; ".join(f"no value of {id_}: {text}" for text, id_ in ids.items()))


def _candidates(data: Any) -> tuple[Format, ...]:
    """The formats that the version in `data` may mean, or all if it means none.

    Those come first that are most like it; among equals the newest.
    """
    newest_first = registry.formats()[::-1]
    try:
        version = str(data["header"]["version"])
    except (KeyError, TypeError):
        return newest_first
    named = detect.named_by(newest_first, version) or newest_first
    return tuple(sorted(named, key=lambda known: _likeness(known, data), reverse=True))


def _likeness(known: Format, data: Any) -> int:
    """How many fields of the format's state there are in a JSON value."""
    state = data.get("data") if isinstance(data, dict) else None
    fields = inner_nodes(known.schema)[1]
    if not isinstance(state, dict) or not isinstance(fields, StructNode):
        return 0
    return sum(field.name in state for field in fields.fields)
