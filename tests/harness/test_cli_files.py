"""The commands on files: exact output, and one line and exit status 2 for whatever is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emu.formats import envelope
from harness import data
from harness.cli import main

GOLDEN = Path(__file__).parents[1] / "golden" / "squib-0.2"
STATE_FILES = sorted(GOLDEN.glob("*.snap"))
REALISTIC = GOLDEN / "14-realistic-two-vcpus-mmds.snap"
LOADABLE = {"04", "13", "14", "15"}
RUN = "from harness.cli import main; main()"


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def assert_fails(result: Result, message: str) -> None:
    """One line on stderr that says `message`, exit status 2, and no traceback."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("thawbench: error: ")
    assert message in line


# --- dump and build --------------------------------------------------------------------------


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_what_dump_prints_build_makes_the_same_file_of(path: Path, tmp_path: Path) -> None:
    dumped = run("dump", path)
    assert (dumped.exit_code, dumped.stderr) == (0, "")
    output = tmp_path / "built.snap"
    built = run("build", "-", "-o", output, stdin=dumped.stdout_bytes)
    assert (built.exit_code, built.output) == (0, "")
    assert output.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("path", STATE_FILES[:12], ids=lambda path: path.stem)
def test_dump_prints_what_serde_json_does(path: Path) -> None:
    """Files 1 to 12 have their JSON from serde_json itself, byte for byte."""
    assert run("dump", path).stdout_bytes == path.with_suffix(".json").read_bytes()


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_build_makes_a_golden_file_of_its_json(path: Path, tmp_path: Path) -> None:
    output = tmp_path / "built.snap"
    assert run("build", path.with_suffix(".json"), "--output", output).exit_code == 0
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
    assert_fails(run("build", "-", "-o", output, stdin=text), message)
    assert {path.name for path in tmp_path.iterdir()} == {"built.snap"}
    assert output.read_bytes() == b"as it was"


def test_build_refuses_text_that_utf8_can_not_hold(tmp_path: Path) -> None:
    text = (GOLDEN / "01-empty.json").read_bytes()
    text = text.replace(b'"boot_args":""', rb'"boot_args":"\ud800"')
    assert_fails(run("build", "-", "-o", tmp_path / "a", stdin=text), "boot_args")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_build_leaves_no_half_written_file(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    result = run("build", GOLDEN / "01-empty.json", "-o", tmp_path / "built.snap")
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
    assert_fails(run("dump", path), message)


@pytest.mark.parametrize("command", [["describe"], ["dump"], ["build", "-o", "unused"]])
def test_a_file_that_can_not_be_read_is_named(command: list[str], tmp_path: Path) -> None:
    assert_fails(run(*command, tmp_path / "absent"), "absent: ")
    assert_fails(run(*command, tmp_path), f"{tmp_path.name}: ")


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    value = GOLDEN / "01-empty.json"
    assert_fails(run("build", value, "-o", tmp_path), f"{tmp_path.name}: ")
    assert_fails(run("build", value, "-o", tmp_path / "absent" / "vm.snap"), "absent")


def test_a_file_name_can_not_break_the_line(tmp_path: Path) -> None:
    assert_fails(run("dump", f"{tmp_path}/a\nb"), r"a\nb: ")


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


@pytest.mark.parametrize("command", ["describe", "dump"])
def test_a_reader_that_goes_away_is_no_error_message(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-c", RUN, command, str(REALISTIC)],
            stdout=pipe, stderr=subprocess.PIPE, check=False, timeout=60,
        )  # fmt: skip
    assert done.stderr == b""


# --- what comes along ------------------------------------------------------------------------


def test_the_snapshot_of_the_demonstration_is_the_golden_file() -> None:
    assert data.read(data.DEMO_SNAPSHOT) == REALISTIC.read_bytes()


def test_the_version_is_told() -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("thawbench ")
