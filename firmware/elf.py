"""Just enough of ELF to take a program out of an assembler's object file.

A guest is one section without relocations, so its bytes need no linker. Source: the ELF-64
object file format, version 1.5, and ELF for the Arm 64-bit architecture (AAELF64).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from emu.errors import FirmwareError

_EM_AARCH64 = 183
_SHT_SYMTAB = 2
_SHF_ALLOC = 2
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELA_SIZE = 24


@dataclass(frozen=True, slots=True)
class Program:
    """The contents of the code section, and its labels as byte offsets into it."""

    code: bytes
    labels: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Section:
    index: int
    name: str
    type: int
    flags: int
    link: int
    data: bytes


def program_of(elf: bytes) -> Program:
    """The program in a relocatable AArch64 object file.

    Raises:
        FirmwareError: not such a file, or it has relocations or a second section with contents.
    """
    try:
        sections = _sections(elf)
        return Program(_code(sections).data, _labels(sections))
    except (struct.error, IndexError, ValueError) as error:
        raise FirmwareError(f"damaged object file: {error}; assemble it again") from error


def _sections(elf: bytes) -> list[_Section]:
    ident, _, machine, _, _, _, table, *_, count, names_index = _HEADER.unpack_from(elf)
    if ident[:6] != b"\x7fELF\x02\x01" or machine != _EM_AARCH64:
        raise FirmwareError(
            "not a little-endian 64-bit AArch64 ELF object file; "
            "use a compiler that targets aarch64-none-elf"
        )
    raw = [_SECTION.unpack_from(elf, table + n * _SECTION.size) for n in range(count)]
    names = elf[raw[names_index][4] :]
    return [
        _Section(n, _text(names, name), type_, flags, link, _contents(elf, offset, size))
        for n, (name, type_, flags, _, offset, size, link, *_) in enumerate(raw)
    ]


def _contents(elf: bytes, offset: int, size: int) -> bytes:
    if offset + size > len(elf):
        raise ValueError(f"a section ends at {offset + size:#x}, the file at {len(elf):#x}")
    return elf[offset : offset + size]


def _code(sections: list[_Section]) -> _Section:
    """The only section with contents that are loaded."""
    relocated = [section for section in sections if section.name == ".rela.text"]
    if relocated:
        raise FirmwareError(
            f"relocations left for a linker, of which there is none: "
            f"{len(relocated[0].data) // _RELA_SIZE}; "
            "refer to labels by adr and branches, and only to those of the same guest"
        )
    loaded = [each for each in sections if each.flags & _SHF_ALLOC and each.data]
    if [section.name for section in loaded] != [".text"]:
        found = ", ".join(section.name for section in loaded) or "nothing"
        raise FirmwareError(f"a guest is one section, .text; the object file loads {found}")
    return loaded[0]


def _labels(sections: list[_Section]) -> dict[str, int]:
    """Labels of the code section, sorted; without constants and the marks $x and $d."""
    table = next((each for each in sections if each.type == _SHT_SYMTAB), None)
    if table is None:
        raise FirmwareError("the object file has no symbol table; assemble it without stripping")
    names = sections[table.link].data
    code = _code(sections)
    symbols = _SYMBOL.iter_unpack(table.data)
    named = [(_text(names, name), at) for name, _, _, of, at, _ in symbols if of == code.index]
    return {name: at for name, at in sorted(named) if name and not name.startswith("$")}


def _text(names: bytes, offset: int) -> str:
    return names[offset : names.index(b"\0", offset)].decode("ascii")
