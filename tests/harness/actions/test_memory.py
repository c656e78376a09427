"""`thawbench memory`: exact output, exit statuses, and one line for whatever is wrong."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from emu.errors import MemoryFileError
from emu.formats.memory.regions import Layout, Region
from harness.actions import memory as memory_files
from tests.formats.memory.disk import PAGE, Disk, contents, first_data
from tests.harness.command_line import GOLDEN, assert_fails, invoke

STATE = GOLDEN / "03-one-vcpu-one-device.snap"


def run(*arguments: str | Path) -> Result:
    return invoke("memory", *arguments)


def succeeds(*arguments: str | Path, status: int = 0) -> list[str]:
    """The lines that a command prints on stdout; stderr stays empty."""
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (status, ""), result.output
    return result.stdout.splitlines()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """An empty folder, which is the current one, so that output does not depend on its name."""
    monkeypatch.chdir(tmp_path)
    return Disk(Path())


@pytest.fixture
def sparse_folder(folder: Disk) -> Disk:
    if first_data(folder.file("probe", [None, 1])) != PAGE:
        pytest.skip("this file system keeps no holes of 4 KiB, or does not tell them")
    Path("probe").unlink()
    return folder


# --- info ------------------------------------------------------------------------------------


def test_info_shows_data_holes_and_pages(sparse_folder: Disk) -> None:
    lines = succeeds("info", sparse_folder.file("vm.mem", [None, 1, 0, None, 2]), "--extents")
    assert [line for line in lines if not line.startswith("on disk:")] == [
        "size:    20,480 bytes (20 KiB)",
        "data:    12,288 bytes in 2 extents",
        "holes:   8,192 bytes",
        "pages:   3 of 5 of 4 KiB have data (aligned)",
        "pages:   2 of 2 of 16 KiB have data (not aligned)",
        "pages:   1 of 1 of 2 MiB have data (not aligned)",
        "  offset 0x000000001000  8,192 bytes",
        "  offset 0x000000004000  4,096 bytes",
    ]


def test_info_says_when_it_had_to_scan(folder: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "SEEK_DATA", raising=False)
    lines = succeeds("info", folder.file("vm.mem", [None, 1]))
    data = lines.index("data:    4,096 bytes in 1 extent")
    assert lines[data + 1].strip() == ("(no holes are known; blocks of 4,096 zeros are left out)")


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (2, "state:   the file is as large as the regions"),
        (3, "state:   the file has 4,096 bytes behind the last region"),
    ],
)
def test_info_compares_the_file_with_the_regions(
    folder: Disk, capsys: pytest.CaptureFixture[str], pages: int, expected: str
) -> None:
    layout = Layout((Region(0x8000_0000, PAGE), Region(0x80_0000_0000, PAGE)))
    path = folder.file("vm.mem", [1] * pages)
    memory_files.info(path, layout, list_extents=True, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    beyond = ["  offset 0x000000002000  4,096 bytes"]
    assert lines[lines.index("region:  0x80000000 to 0x80000fff, 4,096 bytes") :] == [
        "region:  0x80000000 to 0x80000fff, 4,096 bytes",
        "region:  0x8000000000 to 0x8000000fff, 4,096 bytes",
        expected,
        "  0x0000000080000000  offset 0x000000000000  4,096 bytes",
        "  0x0000008000000000  offset 0x000000001000  4,096 bytes",
        *beyond[: pages - 2],
    ]


def test_info_in_json_has_all_of_it(folder: Disk, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder.file("vm.mem", [1, 2])
    memory_files.info(
        path, Layout((Region(0x8000_0000, 2 * PAGE),)), list_extents=False, as_json=True
    )
    view = json.loads(capsys.readouterr().out)
    assert view.pop("allocated_bytes") != 0
    assert view.pop("method") in {"seek", "scan"}
    assert view.pop("pages")[0] == {
        "page_size_bytes": 4096,
        "pages": 2,
        "data_pages": 2,
        "aligned": True,
    }
    assert view == {
        "path": "vm.mem",
        "size_bytes": 8192,
        "data_bytes": 8192,
        "extents": [{"address": 0x8000_0000, "offset": 0, "size_bytes": 8192}],
        "regions": [{"base_address": 0x8000_0000, "size_bytes": 8192}],
    }


def test_info_of_a_file_too_short_for_its_state_shows_it_and_fails(folder: Disk) -> None:
    result = run("info", folder.file("vm.mem", [1]), "--state", STATE)
    assert "too short for the regions" in result.stdout
    assert_fails(result, "vm.mem has 4,096 bytes; the memory regions of the state file have")


def test_the_regions_come_from_the_state_file() -> None:
    layout = memory_files.layout_of_state(STATE, None)
    assert layout is not None
    (region,) = layout.regions
    assert region.base_address == 0x8000_0000
    assert region.size_bytes % (1 << 20) == 0
    assert memory_files.layout_of_state(None, None) is None


@pytest.mark.parametrize("command", ["info", "diff"])
def test_a_state_file_that_is_none_is_named(folder: Disk, command: str) -> None:
    path = folder.file("vm.mem", [1])
    files = [path] if command == "info" else [path, path]
    result = run(command, *files, "--state", path)
    assert_fails(result, "error: vm.mem: ")
    assert result.stdout == ""
    assert_fails(run(command, *files, "--state", "absent"), "absent: No such file")


# --- rebase ----------------------------------------------------------------------------------


def test_rebase_says_what_each_diff_brought(sparse_folder: Disk) -> None:
    base = sparse_folder.file("base.mem", [1, 1, 1, 1])
    first = sparse_folder.file("first.mem", [None, 2, None, 2])
    second = sparse_folder.file("second.mem", [3, 3, 3, 3])
    assert succeeds("rebase", base, first, "-o", "out.mem") == [
        "first.mem: 8,192 bytes in 2 extents",
        "out.mem: written, 16,384 bytes",
    ]
    assert base.read_bytes() == contents([1, 1, 1, 1])
    assert Path("out.mem").read_bytes() == contents([1, 2, 1, 2])
    assert succeeds("rebase", base, first, second) == [
        "first.mem: 8,192 bytes in 2 extents",
        "second.mem: 16,384 bytes in 1 extent: it has no holes, so it replaces all that was there",
        "base.mem: written, 16,384 bytes",
    ]
    assert base.read_bytes() == contents([3, 3, 3, 3])


def test_rebase_scans_diffs_that_lost_their_holes_and_names_the_layers_in_json(
    folder: Disk,
) -> None:
    base, diff = folder.file("base.mem", [1, 1]), folder.folder / "diff.mem"
    diff.write_bytes(contents([None, 2]))
    assert json.loads("\n".join(succeeds("rebase", "--scan", "--json", base, diff))) == {
        "path": "base.mem",
        "size_bytes": 8192,
        "layers": [{"path": "diff.mem", "extents": 1, "copied_bytes": 4096}],
    }
    assert base.read_bytes() == contents([1, 2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["base.mem", "absent"], "absent: can't be read"),
        (["absent", "base.mem"], "absent: can't be read"),
        (["base.mem", "base.mem"], "base.mem: is the base itself"),
        (["base.mem", "long.mem"], "long.mem has 8,192 bytes, its base base.mem has 4,096"),
        (["base.mem", "diff.mem", "-o", "absent/out.mem"], "there is no folder absent"),
        (["base.mem", "diff.mem", "-o", "."], "not a regular file"),
    ],
)
def test_rebase_refuses_bad_files_and_changes_nothing(
    folder: Disk, arguments: list[str], message: str
) -> None:
    base = folder.file("base.mem", [1])
    folder.file("diff.mem", [2])
    folder.file("long.mem", [1, 2])
    result = run("rebase", "--scan", *arguments)
    assert_fails(result, message)
    assert result.stdout == ""
    assert base.read_bytes() == contents([1])
    assert sorted(map(str, Path().iterdir())) == ["base.mem", "diff.mem", "long.mem"]


def test_rebase_wants_a_diff(folder: Disk) -> None:
    result = run("rebase", folder.file("base.mem", [1]))
    assert result.exit_code == 2
    assert "Missing argument 'DIFF...'" in result.stderr


# --- diff ------------------------------------------------------------------------------------


def test_equal_files_print_nothing_and_give_0(folder: Disk) -> None:
    a, b = folder.file("a.mem", [1, 0, None]), folder.file("b.mem", [1, None, 0])
    assert succeeds("diff", a, b) == []
    view = json.loads("\n".join(succeeds("diff", a, b, "--json")))
    assert (view["differing_pages"], view["runs"]) == (0, [])


def test_differing_runs_are_listed_by_offset_and_give_1(folder: Disk) -> None:
    a, b = folder.file("a.mem", [1] * 9), folder.file("b.mem", [1, 2, 2, 1, 1, 1, 1, 1, 2])
    assert succeeds("diff", a, b, status=1) == [
        "  offset 0x000000001000  8,192 bytes",
        "  offset 0x000000008000  4,096 bytes",
        "3 of 9 pages of 4 KiB differ",
    ]
    assert succeeds("diff", a, b, "--page-size", "16K", status=1) == [
        "  offset 0x000000000000  16,384 bytes",
        "  offset 0x000000008000  4,096 bytes",
        "2 of 3 pages of 16 KiB differ",
    ]


def test_differing_runs_are_listed_by_address_region_by_region(
    folder: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout((Region(0x8000_0000, PAGE), Region(0x80_0000_0000, PAGE)))
    a, b = folder.file("a.mem", [1, 1]), folder.file("b.mem", [2, 2])
    assert memory_files.diff(a, b, layout, PAGE, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "  0x0000000080000000  offset 0x000000000000  4,096 bytes",
        "  0x0000008000000000  offset 0x000000001000  4,096 bytes",
        "2 of 2 pages of 4 KiB differ",
    ]
    assert memory_files.diff(a, b, layout, PAGE, as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "size_bytes": 8192,
        "page_size_bytes": 4096,
        "differing_pages": 2,
        "runs": [
            {"address": 0x8000_0000, "offset": 0, "size_bytes": 4096},
            {"address": 0x80_0000_0000, "offset": 4096, "size_bytes": 4096},
        ],
    }


def test_files_too_short_for_the_regions_are_not_compared(folder: Disk) -> None:
    path = folder.file("a.mem", [1])
    with pytest.raises(MemoryFileError, match="cut short"):
        memory_files.diff(path, path, Layout((Region(0, 8192),)), PAGE, as_json=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.mem", "absent"], "absent: can't be read"),
        (["a.mem", "b.mem"], "only memory files of one size can be compared"),
        (["a.mem", "."], "not a regular file"),
    ],
)
def test_what_can_not_be_compared_gives_2(folder: Disk, arguments: list[str], message: str) -> None:
    folder.file("a.mem", [1])
    folder.file("b.mem", [1, 2])
    assert_fails(run("diff", *arguments), message)


# --- the progress bar ------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A stderr that somebody looks at."""

    def isatty(self) -> bool:
        return True


def rebase_files(folder: Disk) -> None:
    base, diff = folder.file("base.mem", [1]), folder.file("diff.mem", [2])
    memory_files.rebase(base, [diff], None, scan=True, as_json=False)


def compare_files(folder: Disk) -> None:
    a, b = folder.file("a.mem", [1]), folder.file("b.mem", [2])
    memory_files.diff(a, b, None, PAGE, as_json=False)


def read_file(folder: Disk) -> None:
    memory_files.info(folder.file("a.mem", [1]), None, list_extents=False, as_json=False)


@pytest.mark.parametrize(
    ("command", "title"),
    [(rebase_files, "copying"), (compare_files, "comparing"), (read_file, "reading")],
)
def test_a_bar_is_shown_on_a_terminal_and_on_stderr_alone(
    folder: Disk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: Callable[[Disk], None],
    title: str,
) -> None:
    command(folder)
    piped = capsys.readouterr()
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    command(folder)
    assert piped.err == ""
    assert capsys.readouterr().out == piped.out
    assert title in terminal.getvalue()
