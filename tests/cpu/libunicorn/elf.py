"""ELF shared libraries. Source: System V gABI, chapters 4 and 5; psABI of x86-64 and of AArch64."""

from __future__ import annotations

import struct

from tests.cpu.libunicorn.image import Image, Segment, string_at

MAGIC = b"\x7fELF"

_MACHINES = {62: "x86_64", 183: "aarch64"}
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_PLTRELSZ, _DT_STRTAB, _DT_SYMTAB, _DT_RELA, _DT_RELASZ, _DT_STRSZ = 2, 5, 6, 7, 8, 10
_DT_JMPREL = 23

_RELATIVE = {8, 1027}
"""R_X86_64_RELATIVE, R_AARCH64_RELATIVE."""
_SYMBOLIC = {1, 6, 7, 257, 1025, 1026}
"""R_X86_64_64, _GLOB_DAT, _JUMP_SLOT; R_AARCH64_ABS64, _GLOB_DAT, _JUMP_SLOT."""

_SHN_UNDEF = 0
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")


def read(data: bytes) -> Image:
    """The image in a 64-bit little-endian shared library."""
    machine = _MACHINES[struct.unpack_from("<H", data, 18)[0]]
    (phoff,) = struct.unpack_from("<Q", data, 32)
    (phnum,) = struct.unpack_from("<H", data, 56)
    headers = [struct.unpack_from("<II6Q", data, phoff + 56 * i) for i in range(phnum)]
    segments = [
        Segment(vaddr, memsz, data[offset : offset + filesz])
        for kind, _, offset, vaddr, _, filesz, memsz, _ in headers
        if kind == _PT_LOAD
    ]
    memory = bytes(Image(machine, segments, {}).loaded_at(0, {}))
    dynamic = next(vaddr for kind, _, _, vaddr, *_ in headers if kind == _PT_DYNAMIC)
    return _link(machine, segments, memory, _dynamic_section(memory, dynamic))


def _dynamic_section(memory: bytes, address: int) -> dict[int, int]:
    entries: dict[int, int] = {}
    for tag, value in struct.iter_unpack("<QQ", memory[address : address + 0x400]):
        if tag == 0:
            break
        entries[tag] = value
    return entries


def _link(machine: str, segments: list[Segment], memory: bytes, at: dict[int, int]) -> Image:
    strings = memory[at[_DT_STRTAB] : at[_DT_STRTAB] + at[_DT_STRSZ]]
    # The string table follows the symbol table, as every linker in use lays them out.
    table = memory[at[_DT_SYMTAB] : at[_DT_STRTAB]]
    table = table[: len(table) // _SYMBOL.size * _SYMBOL.size]
    symbols = [
        (string_at(strings, name), value if section != _SHN_UNDEF else None)
        for name, _, _, section, value, _ in _SYMBOL.iter_unpack(table)
    ]
    pointers: dict[int, int] = {}
    imports: dict[int, str] = {}
    for begin, size in ((_DT_RELA, _DT_RELASZ), (_DT_JMPREL, _DT_PLTRELSZ)):
        relocations = memory[at[begin] : at[begin] + at[size]]
        for offset, info, addend in _RELOCATION.iter_unpack(relocations):
            name, value = symbols[info >> 32]
            if info & 0xFFFF_FFFF in _RELATIVE:
                pointers[offset] = addend
            elif info & 0xFFFF_FFFF in _SYMBOLIC and value is not None:
                pointers[offset] = value + addend
            elif info & 0xFFFF_FFFF in _SYMBOLIC:
                imports[offset] = name
    exports = {name: value for name, value in symbols if value is not None}
    return Image(machine, segments, exports, pointers, imports)
