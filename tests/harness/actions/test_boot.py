"""`thawbench boot` runs a kernel to its end, and tells how it ended if that was no good one."""

from __future__ import annotations

import gzip
import json
import re
import struct
from pathlib import Path

import pytest

import firmware
from emu.machine import Machine
from harness.event_lines import parse_events, read_events
from harness.guests import boot_guest
from tests import a64
from tests.harness.actions.booting import boot
from tests.harness.command_line import invoke
from tests.harness.kernel_image import (
    CODE,
    ECHO,
    SYSTEM_OFF,
    SYSTEM_RESET,
    TO_NOWHERE,
    TWO_SPIN,
    VECTORS_AT_IMAGE,
    kernel_file,
)

SPIN = f"{CODE:#x}: 14000000 b #{CODE:#x}"


# --- how it ends --------------------------------------------------------------------------------


def test_a_guest_that_powers_off_is_success_with_its_console_on_stdout() -> None:
    result = boot("--guest", "heartbeat")
    assert result.exit_code == 0
    assert result.stdout.startswith("heartbeat\nfdt: at ")
    assert result.stdout.endswith("tick 12\nbye\n")
    assert re.search(
        r"the guest powered off, after [\d,]+ instructions, at 12\.\d{4} ms", result.stderr
    )
    assert boot("--guest", "heartbeat").output == result.output


def test_a_kernel_from_a_file_is_the_same_kernel(tmp_path: Path) -> None:
    path = tmp_path / "Image"
    path.write_bytes(firmware.load("heartbeat").image)
    assert boot("--kernel", path).stdout == boot("--guest", "heartbeat").stdout


def test_a_compressed_kernel_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(gzip.compress(firmware.load("heartbeat").image))
    assert boot("--kernel", path).stdout == boot("--guest", "heartbeat").stdout


def test_a_flat_program_is_executed_from_its_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "selftest.flat"
    path.write_bytes(struct.pack("<16I", *SYSTEM_OFF, *[a64.B_SELF] * 13))
    result = boot("--kernel", path, "--max-insns", 9)
    assert result.exit_code == 0
    assert f"{path}: a flat program, as it has no kernel's header" in result.stderr


def test_the_seed_is_told_before_the_guest_begins(tmp_path: Path) -> None:
    """So that a run that dies can be repeated."""
    path = kernel_file(tmp_path, a64.B_SELF)
    stderr = invoke("boot", "--memory", 8, "--kernel", path, "--max-insns", 1).stderr
    drawn = re.match(
        r"thawbench: note: entropy seed: (\w{32}) \(repeat with --entropy \1\)", stderr
    )
    assert drawn is not None


@pytest.mark.parametrize(
    ("budget", "reason", "end"),
    [
        (("--max-insns", 5_000), "the instruction limit is reached", "after 5,000 instructions"),
        (("--max-time", "0.001"), "the time limit is reached", "at 1.0000 ms of virtual time"),
    ],
)
def test_a_guest_that_spins_for_ever_is_ended_with_a_report(
    budget: tuple[object, ...], reason: str, end: str, tmp_path: Path
) -> None:
    result = boot("--kernel", kernel_file(tmp_path, a64.B_SELF), *budget)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"\nstopped: {reason}\n" in result.stderr
    assert end in result.stderr
    assert f"=> {SPIN}" in result.stderr
    assert "vCPU 0: On, EL1" in result.stderr


def test_a_guest_that_branches_to_nowhere_is_dead_with_a_report(tmp_path: Path) -> None:
    result = boot("--kernel", kernel_file(tmp_path, *TO_NOWHERE))
    assert result.exit_code == 1
    assert re.search(r"^stopped: the guest ", result.stderr, re.M)
    assert re.search(r"^  PC 0x70000\d00$", result.stderr, re.M)
    assert re.search(r"=> 0x70000\d00: can't be read", result.stderr)
    assert "X1 0000000070000000" in result.stderr


