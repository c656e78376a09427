"""`thawbench describe`: what is shown of good and of bad files, and its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from emu.formats import envelope, registry, squib, thawbench
from emu.formats.thawbench import GicBlob, InterruptBanks, VmGenIdBlob
from tests.harness.command_line import (
    GOLDEN,
    LOADABLE,
    REALISTIC,
    STATE_FILES,
    assert_fails,
    invoke,
)


def describe(*arguments: str | Path) -> Result:
    return invoke("describe", *arguments)


# --- good files --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_it_succeeds_on_exactly_the_files_that_squib_loads(path: Path) -> None:
    result = describe(path)
    assert "VM\n" in result.stdout
    if path.stem[:2] in LOADABLE:
        assert (result.exit_code, result.stderr) == (0, "")
    else:
        assert_fails(result, path.name)


def test_registers_are_shown_by_name_and_field() -> None:
    lines = describe(REALISTIC).stdout.splitlines()
    assert lines[0] == "format:      squib-0.2 (squib 0.2)"
    assert lines[1] == "version:     5.0.0, in bitcode"
    assert "  boot_args          console=ttyAMA0 panic=1" in lines
    assert "    ESR_EL1 0x56000000 EC=SVC IL=1 ISS=0" in lines
    assert any(line.startswith("  slot 1  virtio-net 'eth0'  140 bytes, opaque") for line in lines)


def test_registers_without_a_name_are_shown_by_their_key() -> None:
    lines = describe(GOLDEN / "11-many-sysregs.snap").stdout.splitlines()
    assert "    unknown 0 0x0" in lines
    assert f"    unknown 48 {48**2:#x}" in lines


def test_what_this_project_wrote_is_shown_decoded(tmp_path: Path) -> None:
    value = squib.load(REALISTIC.read_bytes())
    vmgenid = thawbench.VMGENID.encode(VmGenIdBlob(gsi=47, addr=0x801F_FFF0))
    value.data.device_states.devices = [
        squib.DeviceState("vmgenid", "vmgenid", thawbench.NO_MMIO_SLOT, vmgenid),
        squib.DeviceState("pl011", "console", thawbench.NO_MMIO_SLOT, b"foreign"),
    ]
    spis = InterruptBanks([1], [1 << 15], [1 << 15], [0], [1 << 15], bytes(32))
    gic = thawbench.GIC.encode(GicBlob(2, spis, routes=[0] * 32, redistributors=[]))
    value.data.gic_state = squib.GicState(len(gic), gic)
    path = tmp_path / "vm.snap"
    path.write_bytes(squib.encode(value))
    lines = describe(path).stdout.splitlines()
    assert any("addr 0x00000000801ffff0" in line for line in lines)
    assert any("GICD_CTLR 0x2" in line for line in lines)
    assert any("'console'" in line and "not made by thawbench" in line for line in lines)
    assert any("INTID   47  SPI      enabled, pending; edge, group 0" in line for line in lines)


def test_json_has_the_same() -> None:
    result = describe("--json", REALISTIC)
    description = json.loads(result.stdout)
    assert description["format"]["id"] == "squib-0.2"
    assert description["header"]["version"] == "5.0.0"
    assert [vcpu["mpidr"]["value"] for vcpu in description["state"]["vcpus"]] == [0, 1]


def test_it_tells_whether_the_memory_file_fits(tmp_path: Path) -> None:
    path = tmp_path / "vm.snap"
    path.write_bytes(REALISTIC.read_bytes())
    assert "vm.mem (not there)" in describe(path).stdout
    path.with_suffix(".mem").write_bytes(bytes(10))
    assert "10 bytes where the regions take 536,870,912" in describe(path).stdout


def test_what_a_terminal_would_obey_is_shown_escaped(tmp_path: Path) -> None:
    value = squib.load(REALISTIC.read_bytes())
    value.data.vm_info.boot_args = "\x1b[31mred\r\n[bold]"
    path = tmp_path / "vm.snap"
    path.write_bytes(squib.encode(value))
    assert r"boot_args          \x1b[31mred\r\n[bold]" in describe(path).stdout


# --- bad files ---------------------------------------------------------------------------------


def flip_last_bit(file: bytes) -> bytes:
    return file[:-1] + bytes([file[-1] ^ 1])


def another_release(_: bytes) -> bytes:
    return envelope.seal(bytes.fromhex("00 0000aaaa84191007 05") + b"9.0.0" + bytes(90))


BAD_FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda file: b"", "does not begin with the header"),
    "short": (lambda file: file[:7], "does not begin with the header"),
    "cut off": (lambda file: file[:100], "CRC-64"),
    "flipped bit": (flip_last_bit, "CRC-64"),
    "too large": (lambda file: file + bytes(10_000_000), "larger than 10,000,000 bytes"),
    "much too large": (lambda file: file + bytes(40_000_000), "larger than 33,554,432 bytes"),
    "another release": (another_release, "bytes needed"),
    "random": (lambda file: bytes(range(256)), "does not begin with the header"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_line_and_exit_status_2(name: str, tmp_path: Path) -> None:
    spoil, message = BAD_FILES[name]
    path = tmp_path / "bad.snap"
    path.write_bytes(spoil(REALISTIC.read_bytes()))
    assert_fails(describe(path), message)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_can_be_told_of_a_damaged_file_is_told(options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "cut.snap"
    path.write_bytes(REALISTIC.read_bytes()[:3000])
    result = describe(*options, path)
    assert_fails(result, "CRC-64")
    assert "5.0.0" in result.stdout
    assert "CrcMismatch" in result.stdout
    assert "Bitcode" in result.stdout


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("magic", envelope.MAGIC_X86_64, "x86_64"),
        ("magic", 0x1234_5678_9ABC_DEF0, "0x123456789abcdef0"),
        ("version", "5.1.0", "expected 5.0.x"),
    ],
)
def test_a_header_of_something_else_is_refused(
    field: str, value: object, message: str, tmp_path: Path
) -> None:
    snapshot = squib.load(REALISTIC.read_bytes())
    setattr(snapshot.header, field, value)
    path = tmp_path / "other.snap"
    path.write_bytes(squib.encode(snapshot))
    result = describe(path)
    assert_fails(result, message)
    assert "\nVM\n" in result.stdout


# --- --as --------------------------------------------------------------------------------------


def test_a_file_is_read_as_what_it_is_said_to_be() -> None:
    result = describe("--as", "firecracker-1.16", REALISTIC)
    assert result.stdout.startswith("format:      firecracker-1.16 (Firecracker v1.16)\n")
    assert "SnapshotError::Bitcode: " in result.stdout
    assert_fails(result, "expected version 10.0.0")


def test_every_known_format_can_be_named() -> None:
    for known in registry.formats():
        for name in (known.id, *known.aliases):
            assert f"format:      {known.id} " in describe("--as", name, REALISTIC).stdout


def test_a_format_that_is_unknown_is_refused() -> None:
    assert_fails(describe("--as", "firecracker-0.1", REALISTIC), "is not a known format")
