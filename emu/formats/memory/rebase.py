"""Diffs laid onto a base: the memory file of the moment when the last of them was taken.

Firecracker's `snapshot-editor edit-memory rebase` (v1.9 to v1.16, `edit_memory.rs`) copies the data
extents of one diff into the base file. This does the same and is stricter: it takes files of one
size only, and the base is replaced whole or not at all, where that tool leaves a base that is
neither old nor new if it is interrupted.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emu.errors import MemoryFileError
from emu.formats.atomic import replacing
from emu.formats.memory.extents import Extent
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.sparse import Method, Progress, copy_extents, data_extents, quiet


@dataclass(frozen=True, slots=True)
class Layer:
    """What one diff brought.

    Attributes:
        path: the diff.
        extents: how many extents of it had data.
        copied_bytes: size of these.
    """

    path: Path
    extents: int
    copied_bytes: int


@dataclass(frozen=True, slots=True)
class Rebased:
    """What a rebase did.

    Attributes:
        path: the file that was written.
        size_bytes: its size.
        layers: the diffs, in their order.
    """

    path: Path
    size_bytes: int
    layers: tuple[Layer, ...]


def rebase(
    base: Path,
    diffs: Sequence[Path],
    output: Path | None = None,
    *,
    method: Method = "seek",
    progress: Progress = quiet,
) -> Rebased:
    """Copy the data of each diff over `base`; where a diff has a hole, what was there stays.

    The result is written beside its place and renamed when it is complete, so it needs room for
    the data of the base once more; other hard links to the base keep the old content.

    Args:
        base: the full memory file, or a diff that others continue.
        diffs: the diffs, in the order in which they were taken.
        output: where to write the result; by default it replaces `base`.
        method: how to find the data of the diffs. `scan` is for diffs that have lost their holes;
            a page that the guest has cleared is then left as it was.
        progress: is told of the bytes done, of the sizes of base and diffs together.

    Raises:
        MemoryFileError: a file can't be read, is not as large as the base, is given twice, or its
            holes are unknown; or the file to write can't be replaced. Nothing has changed then.
        OSError: the result can't be written; nothing has changed then either.
    """
    target = output or base
    with contextlib.ExitStack() as files:
        old, *layers = (files.enter_context(MemoryFile(path)) for path in (base, *diffs))
        _check_layers(old, layers)
        _check_target(target, diffs)
        with replacing(target, like=base) as new:
            new.truncate(old.size_bytes)
            copy_extents(old, new, data_extents(old), progress)
            done = tuple(
                _layer(diff.path, copy_extents(diff, new, data_extents(diff, method), progress))
                for diff in layers
            )
            files.close()  # Windows renames no file over one that is open
    return Rebased(target, old.size_bytes, done)


def _layer(path: Path, copied: Sequence[Extent]) -> Layer:
    return Layer(path, len(copied), sum(extent.size_bytes for extent in copied))


def _check_layers(base: MemoryFile, diffs: Sequence[MemoryFile]) -> None:
    for diff in diffs:
        if diff.path.samefile(base.path):
            raise MemoryFileError(f"{diff.path}: is the base itself; expected a diff of it")
        if diff.size_bytes != base.size_bytes:
            raise MemoryFileError(
                f"{diff.path} has {diff.size_bytes:,} bytes, its base {base.path} has "
                f"{base.size_bytes:,}; a diff is as large as its base, so one of them belongs to "
                "another VM or was cut short"
            )


def _check_target(path: Path, diffs: Sequence[Path]) -> None:
    """Refuse to replace what nobody can mean to lose."""
    if path.is_symlink():
        raise MemoryFileError(
            f"{path}: is a symbolic link to {os.readlink(path)}; name the file that is to be "
            "replaced itself"
        )
    if not path.parent.is_dir():
        raise MemoryFileError(f"{path}: there is no folder {path.parent}; make it first")
    if not path.exists():
        return
    if not path.is_file():
        raise MemoryFileError(f"{path}: not a regular file, so it can't be replaced")
    if not os.access(path, os.W_OK):
        raise MemoryFileError(f"{path}: may not be written to; give an output file instead")
    for diff in diffs:
        if diff.samefile(path):
            raise MemoryFileError(f"{path}: is one of the diffs; give another output file")
