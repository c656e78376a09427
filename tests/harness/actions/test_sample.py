"""`thawbench sample` writes a file that the release's loader accepts, of the machine asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emu.formats import registry
from harness.cli import main


def sample(output: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["sample", *arguments, "-o", str(output)])


@pytest.mark.parametrize("format_id", [known.id for known in registry.BUILT_IN])
def test_a_sample_is_accepted_by_its_release(format_id: str, tmp_path: Path) -> None:
    path = tmp_path / "a.snap"
    result = sample(path, "--format", format_id, "--vcpus", "3", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["size_bytes"] == path.stat().st_size
    known = registry.get(format_id)
    assert known.verdict(path.read_bytes()).accepted
    assert len(known.decode(path.read_bytes()).data.vcpu_states) == 3


def test_options_change_the_file_and_the_seed_repeats_it(tmp_path: Path) -> None:
    plain = ["--format", "firecracker-1.16"]
    more = ["--transport pci", "--host-kernel 6.18", "--cpu neoverse-v2", "--seed 1"]
    files = []
    for number, option in enumerate(["", "", *more]):
        path = tmp_path / str(number)
        assert sample(path, *plain, *option.split()).exit_code == 0
        files.append(path.read_bytes())
    assert files[0] == files[1]
    assert len(set(files)) == len(files) - 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "firecracker-9"], "'firecracker-9' is not a known format"),
        (["--format", "firecracker-1.9", "--transport", "pci"], "PCI"),
        (["--format", "firecracker-1.9", "--memory-mib", "1"], "64"),
    ],
)
def test_what_can_not_be_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = sample(tmp_path / "a", *arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert message in line
    assert not (tmp_path / "a").exists()
