"""`convert`: a file of another release, or a list of what would be lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from emu.formats import registry
from harness.states import realistic_state
from tests.harness.command_line import GOLDEN, invoke


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state file of v1.14, whose conversion to v1.13 would lose things."""
    release = registry.get("firecracker-1.14")
    path = tmp_path / "vm.snap"
    path.write_bytes(release.encode(realistic_state(release.id, vcpus=1, mmds=False)))
    return path


def run(*arguments: object) -> Result:
    return invoke("convert", *arguments)


def test_a_file_is_written_that_the_target_accepts(state: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.snap"
    result = run(state, "--to", "firecracker-1.16", "-o", output)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "firecracker-1.14 to firecracker-1.16"
    assert "added:" in lines
    assert "lost:" not in lines
    assert lines[-1] == "the memory file stays as it is"
    assert registry.get("firecracker-1.16").verdict(output.read_bytes()).accepted


def test_with_losses_nothing_is_written(state: Path, tmp_path: Path) -> None:
    """They are shown, and the error says how many there are and how to go on."""
    output = tmp_path / "out.snap"
    result = run(state, "--to", "firecracker-1.13", "-o", output)
    assert result.exit_code == 2
    assert "lost:" in result.stdout.splitlines()
    assert "things would be lost; --lossy accepts that" in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [state]


def test_lossy_writes_the_file_all_the_same(state: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.snap"
    result = run(state, "--to", "firecracker-1.13", "-o", output, "--lossy")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "lost:" in result.stdout.splitlines()
    assert registry.get("firecracker-1.13").verdict(output.read_bytes()).accepted


@pytest.mark.parametrize("lossy", [True, False])
def test_json_tells_all_and_whether_the_file_was_written(
    lossy: bool, state: Path, tmp_path: Path
) -> None:
    flags = ["--lossy"] if lossy else []
    result = run(state, "--to", "firecracker-1.13", "-o", tmp_path / "out.snap", "--json", *flags)
    told = json.loads(result.stdout)
    assert (told["from"], told["to"]) == ("firecracker-1.14", "firecracker-1.13")
    assert told["written"] is lossy
    assert told["same_memory_file"] is True
    assert told["kept_count"] > 100
    assert {*told["losses"][0]} == {"path", "value", "why", "effect"}
    assert {*told["changes"][0]} == {"path", "old", "new", "why"}
    assert told["moves"] == []


def test_a_file_can_be_converted_in_place(state: Path) -> None:
    result = run(state, "--to", "firecracker-1.15", "-o", state)
    assert result.exit_code == 0
    assert registry.get("firecracker-1.15").verdict(state.read_bytes()).accepted


def test_the_format_to_read_it_as_can_be_told(state: Path, tmp_path: Path) -> None:
    result = run(
        state, "--as", "firecracker-1.16", "--to", "firecracker-main", "-o", tmp_path / "o"
    )
    assert result.exit_code == 2
    assert str(state) in result.stderr


def test_squib_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = GOLDEN / "14-realistic-two-vcpus-mmds.snap"
    result = run(path, "--to", "firecracker-1.16", "-o", tmp_path / "o")
    assert result.exit_code == 2
    assert "Apple" in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_unknown_target_is_an_error(state: Path, tmp_path: Path) -> None:
    result = run(state, "--to", "firecracker-9", "-o", tmp_path / "o")
    assert result.exit_code == 2
    assert "'firecracker-9' is not a known format" in result.stderr
