"""`thawbench boards`, and `thawbench boot` on other boards than squib."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emu import boards
from emu.core.fdt import parse, read_strings
from tests import a64
from tests.harness.command_line import assert_fails, invoke
from tests.harness.kernel_image import SYSTEM_OFF, kernel_file

LATEST = "firecracker-1.16"
EACH = list(boards.BOARDS)

OFF_IF_THE_CLOCK_SHOWS_100 = (
    0xD2A80001,  # mov x1, #0x40000000
    0xF2820001,  # movk x1, #0x1000: the PL031
    a64.LDR_W0_X1,
    0x7101901F,  # cmp w0, #100
    0x54000001,  # b.ne .
    *SYSTEM_OFF,
)


def test_all_boards_are_listed() -> None:
    lines = invoke("boards").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == EACH


def test_the_list_as_json_has_where_things_are() -> None:
    found = {board["name"]: board for board in json.loads(invoke("boards", "--json").stdout)}
    assert list(found) == EACH
    assert found[LATEST]["aliases"] == ["firecracker"]
    assert found[LATEST]["console"] == {
        "kind": "16550",
        "linux_name": "ttyS0",
        "address": 0x4000_2000,
        "gsi": 0,
        "intid": 32,
    }
    assert found["squib"]["clock"] == {}


@pytest.mark.parametrize("board", EACH)
def test_a_kernel_that_powers_off_runs_on_every_board(board: str, tmp_path: Path) -> None:
    kernel = kernel_file(tmp_path, *SYSTEM_OFF)
    result = invoke("boot", "--board", board, "--kernel", kernel, "--memory", 8)
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("board", EACH)
def test_the_device_tree_is_written_and_nothing_runs(board: str, tmp_path: Path) -> None:
    kernel, blob = kernel_file(tmp_path, a64.B_SELF), tmp_path / "tree.dtb"
    result = invoke(
        "boot", "--board", board, "--kernel", kernel, "--memory", 8, "--append", "quiet",
        "--vcpus", 3, "--dtb", blob,
    )  # fmt: skip
    assert (result.exit_code, result.stdout) == (0, "")
    root = parse(blob.read_bytes())
    assert len(root["cpus"].children) == 3
    assert read_strings(root["chosen"].properties["bootargs"])[0].startswith("quiet console=tty")


def test_the_clock_shows_the_wall_clock_that_is_given(tmp_path: Path) -> None:
    kernel = kernel_file(tmp_path, *OFF_IF_THE_CLOCK_SHOWS_100)
    boot = ("boot", "--board", LATEST, "--kernel", kernel, "--memory", 8, "--max-insns", 1000)
    assert invoke(*boot, "--unix-time", 100).exit_code == 0
    assert invoke(*boot, "--unix-time", 99).exit_code == 1
    assert invoke(*boot, "--unix-time", -1).exit_code == 2


def test_a_guest_that_comes_along_is_squibs() -> None:
    result = invoke("boot", "--board", LATEST, "--guest", "quiet", "--memory", 8)
    assert_fails(result, f"know the addresses of squib alone, not those of {LATEST}")


def test_an_unknown_board_is_refused_with_the_known_ones() -> None:
    result = invoke("boot", "--board", "firecracker-1.8", "--guest", "quiet")
    assert_fails(result, "unknown board 'firecracker-1.8'; known: squib, firecracker-1.9")
