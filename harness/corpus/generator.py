"""Makes the files of a corpus, one after the other, each from its own seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

from emu.errors import EncodeError
from emu.formats import envelope, registry
from emu.formats.atomic import write_atomic
from emu.formats.format import Format
from emu.inspect.verify import Report, verify
from emu.wire.pieces import Piece
from harness.corpus import contradictions, fields, wire
from harness.states import random_state

Crc = Literal["right", "wrong"]

MANIFEST = "corpus.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a corpus.

    Attributes:
        name: what it is called, without a suffix: its number and its kind.
        kind: what it is for, a key of `KINDS`.
        what: what was done to it; empty for a valid state.
        crc: whether its checksum is right: in all kinds but "crc" it is.
        data: the file.
        report: what the release's loader says of it.
    """

    name: str
    kind: str
    what: str
    crc: Crc
    data: bytes
    report: Report

    def verdict(self, seed: int) -> dict[str, Any]:
        """What goes into the JSON file beside it."""
        made = {"file": f"{self.name}.snap", "kind": self.kind, "what": self.what, "seed": seed}
        report = asdict(self.report)
        del report["checks"]  # the same in every file
        return {**made, "crc": self.crc, "size_bytes": len(self.data), **report}


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a file is made of: a valid state."""

    random: Random
    format: Format
    snapshot: Any

    def body(self) -> bytes:
        return self.format.codec.encode(self.format.schema, self.snapshot)


_Made = tuple[bytes, str]
"""A file and what was done to it."""


def _valid(subject: _Subject) -> _Made:
    return subject.format.encode(subject.snapshot), ""


def _changed(change: Callable[[_Subject], fields.Change]) -> Callable[[_Subject], _Made]:
    def make(subject: _Subject) -> _Made:
        snapshot, what = change(subject)
        return subject.format.encode(snapshot), what

    return make


def _contradictory(subject: _Subject) -> fields.Change:
    what = contradictions.apply_any(subject.random, subject.snapshot)
    return subject.snapshot, what


def _leaf(subject: _Subject, *, boundary: bool) -> fields.Change:
    return fields.leaf(subject.random, subject.format, subject.snapshot, boundary=boundary)


def _damaged(
    damage: Callable[[Random, bytes, list[Piece]], wire.Damage],
) -> Callable[[_Subject], _Made]:
    """A file with damage to its body, and the checksum of the damaged body."""

    def make(subject: _Subject) -> _Made:
        body = subject.body()
        where = wire.pieces(subject.format, subject.snapshot, body)
        broken, what = damage(subject.random, body, where)
        return envelope.seal(broken), what

    return make


def _crc(subject: _Subject) -> _Made:
    return wire.checksum(subject.random, subject.format.encode(subject.snapshot))


KINDS: dict[str, Callable[[_Subject], _Made]] = {
    "valid": _valid,
    "boundary": _changed(lambda subject: _leaf(subject, boundary=True)),
    "leaf": _changed(lambda subject: _leaf(subject, boundary=False)),
    "list": _changed(lambda s: fields.length(s.random, s.format, s.snapshot)),
    "contradiction": _changed(_contradictory),
    "length": _damaged(wire.lengths),
    "tag": _damaged(wire.tags),
    "wire": _damaged(lambda random, body, _pieces: wire.any_bytes(random, body)),
    "crc": _crc,
}
"""How the files of each kind are made. The kinds take turns."""


def generate(format_id: str, *, count: int, seed: int) -> Iterator[Entry]:
    """The files of a corpus.

    File n is the same whatever `count` is. Raises `UnknownFormatError`.
    """
    file_format = registry.get(format_id)
    kinds = list(KINDS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        random = Random(f"{seed} {file_format.id} {number}")
        data, what = _make(kind, file_format, random)
        crc: Crc = "right" if _has_right_crc(data) else "wrong"
        report = verify(data, file_format.id)
        yield Entry(f"{number:04}-{kind}", kind, what, crc, data, report)


def _make(kind: str, file_format: Format, random: Random) -> _Made:
    """A file of a kind; a change that no encoding can hold is drawn again."""
    while True:
        subject = _Subject(random, file_format, random_state(file_format.id, random))
        try:
            return KINDS[kind](subject)
        except EncodeError:
            continue


def _has_right_crc(data: bytes) -> bool:
    return len(data) >= envelope.CRC_SIZE_BYTES and envelope.checksum(data).ok


def write(
    directory: Path,
    format_id: str,
    *,
    count: int,
    seed: int,
    progress: Callable[[Entry], None] | None = None,
) -> dict[str, Any]:
    """Write a corpus into `directory`, which is made if need be; the manifest's content.

    Each file `NAME.snap` has its verdict beside it in `NAME.json`. The manifest comes last, so
    that a folder with one is whole. Raises `UnknownFormatError` or `OSError`.
    """
    registry.get(format_id)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MANIFEST).unlink(missing_ok=True)
    accepted: dict[str, list[int]] = {kind: [0, 0] for kind in KINDS}
    for entry in generate(format_id, count=count, seed=seed):
        write_atomic(directory / f"{entry.name}.snap", entry.data)
        write_atomic(directory / f"{entry.name}.json", _json(entry.verdict(seed)))
        accepted[entry.kind][not entry.report.accepted] += 1
        if progress:
            progress(entry)
    manifest = {
        "format": registry.get(format_id).id,
        "seed": seed,
        "count": count,
        "kinds": {
            kind: {"accepted": taken, "rejected": refused}
            for kind, (taken, refused) in accepted.items()
        },
    }
    write_atomic(directory / MANIFEST, _json(manifest))
    return manifest


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
