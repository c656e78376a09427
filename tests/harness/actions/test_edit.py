"""`edit`: a new file with the values that were asked for, or none at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from emu.formats import squib
from tests.harness.command_line import REALISTIC, invoke

DATA = REALISTIC.read_bytes()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A path to write to, in a folder with nothing else in it."""
    return tmp_path / "out.snap"


def run(output: Path, *arguments: str, file: Path = REALISTIC) -> Result:
    return invoke("edit", file, *arguments, "-o", output)


def test_a_file_is_written_with_the_changes_and_a_checksum(output: Path) -> None:
    result = run(
        output,
        "vcpu_states[0].sys_regs.SCTLR_EL1:M=0",
        "data.vm_info.boot_args=console=ttyS0",
        "--delete",
        "vcpu_states[0].sys_regs[2]",
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == [
        "~ data.vm_info.boot_args",
        "~ data.vcpu_states[0].sys_regs.SCTLR_EL1",
        "- data.vcpu_states[0].sys_regs.TTBR0_EL1",
    ]
    expected = squib.FORMAT.decode(DATA)
    expected.data.vm_info.boot_args = "console=ttyS0"
    expected.data.vcpu_states[0].sys_regs[1] &= ~1
    del expected.data.vcpu_states[0].sys_regs[2]
    assert squib.FORMAT.load(output.read_bytes()) == expected


def test_without_a_change_the_file_is_the_same(output: Path) -> None:
    result = run(output)
    assert (result.exit_code, result.output) == (0, "")
    assert output.read_bytes() == DATA


def test_a_file_can_be_edited_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a.snap"
    path.write_bytes(DATA)
    assert run(path, "vm_info.mem_size_mib=256", file=path).exit_code == 0
    assert squib.FORMAT.load(path.read_bytes()).data.vm_info.mem_size_mib == 256


def test_json_has_what_has_changed(output: Path) -> None:
    data = json.loads(run(output, "vm_info.smt=true", "--json").stdout)
    assert data["format"] == "squib-0.2"
    (difference,) = data["differences"]
    assert (difference["path"], difference["new"]) == ("data.vm_info.smt", True)


@pytest.mark.parametrize(
    ("assignment", "why"),
    [
        ("gic_state.len=9", "data.gic_state.len is 9"),
        ("vm_info.smt=true", "data.vm_info.smt is true"),
        ("header.magic=0", "header.magic is"),
        ("header.version=6.0.0", "header.version is '6.0.0'"),
    ],
)
def test_what_the_loader_would_refuse_is_written_with_a_warning(
    assignment: str, why: str, output: Path
) -> None:
    result = run(output, assignment)
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"thawbench: warning: {output}: squib-0.2 refuses this file: ")
    assert why in line
    assert squib.FORMAT.decode(output.read_bytes()) != squib.FORMAT.decode(DATA)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("vm_info.smt=maybe",), "data.vm_info.smt: found 'maybe', expected true or false"),
        (("vm_info.smt=true", "vm_info.size=1"), "vm_info has no size"),
        (("vm_info.smt",), "'vm_info.smt' is no assignment"),
        (("--delete", "vm_info"), "data.vm_info: can't be removed"),
        (("vm_info.mem_size_mib=-1",), "found -1, expected u64, 0 to 18446744073709551615"),
        (("--as", "squib-9"), "'squib-9' is not a known format"),
    ],
)
def test_an_error_is_one_line_and_nothing_is_written(
    arguments: tuple[str, ...], message: str, output: Path
) -> None:
    result = run(output, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"thawbench: error: {REALISTIC}: ")
    assert message in line
    assert list(output.parent.iterdir()) == []


def test_an_error_leaves_the_file_that_was_there(output: Path) -> None:
    output.write_bytes(b"as it was")
    assert run(output, "vm_info.smt=true", "vm_info.mem_size_mib=x").exit_code == 2
    assert output.read_bytes() == b"as it was"


def test_a_damaged_file_is_not_edited(tmp_path: Path, output: Path) -> None:
    path = tmp_path / "bad.snap"
    path.write_bytes(DATA[:-1] + b"\0")
    result = run(output, file=path)
    assert result.exit_code == 2
    assert "bad.snap" in result.stderr
    assert not output.exists()
