"""`thawbench thaw` goes on where a snapshot was taken, or says in one line why it can't."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import Result

from emu.snapshot import RESTORE_PLAN, freeze
from harness.event_lines import name_of, parse_events, read_events
from harness.guests import boot_guest
from tests.harness.command_line import GOLDEN, invoke

SEED = "00112233445566778899aabbccddeeff"


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """A guest that was frozen in the middle."""
    with boot_guest("heartbeat") as machine:
        machine.run(2000)
        return freeze(machine).save(tmp_path, "guest")[0]


def thaw(*arguments: object) -> Result:
    return invoke("thaw", *arguments)


def refused(result: Result) -> str:
    assert result.exit_code == 2
    assert re.fullmatch(r"thawbench: error: [^\n]+\n", result.stderr)
    return result.stderr


def test_the_guest_is_told_and_goes_on_to_its_end(state_file: Path) -> None:
    result = thaw(state_file, "--entropy", SEED)
    assert result.exit_code == 0, result.output
    assert len(re.findall(r"47  VMGenID interrupt acknowledged", result.output)) == 1
    assert "> bye" in result.output
    assert "the guest powered off, after" in result.output
    assert thaw(state_file, "--entropy", SEED).output == result.output


def test_the_run_ends_at_the_instruction_limit(state_file: Path) -> None:
    result = thaw(state_file, "--max-insns", 5)
    assert result.exit_code == 1
    assert "the instruction limit is reached, after 5 instructions" in result.stdout
    assert "stopped: the instruction limit is reached" in result.stderr


def test_the_run_ends_at_the_time_limit(state_file: Path) -> None:
    """Which counts from the thaw on."""
    result = thaw(state_file, "--max-time", 0.0001)
    assert result.exit_code == 1
    assert "the time limit is reached" in result.stdout


def test_events_and_trace_begin_with_the_restore(state_file: Path, tmp_path: Path) -> None:
    """Nothing is executed before the last step is done."""
    events, trace = tmp_path / "events", tmp_path / "trace"
    result = thaw(state_file, "--entropy", SEED, "--events", events, "--trace", trace)
    assert result.exit_code == 0
    assert result.stdout == thaw(state_file, "--entropy", SEED).stdout
    names = [name_of(type(stamped.event)) for stamped in read_events(events)]
    assert "plan-step-done" in names[:3]
    assert names[-1] == "hypervisor-call"
    assert " EL1 0x" in trace.read_text("utf-8").splitlines()[0]


def test_what_is_on_stdout_for_programs_is_alone_there(state_file: Path) -> None:
    found = json.loads(thaw(state_file, "--json").stdout)
    assert found["reason"] == "the guest powered off"
    lines = thaw(state_file, "--events", "-").stdout_bytes.splitlines()
    assert len(list(parse_events(lines, "-"))) == len(lines) > 100


def test_a_later_host_clock_moves_the_guest_s_time(state_file: Path) -> None:
    hour = 96_000_000 * 3600
    result = thaw(state_file, "--host-clock", hour, "--max-insns", 5)
    assert "3600000.0000" in result.output


def test_a_plan_from_a_file_is_carried_out(state_file: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(RESTORE_PLAN.without("notify-generation-id").to_toml(), "utf-8")
    result = thaw(state_file, "--plan", plan)
    assert result.exit_code == 0
    assert "47  VMGenID" not in result.output


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"\xff\xfe", "plan.toml: "),
        (b"step = 1", "plan.toml: "),
        (b"[[step]]\nname = 'no-such-step'\n", "no-such-step"),
    ],
)
def test_a_bad_plan_is_refused(
    content: bytes, named: str, state_file: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_bytes(content)
    assert named in refused(thaw(state_file, "--plan", plan))


def test_a_missing_memory_file_is_refused(state_file: Path) -> None:
    state_file.with_suffix(".mem").unlink()
    assert "guest.mem" in refused(thaw(state_file))


@pytest.mark.parametrize("change", [-1, 1, -(8 << 20)])
def test_a_memory_file_of_the_wrong_size_is_refused(change: int, state_file: Path) -> None:
    memory = state_file.with_suffix(".mem")
    data = memory.read_bytes()
    memory.write_bytes((data + bytes(1))[: len(data) + change])
    message = refused(thaw(state_file))
    assert str(len(data) + change) in message
    assert str(len(data)) in message


def test_a_memory_file_elsewhere_is_taken(state_file: Path, tmp_path: Path) -> None:
    moved = state_file.with_suffix(".mem").rename(tmp_path / "elsewhere")
    assert thaw(state_file, "--memory", moved).exit_code == 0


def test_a_state_of_a_real_squib_is_refused_for_what_is_not_modelled(tmp_path: Path) -> None:
    memory = tmp_path / "golden.mem"
    memory.write_bytes(b"")
    golden = next(GOLDEN.glob("13-*.snap"))
    refused(thaw(golden, "--memory", memory, "--gic", "reset"))


def test_a_damaged_state_file_is_refused(state_file: Path) -> None:
    data = bytearray(state_file.read_bytes())
    data[100] ^= 1
    state_file.write_bytes(data)
    assert "guest.snap: the CRC-64" in refused(thaw(state_file))
