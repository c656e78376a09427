"""The demonstration does what the README shows, and says so when it does not."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
from click.testing import Result

from emu.snapshot import RESTORE_PLAN, Snapshot, thaw
from tests.harness.command_line import invoke

SEED = "000102030405060708090a0b0c0d0e0f"
README = Path(__file__).parents[3] / "README.md"


def run_demo(folder: Path, seed: str = SEED) -> Result:
    return invoke("demo", "-o", folder, "--entropy", seed)


def test_every_property_holds_and_the_snapshot_is_left_to_look_at(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    result = run_demo(folder)
    assert result.exit_code == 0, result.output
    assert "broken" not in result.output
    assert sorted(path.name for path in folder.iterdir()) == ["demo.mem", "demo.snap"]
    assert Snapshot.load(folder / "demo.snap").ram_size_bytes == 8 << 20


def test_timeline_shows_the_life_of_the_vmgenid_interrupt_in_order(tmp_path: Path) -> None:
    output = run_demo(tmp_path).output
    steps = [
        r"47  VMGenID interrupt pending",
        r"47  VMGenID interrupt acknowledged",
        r"> vmgenid: new generation [0-9a-f]{32}",
        r"47  VMGenID interrupt ended",
    ]
    places = [[match.start() for match in re.finditer(step, output)] for step in steps]
    assert [len(found) for found in places] == [1, 1, 1, 1]
    assert places == sorted(places)
    written = output.index("new id ")
    assert written < places[0][0], "the id is written before its interrupt is pending"


def test_ticks_are_shown_before_and_after_the_thaw(tmp_path: Path) -> None:
    before, _, after = run_demo(tmp_path).output.partition("machine 2: the guest goes on")
    assert re.findall(r"> tick (\d+)", before) == ["1", "2"]
    assert re.findall(r"> tick (\d+)", after) == ["3", "4", "5", "6"]


def test_same_seed_gives_the_same_output_and_another_one_other_ids(tmp_path: Path) -> None:
    first, again = run_demo(tmp_path).output, run_demo(tmp_path).output
    assert first == again
    assert run_demo(tmp_path, seed="ff").output != first


def test_without_a_seed_two_runs_draw_different_ids(tmp_path: Path) -> None:
    outputs = [invoke("demo", "-o", tmp_path).output for _ in range(2)]
    seeds = [re.findall(r"entropy seed: ([0-9a-f]{32}) ", output) for output in outputs]
    assert len(seeds[0]) == 1
    assert seeds[0] != seeds[1]


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        ("notify-generation-id", "the guest's handler saw the new id"),
        ("write-generation-id", "the new id is in memory before its interrupt is pending"),
        ("set-extra-registers", "no timer tick is lost, repeated or moved"),
    ],
)
def test_a_restore_without_a_step_breaks_a_verdict_and_exits_with_1(
    step: str, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = RESTORE_PLAN.without(step)
    monkeypatch.setattr("harness.actions.demo.thaw", partial(thaw, plan=cut))
    result = run_demo(tmp_path)
    assert result.exit_code == 1
    assert f"broken  {verdict}" in result.output


def test_a_folder_that_can_not_be_made_is_one_line_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    result = run_demo(tmp_path / "file" / "folder")
    assert result.exit_code == 2
    assert re.fullmatch(r"thawbench: error: [^\n]+\n", result.stderr)


def test_a_seed_that_is_no_hex_is_refused(tmp_path: Path) -> None:
    result = run_demo(tmp_path, seed="xyz")
    assert result.exit_code == 2
    assert "'xyz' is not an even number of hex digits" in result.stderr


def test_readme_shows_the_real_output(tmp_path: Path) -> None:
    shown = re.search(
        r"<!-- demo-output -->\n```text\n(.*?)```\n<!-- /demo-output -->",
        README.read_text("utf-8"),
        re.DOTALL,
    )
    assert shown is not None
    seed = re.search(r"entropy seed: ([0-9a-f]+) ", shown[1])
    assert seed is not None, "the README shows no demo output"
    output = run_demo(tmp_path, seed=seed[1]).output
    assert [line.rstrip() for line in output.splitlines()] == shown[1].splitlines()
