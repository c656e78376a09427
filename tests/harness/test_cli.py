"""The commands on files: exact output, and one line and exit status 2 for whatever is wrong."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, NoReturn

import pytest

from emu.formats import envelope
from harness import data
from tests.harness.command_line import GOLDEN, REALISTIC, STATE_FILES, assert_fails, invoke

RUN = "from harness.cli import main; main()"


# --- dump and build --------------------------------------------------------------------------


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_what_dump_prints_build_makes_the_same_file_of(path: Path, tmp_path: Path) -> None:
    dumped = invoke("dump", path)
    assert (dumped.exit_code, dumped.stderr) == (0, "")
    output = tmp_path / "built.snap"
    built = invoke("build", "-", "-o", output, stdin=dumped.stdout_bytes)
    assert (built.exit_code, built.output) == (0, "")
    assert output.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("path", STATE_FILES[:12], ids=lambda path: path.stem)
def test_dump_prints_what_serde_json_does(path: Path) -> None:
    """Files 1 to 12 have their JSON from serde_json itself, byte for byte."""
    assert invoke("dump", path).stdout_bytes == path.with_suffix(".json").read_bytes()


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_build_makes_a_golden_file_of_its_json(path: Path, tmp_path: Path) -> None:
    output = tmp_path / "built.snap"
    assert invoke("build", path.with_suffix(".json"), "--output", output).exit_code == 0
    assert output.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe{\0}\0", "byte 0 is not UTF-8"),
        (b"{}", "'header'"),
        (b'{"header":{"magic":-1,"version":"5.0.0"},"data":{}}', "header.magic"),
        (b'{"header":{"magic":1,"version":"5"},"data":{}}', "header.version"),
        (b'{"header":{"magic":1,"version":"5.0.0","more":0},"data":{}}', "'more'"),
    ],
)
def test_build_refuses_what_is_no_value(text: bytes, message: str, tmp_path: Path) -> None:
    output = tmp_path / "built.snap"
    output.write_bytes(b"as it was")
    assert_fails(invoke("build", "-", "-o", output, stdin=text), message)
    assert {path.name for path in tmp_path.iterdir()} == {"built.snap"}
    assert output.read_bytes() == b"as it was"


def test_build_refuses_text_that_utf8_can_not_hold(tmp_path: Path) -> None:
    text = (GOLDEN / "01-empty.json").read_bytes()
    text = text.replace(b'"boot_args":""', rb'"boot_args":"\ud800"')
    assert_fails(invoke("build", "-", "-o", tmp_path / "a", stdin=text), "boot_args")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_build_leaves_no_half_written_file(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    result = invoke("build", GOLDEN / "01-empty.json", "-o", tmp_path / "built.snap")
    assert_fails(result, "No space left on device")
    assert list(tmp_path.iterdir()) == []


# --- bad input -------------------------------------------------------------------------------


def flip_last_bit(file: bytes) -> bytes:
    return file[:-1] + bytes([file[-1] ^ 1])


def another_schema(_: bytes) -> bytes:
    return envelope.seal(bytes.fromhex("00 0000aaaa84191007 05") + b"9.0.0" + bytes(90))


BAD_FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda file: b"", "has 0 bytes"),
    "short": (lambda file: file[:7], "has 7 bytes"),
    "cut off": (lambda file: file[:100], "CRC-64"),
    "flipped bit": (flip_last_bit, "CRC-64"),
    "too large": (lambda file: file + bytes(10_000_000), "larger than 10,000,000 bytes"),
    "another schema": (another_schema, "version 9.0.0"),
    "random": (lambda file: bytes(range(256)), "does not begin with the header"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_line_and_exit_status_2(name: str, tmp_path: Path) -> None:
    spoil, message = BAD_FILES[name]
    path = tmp_path / "bad.snap"
    path.write_bytes(spoil(REALISTIC.read_bytes()))
    assert_fails(invoke("dump", path), message)


@pytest.mark.parametrize("command", [["describe"], ["dump"], ["build", "-o", "unused"]])
def test_a_file_that_can_not_be_read_is_named(command: list[str], tmp_path: Path) -> None:
    assert_fails(invoke(*command, tmp_path / "absent"), "absent: ")
    assert_fails(invoke(*command, tmp_path), f"{tmp_path.name}: ")


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    value = GOLDEN / "01-empty.json"
    assert_fails(invoke("build", value, "-o", tmp_path), f"{tmp_path.name}: ")
    assert_fails(invoke("build", value, "-o", tmp_path / "absent" / "vm.snap"), "absent")


def test_a_file_name_can_not_break_the_line(tmp_path: Path) -> None:
    assert_fails(invoke("dump", f"{tmp_path}/a\nb"), r"a\nb: ")


# --- the real process ------------------------------------------------------------------------


def execute(*arguments: str | Path, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments)],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_the_process_exits_with_2_and_prints_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "bad.snap"
    path.write_bytes(b"")
    done = execute("describe", path)
    assert done.returncode == 2
    assert done.stderr.startswith(b"thawbench: error: ")
    assert done.stderr.count(b"\n") == 1


def test_output_is_utf8_whatever_the_locale() -> None:
    done = execute("describe", GOLDEN / "09-non-ascii.snap", encoding="cp1252")
    assert "/kern/ñandú/内核.bin" in done.stdout.decode("utf-8")


def test_text_has_no_colours_where_there_is_no_terminal() -> None:
    assert b"\x1b" not in execute("describe", REALISTIC).stdout


@pytest.mark.parametrize("columns", ["0", "1", "20"])
@pytest.mark.parametrize("command", [["describe", str(REALISTIC)], ["formats"]])
def test_a_narrow_terminal_breaks_no_line(
    command: list[str], columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    wide = invoke(*command).stdout
    monkeypatch.setenv("COLUMNS", columns)
    assert invoke(*command).stdout == wide != ""


READER_GONE = 128 + 13
PRINTING = [["--version"], ["formats"], ["verify", str(REALISTIC)], ["dump", str(REALISTIC)]]


def execute_to(stdout: IO[bytes], command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", RUN, *command],
        stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="this system has no SIGPIPE")
@pytest.mark.parametrize("command", PRINTING, ids=lambda command: command[0])
def test_a_reader_that_goes_away_is_no_error_message_and_no_no(command: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as pipe:
        done = execute_to(pipe, command)
    assert (done.returncode, done.stderr) == (READER_GONE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("command", PRINTING, ids=lambda command: command[0])
def test_a_full_disk_behind_stdout_is_one_line_and_exit_status_2(command: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = execute_to(full, command)
    assert done.returncode == 2
    assert done.stderr == b"thawbench: error: No space left on device\n"


def test_without_a_stdout_there_is_still_a_verdict() -> None:
    program = f"import sys; sys.stdout = None; {RUN}"
    for name, status in (("14-realistic-two-vcpus-mmds", 0), ("01-empty", 1)):
        command = [sys.executable, "-c", program, "verify", str(GOLDEN / f"{name}.snap")]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (status, b"")


def test_without_a_stdin_there_is_no_value_to_build(tmp_path: Path) -> None:
    program = f"import sys; sys.stdin = None; {RUN}"
    command = [sys.executable, "-c", program, "build", "-", "-o", str(tmp_path / "a")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr == b"thawbench: error: -: there is no standard input; name a file\n"


def test_an_interrupt_is_no_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(envelope, "read_file", interrupt)
    result = invoke("verify", REALISTIC)
    assert (result.exit_code, result.output) == (128 + 2, "")


def test_an_error_of_the_disk_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(envelope, "read_file", fail)
    assert_fails(invoke("verify", REALISTIC), f"{REALISTIC.name}: Input/output error")


# --- what comes along ------------------------------------------------------------------------


def test_the_snapshot_of_the_demonstration_is_the_golden_file() -> None:
    assert data.read(data.DEMO_SNAPSHOT) == REALISTIC.read_bytes()


def test_the_version_is_told() -> None:
    result = invoke("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("thawbench ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dump"], "Missing argument 'FILE' (see `main dump --help`)"),
        (["dump", "--fast", "a"], "(see `main dump --help`)"),
        (["memory", "info"], "(see `main memory info --help`)"),
        (["explode"], "No such command 'explode' (see `main --help`)"),
    ],
)
def test_what_is_no_command_line_is_one_line_too(arguments: list[str], message: str) -> None:
    assert_fails(invoke(*arguments), message)


@pytest.mark.parametrize("arguments", [[], ["memory"]])
def test_a_command_line_without_a_command_shows_what_there_is(arguments: list[str]) -> None:
    shown = invoke(*arguments)
    assert shown.exit_code in {0, 2}  # older releases of click take it for a wish, newer for none
    assert "Commands:\n" in shown.output
