"""A file that boots need: given by path, or got from somewhere and kept in a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from tests.linux.apt import UnavailableError


@dataclass(frozen=True, slots=True)
class Input:
    """A file to boot with, or why there is none.

    Attributes:
        path: the file; "" if it can't be had.
        origin: package and version that it is from; its path if it was given.
        missing: why it can't be had.
    """

    path: str = ""
    origin: str = ""
    missing: str = ""

    def __str__(self) -> str:
        return self.origin or f"not here: {self.missing}"


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was made of a package."""

    origin: str
    data: bytes


def from_path(path: Path) -> Input:
    """A file that somebody named.

    Raises:
        FileNotFoundError: it is not there.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}, which the environment names")
    return Input(str(path.absolute()), str(path))


def kept(path: Path, get: Callable[[], Extracted]) -> Input:
    """The file at `path`, if it is whole; else it is got again, and put there with a note beside it
    of where it is from.
    """
    note = path.with_name(f"{path.name}.json")
    if path.is_file() and note.is_file():
        noted = json.loads(note.read_text(encoding="utf-8"))
        if noted["sha256"] == _sha256(path.read_bytes()):
            return Input(str(path), noted["origin"])
    try:
        found = get()
    except UnavailableError as error:
        return Input(missing=str(error))
    _write_whole(path, found.data)
    noted = {"origin": found.origin, "sha256": _sha256(found.data)}
    _write_whole(note, json.dumps(noted).encode())
    return Input(str(path), found.origin)


def _write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all, whatever other processes do at the same time."""
    with NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        scratch.write(data)
    Path(scratch.name).replace(path)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
