"""Tests that others wrote for bare metal, through `thawbench boot`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from emu import boards
from emu.boards.board import Board
from tests.conformance.cases import BOARDS, CASES, Case, Verdict
from tests.conformance.images import image, needs_images
from tests.conformance.verdicts import verdict_of
from tests.harness.command_line import invoke

INSNS_MAX = 8_000_000_000
GET = boards.get
BY_NAME = {case.name: case for case in CASES}

pytestmark = needs_images


def run(case: Case, board: str, folder: Path, *options: object) -> Result:
    """The test on a board."""
    initrd: tuple[object, ...] = ()
    if case.environment:
        path = folder / "environment"
        path.write_text(f"{case.environment}\n", encoding="ascii")
        initrd = ("--initrd", path)
    arguments: dict[str, object] = {
        "--board": board,
        "--kernel": image(case.image),
        "--append": case.command_line(board),
        "--vcpus": case.vcpus,
        "--memory": case.memory_mib,
        "--quantum": case.quantum,
        "--entropy": "00",
        "--max-insns": INSNS_MAX,
    }
    return invoke("boot", *(part for item in arguments.items() for part in item), *initrd, *options)


def with_slow_counter(name: str) -> Board:
    """A board on which a poll for 100 ms takes 100,000 instructions."""
    return replace(GET(name), counter_frequency_hz=1_000_000, cycles_per_tick=1)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_that_of_the_table(
    case: Case, board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guest finds UART, GIC and PSCI in the device tree, and powers off by PSCI.

    Where it polls the counter for long, the board has a slow one, unless there is time for more.
    """
    if case.takes_minutes(board) and os.environ.get("THAWBENCH_PROFILE") != "deep":
        monkeypatch.setattr(boards, "get", with_slow_counter)
    result = run(case, board, tmp_path)
    assert verdict_of(result.stdout) == case.verdict(board), result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--vcpus", 1),
        ("--vcpus", 2),
        ("--vcpus", 4, "--quantum", 100),
        ("--vcpus", 4, "--schedule", "shuffled:7", "--quantum", 1000),
        ("--vcpus", 8, "--schedule", "shuffled:1", "--quantum", 777),
        ("--vcpus", 8, "--cpu", "cortex-a72"),
        ("--vcpus", 32),
    ],
    ids=lambda options: "-".join(str(option).lstrip("-") for option in options),
)
@pytest.mark.parametrize("board", BOARDS)
def test_vcpus_come_up_by_any_schedule(
    board: str, options: tuple[object, ...], tmp_path: Path
) -> None:
    result = run(BY_NAME["selftest-smp"], board, tmp_path, *options)
    assert verdict_of(result.stdout) is Verdict.PASS, result.stdout


@pytest.mark.parametrize(
    "options",
    [
        ("--vcpus", 2),
        ("--vcpus", 4, "--schedule", "shuffled:3", "--quantum", 2000),
        ("--cpu", "cortex-a72"),
    ],
    ids=["2 vCPUs", "shuffled", "cortex-a72"],
)
def test_vcpus_are_turned_on_and_off_by_any_schedule(
    options: tuple[object, ...], tmp_path: Path
) -> None:
    result = run(BY_NAME["psci, with cpu-on"], "squib", tmp_path, *options)
    assert verdict_of(result.stdout) is Verdict.PASS, result.stdout


def test_a_run_can_be_repeated(tmp_path: Path) -> None:
    """The same command line gives the same run, to the instruction."""
    runs = [run(BY_NAME["selftest-smp"], "squib", tmp_path) for _ in range(2)]
    assert runs[0].output == runs[1].output
