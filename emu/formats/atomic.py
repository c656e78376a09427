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

    Raises `OSError`. Should a rename fail (writing would have failed before), the earlier files of
    `files` are replaced already; each file is whole in any case, and no temporary file remains.
    """
    targets = {_regular(path): data for path, data in files.items()}
    with contextlib.ExitStack() as cleanup:
        temporaries = {}
        for target, data in targets.items():
            temporary = _sibling(target)
            cleanup.callback(temporary.unlink, missing_ok=True)
            _write(temporary, [data] if isinstance(data, Data) else data)
            temporaries[target] = temporary
        for target, temporary in temporaries.items():
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
        cleanup.callback(temporary.unlink, missing_ok=True)
        try:
            with temporary.open("xb") as file:
                model = target if target.exists() else like
                if model is not None:
                    shutil.copymode(model, temporary)
                yield file
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            error.filename = error.filename or str(path)
            raise
        os.replace(temporary, target)


def _sibling(target: Path) -> Path:
    """A name in the folder of `target` that nothing has: renaming never crosses file systems."""
    return target.with_name(f".thawbench-{uuid.uuid4().hex}.tmp")


def _regular(path: Path) -> Path:
    """`path` with symbolic links followed; `OSError` for what a rename must not replace."""
    path = path.resolve()
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file, so it can't be replaced", str(path))
    return path


def _write(path: Path, pieces: Iterable[Data]) -> None:
    with path.open("xb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
