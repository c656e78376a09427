"""Rebasing: the right bytes, or the old file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given

from emu.errors import MemoryFileError
from emu.formats.memory import rebase as module
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.rebase import Layer, rebase
from emu.formats.memory.sparse import Method, Progress
from tests.formats.memory.disk import (
    HUGE_BYTES,
    PAGE,
    Disk,
    Pages,
    Reads,
    contents,
    layers,
    runs,
    stored,
)


def overlay(base: Pages, *diffs: Pages) -> Pages:
    """The pages of `base` where all diffs have holes, else those of the last that has none."""
    result = list(base)
    for diff in diffs:
        result = [old if new is None else new for old, new in zip(result, diff, strict=True)]
    return result


# --- the right bytes -------------------------------------------------------------------------


@given(layers(4))
def test_generations_of_diffs_come_one_over_the_other(
    sparse_disk: Disk, pages: list[Pages]
) -> None:
    """Pages of zeros in a diff count, holes do not, and holes of all files stay holes."""
    base, *diffs = (sparse_disk.file(str(n), one) for n, one in enumerate(pages))
    done: list[int] = []
    result = rebase(base, diffs, progress=done.append)
    expected = overlay(*pages)
    assert base.read_bytes() == contents(expected)
    assert stored(base) == runs(fill is not None for fill in expected)
    assert sum(done) == 4 * len(contents(expected))
    assert result.layers == tuple(
        Layer(
            path,
            len(runs(fill is not None for fill in one)),
            PAGE * sum(fill is not None for fill in one),
        )
        for path, one in zip(diffs, pages[1:], strict=True)
    )


@given(layers(3))
def test_diffs_that_lost_their_holes_are_scanned(disk: Disk, pages: list[Pages]) -> None:
    """On every system; a page that the guest has cleared then stays as it was."""
    base, *diffs = (disk.file(str(n), one) for n, one in enumerate(pages))
    for path in diffs:
        path.write_bytes(path.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(os, "SEEK_DATA", raising=False)
        rebase(base, diffs, method="scan")
    nonzero: list[Pages] = [[fill or None for fill in one] for one in pages]
    assert base.read_bytes() == contents(overlay(*nonzero))


def test_an_output_leaves_the_base_as_it_is(disk: Disk) -> None:
    base, diff = disk.file("base", [1, 1]), disk.file("diff", [None, 2])
    output = disk.folder / "output"
    result = rebase(base, [diff], output, method="scan")
    assert (result.path, result.size_bytes) == (output, 2 * PAGE)
    assert base.read_bytes() == contents([1, 1])
    assert output.read_bytes() == contents([1, 2])


def test_diffs_onto_a_diff_make_a_diff(sparse_disk: Disk) -> None:
    base = sparse_disk.file("base", [1, 0, None, None])
    rebase(base, [sparse_disk.file("diff", [None, None, 0, None])])
    assert stored(base) == runs([True, True, True, False])


def test_holes_beyond_4_gib_are_neither_read_nor_written(huge_disk: Disk, reads: Reads) -> None:
    far = (4 << 30) + PAGE
    base = huge_disk.raw("base", HUGE_BYTES, [(0, b"base"), (far, b"old")])
    rebase(base, [huge_disk.raw("diff", HUGE_BYTES, [(far, b"new")])])
    with MemoryFile(base) as file:
        assert (file.read(0, 4), file.read(far, 3), file.size_bytes) == (
            b"base",
            b"new",
            HUGE_BYTES,
        )
    assert sum(extent.size_bytes for extent in stored(base)) <= 2 * 64 * 1024
    assert reads.size_bytes <= 3 * 64 * 1024 + 7


@pytest.mark.skipif(os.name != "posix", reason="this system has no such permissions")
@pytest.mark.parametrize("output", [None, "output"])
def test_the_result_is_open_to_whom_the_base_was(folder: Disk, output: str | None) -> None:
    """Guest RAM holds secrets."""
    base, diff = folder.file("base", [1]), folder.file("diff", [2])
    base.chmod(0o640)
    result = rebase(base, [diff], folder.folder / output if output else None, method="scan")
    assert stat.S_IMODE(result.path.stat().st_mode) == 0o640


# --- or the old file -------------------------------------------------------------------------


def full_disk(*_arguments: object, **_options: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupted_after(calls: int) -> Progress:
    left = [None] * calls

    def progress(_size_bytes: int) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()

    return progress


def unchanged(folder: Disk, failing: Callable[[Path, list[Path]], object], error: Any) -> None:
    """A rebase that fails leaves the folder as it was."""
    base = folder.file("base", [1, 1, None, 1])
    diffs = [folder.file("diff-1", [2, None, None, None]), folder.file("diff-2", [None, 3, 3, 3])]
    before = {path.name: path.read_bytes() for path in folder.folder.iterdir()}
    with pytest.raises(error):
        failing(base, diffs)
    assert {path.name: path.read_bytes() for path in folder.folder.iterdir()} == before


@pytest.mark.parametrize("calls", range(6))
def test_an_interrupt_leaves_the_base_and_no_temporary_file(folder: Disk, calls: int) -> None:
    """At any time: base and two diffs report progress twice each."""
    progress = interrupted_after(calls)
    unchanged(
        folder,
        lambda base, diffs: rebase(base, diffs, method="scan", progress=progress),
        KeyboardInterrupt,
    )


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_base_and_no_temporary_file(
    folder: Disk, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(os, call, full_disk)
    unchanged(folder, lambda base, diffs: rebase(base, diffs, method="scan"), OSError)


def test_a_diff_that_is_cut_short_meanwhile_leaves_the_base(folder: Disk) -> None:
    """After the sizes were compared: what is gone must not pass for a hole."""

    def rebase_cut(base: Path, diffs: list[Path]) -> None:
        whole = diffs[1].read_bytes()
        try:
            rebase(base, diffs, method="scan", progress=lambda _: os.truncate(diffs[1], PAGE))
        finally:
            diffs[1].write_bytes(whole)

    unchanged(folder, rebase_cut, MemoryFileError)


def test_no_file_is_open_when_the_result_is_renamed(
    folder: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows would refuse to."""
    opened: set[Path] = set()
    replace = os.replace

    class Watched(MemoryFile):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            opened.add(path)

        def __exit__(self, *error: Any) -> None:
            super().__exit__(*error)
            opened.remove(self.path)

    def checked(source: Path, target: Path) -> None:
        assert opened == set()
        replace(source, target)

    monkeypatch.setattr(module, "MemoryFile", Watched)
    monkeypatch.setattr(os, "replace", checked)
    base = folder.file("base", [1])
    rebase(base, [folder.file("diff", [2])], method="scan")
    assert base.read_bytes() == contents([2])


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "output", "message"),
    [
        (["absent", "diff"], None, "absent: can't be read: No such file"),
        (["base", "absent"], None, "absent: can't be read: No such file"),
        (["base", "folder"], None, "folder: not a regular file; expected a memory file"),
        (["folder", "diff"], None, "folder: not a regular file; expected a memory file"),
        (["base", "base"], None, "base: is the base itself"),
        (["base", "longer"], None, r"longer has 8,192 bytes, its base .*base has 4,096"),
        (["longer", "diff", "longer"], None, r"diff has 4,096 bytes, its base .*longer has 8,192"),
        (["base", "diff"], "diff", "diff: is one of the diffs"),
        (["base", "diff"], "folder", "folder: not a regular file, so it can't be replaced"),
        (["base", "diff"], "absent/output", "there is no folder"),
        (["link", "diff"], None, "link: is a symbolic link to .*base; name the file"),
        (["base", "diff"], "link", "link: is a symbolic link"),
        (["base", "link"], None, "link: is the base itself"),
    ],
)
@pytest.mark.parametrize("method", ["seek", "scan"])
def test_bad_input_is_refused_before_anything_is_written(
    folder: Disk,
    names: list[str],
    output: str | None,
    message: str,
    method: Method,
) -> None:
    folder.file("base", [1])
    folder.file("diff", [2])
    folder.file("longer", [1, 2])
    (folder.folder / "folder").mkdir()
    try:
        (folder.folder / "link").symlink_to(folder.folder / "base")
    except OSError:
        pytest.skip("this user may not make symbolic links")
    before = sorted(folder.folder.rglob("*"))
    base, *diffs = (folder.folder / name for name in names)
    with pytest.raises(MemoryFileError, match=message):
        rebase(base, diffs, folder.folder / output if output else None, method=method)
    assert sorted(folder.folder.rglob("*")) == before
    assert (folder.folder / "base").read_bytes() == contents([1])


def test_a_base_behind_a_link_can_be_read(folder: Disk) -> None:
    """It is only not to be replaced."""
    folder.file("base", [1])
    link = folder.folder / "link"
    try:
        link.symlink_to(folder.folder / "base")
    except OSError:
        pytest.skip("this user may not make symbolic links")
    rebase(link, [folder.file("diff", [2])], folder.folder / "output", method="scan")
    assert (folder.folder / "output").read_bytes() == contents([2])


def test_a_base_that_may_not_be_written_to_is_not_replaced(
    folder: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renaming over it would succeed."""
    base, diff = folder.file("base", [1]), folder.file("diff", [2])
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    with pytest.raises(MemoryFileError, match="may not be written to; give an output file"):
        rebase(base, [diff], method="scan")
    assert base.read_bytes() == contents([1])


def test_diffs_of_unknown_holes_are_refused_unless_they_are_scanned(
    folder: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "SEEK_DATA", raising=False)
    unchanged(folder, rebase, MemoryFileError)
