"""`thawbench verify`: the verdict, why, and an exit status that a script can go by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from emu.formats import envelope, registry
from emu.formats.envelope import MAGIC_AARCH64, MAGIC_X86_64
from harness import data
from harness.states import realistic_state
from tests.harness.command_line import invoke

FORMATS = [known.id for known in registry.BUILT_IN]


def verify(*arguments: str | Path) -> Result:
    return invoke("verify", *arguments)


def reported(*arguments: str | Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(verify(*arguments, "--json").stdout)
    return found


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "two-vcpus.snap"
    path.write_bytes(data.read(data.FIRECRACKER_SNAPSHOT))
    return path


@pytest.mark.parametrize("format_id", FORMATS)
def test_a_file_is_accepted_by_the_release_that_its_bytes_tell(
    format_id: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.snap"
    path.write_bytes(registry.get(format_id).encode(realistic_state(format_id, vcpus=1)))
    result = verify(path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"accepted by {format_id} (" in result.stdout


@pytest.mark.parametrize("format_id", FORMATS)
def test_the_loader_of_every_other_release_is_asked_by_as(format_id: str, sample: Path) -> None:
    accepts = format_id == "firecracker-1.16"
    result = verify(sample, "--as", format_id)
    assert result.exit_code == (0 if accepts else 1)
    found = reported(sample, "--as", format_id)
    assert (found["format"], found["accepted"]) == (format_id, accepts)
    assert (found["message"] is None) == accepts


def test_an_alias_names_a_release(sample: Path) -> None:
    assert reported(sample, "--as", "firecracker-1.10.1")["format"] == "firecracker-1.10"


def test_the_checks_are_listed_up_to_the_one_that_failed(sample: Path) -> None:
    lines = verify(sample, "--as", "firecracker-1.14", "--checks").stdout.splitlines()
    marks = [line.split()[0] for line in lines[1:-1]]
    assert marks == ["passed", "failed", *["not"] * (len(marks) - 2)]


def test_a_file_of_two_formats_says_so(tmp_path: Path) -> None:
    """v1.9 and v1.10.0 differ in network devices only."""
    state = realistic_state("firecracker-1.10.0", vcpus=1, devices={"block": 1})
    path = tmp_path / "a.snap"
    path.write_bytes(registry.get("firecracker-1.10.0").encode(state))
    assert "may as well be of firecracker-1.9" in verify(path).stdout
    assert reported(path)["also"] == ["firecracker-1.9"]
    dumped = invoke("dump", path)
    assert "may as well be of firecracker-1.9" in dumped.stderr
    assert dumped.exit_code == 0


def test_a_wrong_checksum_is_a_rejection_that_names_the_loaders_error(sample: Path) -> None:
    content = bytearray(sample.read_bytes())
    content[-1] ^= 1
    sample.write_bytes(content)
    assert verify(sample).exit_code == 1
    found = reported(sample)
    assert (found["loader_error"], found["error"]) == ("SnapshotError::Crc64", "CrcError")


def test_a_file_of_another_architecture_is_rejected_by_its_magic(sample: Path) -> None:
    body = envelope.body(sample.read_bytes())
    aarch64, x86_64 = (magic.to_bytes(8, "little") for magic in (MAGIC_AARCH64, MAGIC_X86_64))
    sample.write_bytes(envelope.seal(body.replace(aarch64, x86_64, 1)))
    assert reported(sample)["loader_error"] == "SnapshotError::InvalidMagic"
    dumped = invoke("dump", sample)
    assert dumped.exit_code == 2
    assert "x86_64" in dumped.stderr


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_what_can_not_be_judged_is_no_verdict(arguments: list[str], tmp_path: Path) -> None:
    """Exit status 2, one line on stderr, nothing on stdout."""
    unknown = tmp_path / "unknown"
    unknown.write_bytes(b"not a state file at all")
    for path in (unknown, tmp_path / "missing", tmp_path):
        result = verify(path, *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert len(result.stderr.splitlines()) == 1
    assert verify(unknown, "--as", "firecracker-1.9").exit_code == 1
    assert verify(unknown, "--as", "firecracker-7").exit_code == 2
