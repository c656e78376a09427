"""`diff`: one line a difference, and an exit status that says whether there is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from emu.formats import registry, squib
from tests.harness.command_line import GOLDEN, REALISTIC, STATE_FILES, assert_fails, invoke
from tests.plainest import plainest_snapshot

PAGE = 4096


def run(*arguments: str | Path) -> Result:
    return invoke("diff", *arguments)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Callable[[squib.MicrovmState], None]], Path]:
    """A function that gives a copy of the realistic file with a change to its state."""

    def copy(change: Callable[[squib.MicrovmState], None]) -> Path:
        snapshot = squib.FORMAT.decode(REALISTIC.read_bytes())
        change(snapshot.data)
        path = tmp_path / "changed.snap"
        path.write_bytes(squib.FORMAT.encode(snapshot))
        return path

    return copy


def change_much(state: squib.MicrovmState) -> None:
    state.vm_info.boot_args = "a\x1b[31m\n"
    state.vcpu_states[0].regs.pstate = 0x6040_0000
    state.vcpu_states[0].sys_regs[1] ^= 1
    del state.vcpu_states[0].sys_regs[2]
    state.vcpu_states[1].sys_regs[99] = 1
    state.device_states.devices[1].blob = state.device_states.devices[1].blob[:-1]
    state.mmds_state = None


Changed = Callable[[Callable[[squib.MicrovmState], None]], Path]


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_a_file_does_not_differ_from_itself(path: Path) -> None:
    result = run(path, path)
    assert (result.exit_code, result.output) == (0, "")


def test_each_difference_is_a_line_with_path_and_values(changed: Changed) -> None:
    result = run(REALISTIC, changed(change_much))
    assert (result.exit_code, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "~ data.vm_info.boot_args",
        "~ data.vcpu_states[0].regs.pstate",
        "~ data.vcpu_states[0].sys_regs.SCTLR_EL1",
        "- data.vcpu_states[0].sys_regs.TTBR0_EL1",
        "+ data.vcpu_states[1].sys_regs[99]",
        "~ data.device_states.devices[1].blob",
        "~ data.mmds_state",
    ]
    assert lines[0].endswith(r'"console=ttyAMA0 panic=1" -> "a\u001b[31m\n"')
    assert lines[1].endswith("0x60400005 -> 0x60400000  M EL1h -> EL0t")
    assert lines[2].endswith("  M 1 -> 0")
    assert "  140 -> 139 bytes, 0 differ, from 0x8b: " in lines[5]
    assert lines[5].endswith(" -> end")
    assert lines[6].endswith(" -> none")


def test_json_has_every_difference_with_its_values(changed: Changed) -> None:
    result = run(REALISTIC, changed(change_much), "--json")
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    assert data["a"] == {"file": str(REALISTIC), "format": "squib-0.2"}
    assert data["memory"] is None
    assert len(data["differences"]) == 7
    pstate = data["differences"][1]
    assert (pstate["kind"], pstate["old"], pstate["new"]) == ("changed", 0x6040_0005, 0x6040_0000)
    assert pstate["bits"] == [{"name": "M", "old": "EL1h", "new": "EL0t"}]
    assert data["differences"][5]["bytes"]["old_size_bytes"] == 140


def test_what_is_ignored_does_not_count(changed: Changed) -> None:
    new = changed(change_much)
    ignored = ["vm_info", "**.sys_regs[*]", "**.regs", "**.blob", "mmds_state"]
    options = [option for pattern in ignored for option in ("--ignore", pattern)]
    result = run(REALISTIC, new, *options)
    assert (result.exit_code, result.output) == (0, "")
    assert run(REALISTIC, new, *options[2:]).stdout.startswith("~ data.vm_info.boot_args  ")


def test_two_formats_are_named_and_compared_field_by_field(tmp_path: Path) -> None:
    old, new = registry.get("firecracker-1.14"), registry.get("firecracker-1.15")
    paths = tmp_path / "a", tmp_path / "b"
    for path, known in zip(paths, (old, new), strict=True):
        path.write_bytes(known.encode(plainest_snapshot(known)))
    result = run(*paths)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[:2] == [
        "formats: firecracker-1.14 and firecracker-1.15",
        '~ header.version  "8.0.0" -> "9.0.0"',
    ]
    assert any(
        line.startswith("+ data.device_states.acpi_state.vmclock  ")
        and line.endswith(" (no such field in the first format)")
        for line in lines
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((REALISTIC, "missing.snap"), "missing.snap: No such file"),
        ((GOLDEN / "README.md", REALISTIC), "README.md: "),
        ((REALISTIC, REALISTIC, "--ignore", "a b"), "'a b' is no path: at character 1"),
        ((REALISTIC, REALISTIC, "--ignore", "a:M"), "leave out the bit field"),
        ((REALISTIC, REALISTIC, "--as-a", "squib-9"), "'squib-9' is not a known format"),
    ],
)
def test_what_can_not_be_compared_is_one_line_on_stderr(
    arguments: tuple[str | Path, ...], message: str
) -> None:
    result = run(*arguments)
    assert_fails(result, message)
    assert result.stdout == ""


# --- memory ------------------------------------------------------------------------------------


@pytest.fixture
def memories(tmp_path: Path) -> tuple[Path, Path]:
    """Two memory files of eight pages that differ in pages 2, 3 and 7."""
    a, b = bytearray(8 * PAGE), bytearray(8 * PAGE)
    b[2 * PAGE] = b[3 * PAGE + 5] = b[8 * PAGE - 1] = 1
    paths = tmp_path / "a.mem", tmp_path / "b.mem"
    for path, data in zip(paths, (a, b), strict=True):
        path.write_bytes(data)
    return paths


def test_pages_that_differ_are_a_difference_with_their_addresses(
    memories: tuple[Path, Path],
) -> None:
    result = run(REALISTIC, REALISTIC, "--memory", *memories)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "~ memory 0x80002000  8,192 bytes, at 0x2000 in the file",
        "~ memory 0x80007000  4,096 bytes, at 0x7000 in the file",
        "3 pages of 4,096 bytes differ",
    ]


def test_pages_that_differ_are_in_the_json(memories: tuple[Path, Path]) -> None:
    data = json.loads(run(REALISTIC, REALISTIC, "--memory", *memories, "--json").stdout)
    assert data["differences"] == []
    assert data["memory"] == {
        "page_size_bytes": PAGE,
        "differing_pages": 3,
        "runs": [
            {"address": 0x8000_2000, "offset": 0x2000, "size_bytes": 2 * PAGE},
            {"address": 0x8000_7000, "offset": 0x7000, "size_bytes": PAGE},
        ],
    }


def test_equal_memory_is_no_difference(memories: tuple[Path, Path]) -> None:
    result = run(REALISTIC, REALISTIC, "--memory", memories[0], memories[0])
    assert (result.exit_code, result.output) == (0, "")


def test_memory_files_of_two_sizes_can_not_be_compared(
    memories: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "short.mem").write_bytes(bytes(PAGE))
    result = run(REALISTIC, REALISTIC, "--memory", memories[0], tmp_path / "short.mem")
    assert_fails(result, "only memory files of one size can be compared")