def test_a_guest_in_a_loop_of_exceptions_is_reported_with_the_last_ones(tmp_path: Path) -> None:
    """Its vector is an SVC, at 0x200 from VBAR_EL1."""
    padding = [a64.NOP] * ((0x200 - 64) // 4 - len(VECTORS_AT_IMAGE) - 1)
    path = kernel_file(tmp_path, *VECTORS_AT_IMAGE, a64.svc(1), *padding, a64.svc(2))
    result = boot("--kernel", path, "--max-insns", 1_000)
    assert result.exit_code == 1
    assert result.stderr.count("vCPU 0: SVC (imm16=2), return to 0x80200204") == 16
    assert "ESR_EL1        0x56000002 SVC (imm16=2)" in result.stderr


def test_a_guest_that_waits_for_ever_is_reported(tmp_path: Path) -> None:
    result = boot("--kernel", kernel_file(tmp_path, a64.WFI))
    assert result.exit_code == 1
    assert "stopped: every vCPU waits, and nothing will wake it" in result.stderr
    assert "vCPU 0: On, EL1, waits in a WFI" in result.stderr


def test_a_guest_that_resets_the_machine_has_not_ended_well(tmp_path: Path) -> None:
    result = boot("--kernel", kernel_file(tmp_path, *SYSTEM_RESET))
    assert result.exit_code == 1
    assert "stopped: the guest reset the system" in result.stderr


def test_an_interrupt_by_the_user_is_reported_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Machine, "run", interrupted)
    result = boot("--kernel", kernel_file(tmp_path, a64.B_SELF))
    assert result.exit_code == 128 + 2
    assert "stopped: the user interrupted it" in result.stderr


# --- what is recorded ---------------------------------------------------------------------------


def test_events_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert boot("--guest", "heartbeat", "--events", tmp_path / name).exit_code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert len(list(read_events(tmp_path / "a"))) > 500


def test_events_on_stdout_are_alone_there(tmp_path: Path) -> None:
    result = boot("--guest", "heartbeat", "--events", "-")
    boot("--guest", "heartbeat", "--events", tmp_path / "file")
    assert list(parse_events(result.stdout_bytes.splitlines(), "-"))
    assert result.stdout_bytes == (tmp_path / "file").read_bytes()


def test_a_trace_has_every_instruction_and_changes_nothing(tmp_path: Path) -> None:
    plain = boot("--guest", "heartbeat", "--events", tmp_path / "plain")
    traced = boot(
        "--guest", "heartbeat", "--events", tmp_path / "traced", "--trace", tmp_path / "trace"
    )
    assert traced.output == plain.output
    assert (tmp_path / "traced").read_bytes() == (tmp_path / "plain").read_bytes()
    lines = (tmp_path / "trace").read_text("utf-8").splitlines()
    instructions = [line for line in lines if " EL1 0x" in line]
    with boot_guest("heartbeat") as machine:
        machine.run()
        assert len(instructions) == machine.instructions
    assert instructions[0].split(maxsplit=3) == [
        "1", "0", "EL1", "0x80200000 <image>: 14000010 b #0x80200040"
    ]  # fmt: skip
    events = (tmp_path / "plain").read_bytes().splitlines()
    assert len(lines) == len(instructions) + len(events)


def test_a_trace_without_a_file_is_on_stdout() -> None:
    result = boot("--guest", "heartbeat", "--max-insns", 3, "--trace")
    assert len(result.stdout.splitlines()) == 3


def test_a_trace_may_begin_late(tmp_path: Path) -> None:
    """In the middle of a wait as well: the first instruction behind it has its time."""
    boot("--guest", "heartbeat", "--trace", tmp_path / "all")
    boot("--guest", "heartbeat", "--trace", tmp_path / "late", "--trace-from", 1_000_000)
    lines = (tmp_path / "all").read_text("utf-8").splitlines()
    late = [line for line in lines if int(line.split()[0]) > 1_000_000]
    assert (tmp_path / "late").read_text("utf-8").splitlines() == late
    assert 0 < len(late) < len(lines)


def test_the_end_of_the_trace_is_in_the_report(tmp_path: Path) -> None:
    result = boot(
        "--kernel", kernel_file(tmp_path, a64.svc(1)), "--max-insns", 1, "--trace-last", 5
    )
    end = result.stderr.split("the end of the trace:\n")[1].splitlines()
    assert [line.split(maxsplit=1)[1] for line in end] == [
        "0 EL1 0x80200000: 14000010 b #0x80200040"
    ]


