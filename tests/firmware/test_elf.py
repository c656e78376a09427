"""Object files, made here by hand so that no compiler is needed."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import FirmwareError
from firmware.elf import program_of

CODE = bytes(range(16))
ALLOC = 2
PROGBITS, SYMTAB, STRTAB, RELA = 1, 2, 3, 4
ABSOLUTE = 0xFFF1

Section = tuple[str, int, int, int, bytes]
"""Name, type, flags, link, contents."""


def symbol_table(symbols: list[tuple[str, int, int]]) -> tuple[bytes, bytes]:
    """A symbol and a string table of (name, section index, value)."""
    entries, names = bytes(24), b"\0"
    for name, section, value in symbols:
        entries += struct.pack("<IBBHQQ", len(names), 0, 0, section, value, 0)
        names += name.encode() + b"\0"
    return entries, names


def object_file(*extra: Section, code: str = ".text", machine: int = 183) -> bytes:
    """An object file with CODE as section 1 and labels `start` and `later` in it."""
    symbols, strings = symbol_table(
        [("start", 1, 0), ("$x", 1, 0), ("CONSTANT", ABSOLUTE, 7), ("later", 1, 8)]
    )
    sections: list[Section] = [
        ("", 0, 0, 0, b""),
        (code, PROGBITS, ALLOC, 0, CODE),
        (".symtab", SYMTAB, 0, 3, symbols),
        (".strtab", STRTAB, 0, 0, strings),
        *extra,
    ]
    names = b"\0".join(name.encode() for name, *_ in sections) + b"\0.shstrtab\0"
    sections.append((".shstrtab", STRTAB, 0, 0, names))
    return _assemble(sections, names, machine)


def _assemble(sections: list[Section], names: bytes, machine: int) -> bytes:
    bodies, headers = b"", b""
    for name, type_, flags, link, data in sections:
        at = 64 + len(bodies)
        name_at = names.index(name.encode() + b"\0")
        headers += struct.pack(
            "<IIQQQQIIQQ", name_at, type_, flags, 0, at, len(data), link, 0, 1, 0
        )
        bodies += data
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    counts = (64, 0, 0, 64, len(sections), len(sections) - 1)
    table = 64 + len(bodies)
    return struct.pack("<16sHHIQQQIHHHHHH", ident, 1, machine, 1, 0, 0, table, 0, *counts) + (
        bodies + headers
    )


def test_program_is_the_code_and_its_labels_only() -> None:
    program = program_of(object_file())
    assert program.code == CODE
    assert program.labels == {"later": 8, "start": 0}


def test_relocations_are_refused_because_nothing_links() -> None:
    with pytest.raises(FirmwareError, match=r"relocations .*: 2;"):
        program_of(object_file((".rela.text", RELA, 0, 2, bytes(48))))


def test_second_section_is_refused() -> None:
    with pytest.raises(FirmwareError, match=r"\.text, \.data"):
        program_of(object_file((".data", PROGBITS, ALLOC, 0, b"1234")))


def test_section_that_is_not_text_is_refused() -> None:
    with pytest.raises(FirmwareError, match=r"loads \.init"):
        program_of(object_file(code=".init"))


def test_other_architecture_is_refused() -> None:
    with pytest.raises(FirmwareError, match="not a little-endian 64-bit AArch64"):
        program_of(object_file(machine=62))


@given(size=st.integers(0, len(object_file()) - 1))
def test_truncated_file_is_refused(size: int) -> None:
    with pytest.raises(FirmwareError):
        program_of(object_file()[:size])


@given(at=st.integers(0, len(object_file()) - 1), value=st.integers(0, 255))
def test_damaged_file_gives_a_program_or_a_firmware_error(at: int, value: int) -> None:
    damaged = bytearray(object_file())
    damaged[at] = value
    with suppress(FirmwareError):
        program_of(bytes(damaged))
