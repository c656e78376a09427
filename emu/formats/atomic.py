"""Files that appear whole or not at all.

As squib's `save.rs` does it: every file is first written to a sibling and flushed to the disk, and
only when all are there are they renamed, in the order given.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

Data = bytes | bytearray | memoryview
"""What a file may be made of."""


def write_atomic(path: Path, data: Data) -> None:
    """Write `data` to `path`, replacing what is there; `OSError` leaves everything as it was."""
    write_all_atomic({path: data})


def write_all_atomic(files: Mapping[Path, Data | Iterable[Data]]) -> None:
    """Write several files, each given whole or in pieces; nothing is replaced before all are there.

    A file that is replaced leaves its permissions to the new one.

    Raises `OSError`. Should a rename fail (writing would have failed before), the earlier files of
    `files` are replaced already; each file is whole in any case, and no temporary file remains.
    """
    targets = {_regular(path): data for path, data in files.items()}
    with contextlib.ExitStack() as cleanup:
        temporaries = {}
        for target, data in targets.items():
            temporary = _sibling(target)
            cleanup.callback(_remove, temporary)
            with _about(target, temporary), _new_file(temporary, like=target) as file:
                file.writelines([data] if isinstance(data, Data) else data)
            temporaries[target] = temporary
        for target, temporary in temporaries.items():
            with _about(target, temporary):
                os.replace(temporary, target)


@contextlib.contextmanager
def replacing(path: Path, *, like: Path | None = None) -> Iterator[BinaryIO]:
    """A new file, open for writing, that takes the place of `path` when the block ends.

    If the block raises, `path` stays as it was and the new file is removed. Its permissions are
    those of the file that it replaces, else those of `like`: a copy of guest RAM must not be open
    to more users than the original. Raises `OSError`, which names `path` if it names nothing.
    """
    target = _regular(path)
    temporary = _sibling(target)
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(_remove, temporary)
        with _about(target, temporary):
            with _new_file(temporary, like=target if target.exists() else like) as file:
                yield file
            os.replace(temporary, target)


@contextlib.contextmanager
def _about(target: Path, temporary: Path) -> Iterator[None]:
    """Errors of the file `temporary`, which is soon gone, are told as those of `target`."""
    try:
        yield
    except OSError as error:
        if error.filename in {None, str(temporary), temporary}:
            error.filename = str(target)
        raise


@contextlib.contextmanager
def _new_file(path: Path, *, like: Path | None) -> Iterator[BinaryIO]:
    """A file that was not there, on the disk when the block ends.

    Its permissions are those of `like`, if that exists, before the first byte is written.
    """
    with path.open("xb") as file:
        if like is not None and like.exists():
            shutil.copymode(like, path)
        yield file
        file.flush()
        os.fsync(file.fileno())


def _remove(temporary: Path) -> None:
    with contextlib.suppress(OSError):  # it may be renamed, or its folder may never have been one
        temporary.unlink()


def _sibling(target: Path) -> Path:
    """A name in the folder of `target` that nothing has: renaming never crosses file systems."""
    return target.with_name(f".thawbench-{uuid.uuid4().hex}.tmp")


def _regular(path: Path) -> Path:
    """`path` with symbolic links followed; `OSError` for what a rename must not replace."""
    path = Path(os.path.realpath(path))
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file, so it can't be replaced", str(path))
    return path
