"""Files that appear whole or not at all.

As squib's `save.rs` does it: every file is first written to a sibling and flushed to the disk, and
only when all are there are they renamed, in the order given.
"""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

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
            temporary = target.with_name(f".thawbench-{uuid.uuid4().hex}.tmp")
            cleanup.callback(temporary.unlink, missing_ok=True)
            _write(temporary, [data] if isinstance(data, Data) else data)
            temporaries[target] = temporary
        for target, temporary in temporaries.items():
            os.replace(temporary, target)


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