def test_symbols_from_a_file_are_in_report_and_trace(tmp_path: Path) -> None:
    names = tmp_path / "System.map"
    names.write_text(f"{CODE:016x} T spin\n")
    result = boot(
        "--kernel", kernel_file(tmp_path, a64.B_SELF), "--symbols", names, "--max-insns", 9,
        "--trace-last", 1,
    )  # fmt: skip
    assert f"PC {CODE:#x} <spin>" in result.stderr
    assert f"9 0 EL1 {CODE:#x} <spin>: 14000000" in result.stderr


def test_the_report_as_json_is_alone_on_stdout(tmp_path: Path) -> None:
    path = kernel_file(tmp_path, *VECTORS_AT_IMAGE, a64.svc(1))
    result = boot("--kernel", path, "--max-insns", 4, "--json", "--trace-last", 9)
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["reason"] == "the instruction limit is reached"
    assert (found["cycles"], found["instructions"]) == (4, 4)
    vcpu = found["vcpus"][0]
    assert vcpu["sys_regs"]["ESR_EL1"] == 0x5600_0001
    assert found["exceptions"][0]["event"] == "exception-taken"
    assert len(found["trace"]) == 5
    assert "stopped" not in result.stderr


def test_a_good_end_as_json_is_told_too() -> None:
    result = boot("--guest", "heartbeat", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["reason"] == "the guest powered off"
    assert found["console"].endswith("bye\n")
    codes = {code["symbol"]: code["instruction"] for code in found["vcpus"][0]["code"]}
    assert any(name.startswith("power_off") for name in codes)
    assert "hvc #0" in codes.values()


# --- several vCPUs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "turns"),
    [
        (("--quantum", 3), "000000111000111"),
        (("--schedule", "0:7,1:2,0:1", "--quantum", 2), "000000011011001"),
    ],
)
def test_a_schedule_says_which_vcpu_runs_when(
    schedule: tuple[object, ...], turns: str, tmp_path: Path
) -> None:
    path = kernel_file(tmp_path, *TWO_SPIN)
    result = boot("--kernel", path, "--vcpus", 2, *schedule, "--max-insns", 15, "--trace")
    executed = [line.split()[1] for line in result.stdout.splitlines() if " EL1 0x" in line]
    assert "".join(executed) == turns
    assert f"vCPU 1: On, EL1\n  PC {CODE + 24:#x}" in result.stderr


def test_a_shuffled_schedule_is_repeated_by_its_seed(tmp_path: Path) -> None:
    path = kernel_file(tmp_path, *TWO_SPIN)

    def trace(seed: int) -> str:
        schedule = ("--schedule", f"shuffled:{seed}", "--quantum", 5)
        limits = ("--vcpus", 2, "--max-insns", 200)
        return boot("--kernel", path, *limits, *schedule, "--trace").stdout

    assert trace(1) == trace(1) != trace(2)


@pytest.mark.parametrize(("model", "midr"), [("max", 0x000F_0510), ("cortex-a72", 0x410F_D083)])
def test_a_cpu_model_says_what_the_guest_is_told(model: str, midr: int, tmp_path: Path) -> None:
    path = kernel_file(tmp_path, a64.mrs(5, "MIDR_EL1"), a64.B_SELF)
    result = boot("--kernel", path, "--cpu", model, "--max-insns", 5)
    assert f"X5 {midr:016x}" in result.stderr


def test_a_vcpu_that_was_never_on_is_told_so(tmp_path: Path) -> None:
    path = kernel_file(tmp_path, a64.B_SELF)
    result = boot("--kernel", path, "--vcpus", 2, "--max-insns", 9)
    assert "\nvCPU 1: Off\n" in result.stderr


# --- input --------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["file", "-"])
def test_input_reaches_the_guest_whole(source: str, tmp_path: Path) -> None:
    text = bytes(range(1, 128)) * 2
    (tmp_path / "file").write_bytes(text)
    given = "-" if source == "-" else tmp_path / "file"
    result = boot("--kernel", kernel_file(tmp_path, *ECHO), "--input", given, stdin=text)
    assert result.exit_code == 0
    assert result.stdout_bytes == text
