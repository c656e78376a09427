"""The loader, and what every image promises to whoever boots it."""

from __future__ import annotations

import struct

import capstone
import pytest

import firmware
from emu.errors import FirmwareError

DRAM_BASE = 0x8000_0000
VMGENID_ADDRESS = 0x801F_FFF0
IRQ_VECTOR_OFFSET = 0x280
"""Current exception level with SP_ELx, IRQ (Arm ARM DDI 0487, D1.3)."""

DOCUMENTED_SYMBOLS = {
    "disk": {"main", "vectors", "disk_arguments", "disk_results", "disk_interrupt"},
    "echo": {"main", "vectors", "irq_entry", "arguments", "results", "console_interrupt"},
    "frames": {"main", "vectors", "frame_arguments", "frame_results", "frame_interrupt"},
    "heartbeat": {"main", "vectors", "irq_entry", "arguments", "results", "interrupt_log"},
    "quiet": {
        *("main", "vectors", "irq_entry", "arguments", "results", "interrupt_log"),
        *("work", "run_window", "window_work", "wait_for_last_tick", "power_off", "buffer"),
    },
    **{
        name: {"main", "vectors", "check_arguments", "check_results", "selfcheck_equal"}
        for name in (
            *("atomics", "exceptions", "fpsimd", "gic", "psci", "selfmodify", "shootdown"),
            *("smp", "sysregs", "timer"),
        )
    },
}

every_guest = pytest.mark.parametrize("name", firmware.names())
ticking_guest = pytest.mark.parametrize("name", ["echo", "heartbeat", "quiet"])
self_checking_guest = pytest.mark.parametrize("name", firmware.self_checking())


def branch_target(guest: firmware.Firmware, address: int) -> int:
    """Where the unconditional branch at `address` leads."""
    code = guest.image[address - guest.load_address :][:4]
    disassembler = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    (instruction,) = disassembler.disasm(code, address)
    assert instruction.mnemonic == "b", f"{instruction.mnemonic} at {address:#x}"
    return int(instruction.op_str.removeprefix("#"), 16)


def test_names_are_those_with_documented_symbols() -> None:
    assert firmware.names() == sorted(DOCUMENTED_SYMBOLS)


def test_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(FirmwareError, match=r"'heartbeet'.*heartbeat, psci, quiet"):
        firmware.load("heartbeet")


@pytest.mark.parametrize("name", ["", "../src/quiet", "quiet.bin", "images/quiet"])
def test_name_is_never_taken_for_a_path(name: str) -> None:
    with pytest.raises(FirmwareError):
        firmware.load(name)


@every_guest
def test_header_is_that_of_an_arm64_linux_image(name: str) -> None:
    image = firmware.load(name).image
    code1, text_offset, image_size, flags, *reserved, magic, pe = struct.unpack_from(
        "<4xI6Q4sI", image
    )
    assert (code1, text_offset, reserved, pe) == (0, 0, [0, 0, 0], 0)
    assert image_size == len(image)
    assert flags == 0b1010, "little endian, 4 KiB pages, anywhere"
    assert magic == b"ARM\x64"


@every_guest
def test_entry_branches_to_boot(name: str) -> None:
    guest = firmware.load(name)
    assert branch_target(guest, guest.load_address) == guest.symbols["boot"]


@every_guest
def test_image_stays_clear_of_the_generation_id_and_in_its_mapped_block(name: str) -> None:
    guest = firmware.load(name)
    assert guest.load_address >= VMGENID_ADDRESS + 16
    assert guest.load_address + len(guest.image) <= DRAM_BASE + 2 * 0x20_0000


@self_checking_guest
def test_image_stays_clear_of_the_pages_for_experiments(name: str) -> None:
    """WORKSPACE in pages.inc: 3 MiB above the base of DRAM."""
    guest = firmware.load(name)
    assert guest.load_address + len(guest.image) <= DRAM_BASE + 0x30_0000


def test_guests_without_a_tick_check_themselves_or_drive_a_device() -> None:
    others = set(firmware.names()) - set(firmware.self_checking())
    assert others == {"disk", "echo", "frames", "heartbeat", "quiet"}


@every_guest
def test_symbols_are_documented_and_inside_the_image(name: str) -> None:
    guest = firmware.load(name)
    assert guest.symbols.keys() >= DOCUMENTED_SYMBOLS[name]
    offsets = {symbol: at - guest.load_address for symbol, at in guest.symbols.items()}
    assert offsets.pop("image_end") == len(guest.image)
    assert all(0 <= offset < len(guest.image) for offset in offsets.values())


@every_guest
def test_symbols_can_not_be_changed(name: str) -> None:
    with pytest.raises(TypeError):
        firmware.load(name).symbols["main"] = 0  # type: ignore[index]  # this is the test


@every_guest
@pytest.mark.parametrize(
    ("symbol", "alignment"),
    [("vectors", 2048), ("level1_table", 4096), ("level2_table", 4096), ("stack_top", 16)],
)
def test_alignment_that_the_architecture_asks_for(name: str, symbol: str, alignment: int) -> None:
    assert firmware.load(name).symbols[symbol] % alignment == 0


@ticking_guest
def test_irq_vector_alone_is_expected(name: str) -> None:
    guest = firmware.load(name)
    vectors, symbols = guest.symbols["vectors"], guest.symbols
    for offset in range(0, 0x800, 0x80):
        if offset == IRQ_VECTOR_OFFSET:
            assert branch_target(guest, vectors + offset) == symbols["irq_entry"]
        else:
            assert branch_target(guest, vectors + offset + 4) == symbols["unexpected_exception"]
