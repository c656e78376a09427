"""Mach-O shared libraries that use LC_DYLD_INFO, as those of macOS 10.6 to 11 do.

Source: `mach-o/loader.h` and `mach-o/nlist.h` of Apple's SDK.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.cpu.libunicorn.image import Image, Segment, string_at

_MACHINES = {0x0100_0007: "x86_64", 0x0100_000C: "aarch64"}
_LC_SEGMENT_64 = 0x19
_LC_DYLD_INFO_ONLY = 0x8000_0022
_SECTION_TYPE_MASK = 0xFF
_S_THREAD_LOCAL_VARIABLES = 0x13
_POINTER_BYTES = 8


def read(data: bytes) -> Image:
    """The image in a thin 64-bit library."""
    (cputype,) = struct.unpack_from("<I", data, 4)
    segments: list[Segment] = []
    thread_locals = (0, 0)
    info: tuple[int, ...] = ()
    for command, offset in _load_commands(data):
        if command == _LC_SEGMENT_64:
            vmaddr, vmsize, fileoff, filesize = struct.unpack_from("<4Q", data, offset + 24)
            segments.append(Segment(vmaddr, vmsize, data[fileoff : fileoff + filesize]))
            thread_locals = _thread_locals(data, offset) or thread_locals
        elif command == _LC_DYLD_INFO_ONLY:
            info = struct.unpack_from("<10I", data, offset + 8)
    rebase, bind, _weak, lazy, export = (
        data[info[i] : info[i] + info[i + 1]] for i in range(0, 10, 2)
    )
    bases = [segment.address for segment in segments]
    memory = Image("", segments, {}).loaded_at(0, {})
    pointers = {at: struct.unpack_from("<Q", memory, at)[0] for at in _rebased(rebase, bases)}
    imports = dict([*_bound(bind, bases), *_bound(lazy, bases)])
    exports = dict(_exported(export))
    return Image(_MACHINES[cputype], segments, exports, pointers, imports, thread_locals)


def _load_commands(data: bytes) -> Iterator[tuple[int, int]]:
    (count,) = struct.unpack_from("<I", data, 16)
    offset = 32
    for _ in range(count):
        command, size = struct.unpack_from("<II", data, offset)
        yield command, offset
        offset += size


def _thread_locals(data: bytes, segment: int) -> tuple[int, int] | None:
    (count,) = struct.unpack_from("<I", data, segment + 64)
    for section in (segment + 72 + 80 * i for i in range(count)):
        address, size = struct.unpack_from("<QQ", data, section + 32)
        (flags,) = struct.unpack_from("<I", data, section + 64)
        if flags & _SECTION_TYPE_MASK == _S_THREAD_LOCAL_VARIABLES:
            return address, size
    return None


class _Opcodes:
    """A reader of opcodes and their ULEB128 operands."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self.position = position

    def __bool__(self) -> bool:
        return self.position < len(self._data)

    def byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def opcode(self) -> tuple[int, int]:
        byte = self.byte()
        return byte & 0xF0, byte & 0x0F

    def uleb(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def string(self) -> str:
        text = string_at(self._data, self.position)
        self.position += len(text) + 1
        return text


def _rebased(data: bytes, bases: list[int]) -> Iterator[int]:
    """Addresses of the words that hold addresses of the image (REBASE_OPCODE_*)."""
    code, address = _Opcodes(data), 0
    while code:
        opcode, immediate = code.opcode()
        count, skip = 0, 0
        match opcode:
            case 0x20:
                address = bases[immediate] + code.uleb()
            case 0x30:
                address += code.uleb()
            case 0x40:
                address += immediate * _POINTER_BYTES
            case 0x50:
                count = immediate
            case 0x60:
                count = code.uleb()
            case 0x70:
                count, skip = 1, code.uleb()
            case 0x80:
                count, skip = code.uleb(), code.uleb()
        for _ in range(count):
            yield address
            address += _POINTER_BYTES + skip


def _bound(data: bytes, bases: list[int]) -> Iterator[tuple[int, str]]:
    """Addresses of the words that are to hold foreign addresses (BIND_OPCODE_*)."""
    code, address, name = _Opcodes(data), 0, ""
    while code:
        opcode, immediate = code.opcode()
        count, skip = 0, 0
        match opcode:
            case 0x20 | 0x60:  # ordinal of the library, addend: not needed
                code.uleb()
            case 0x40:
                name = code.string().removeprefix("_")
            case 0x70:
                address = bases[immediate] + code.uleb()
            case 0x80:
                address += code.uleb()
            case 0x90 | 0xB0:  # the former's immediate is zero
                count, skip = 1, immediate * _POINTER_BYTES
            case 0xA0:
                count, skip = 1, code.uleb()
            case 0xC0:
                count, skip = code.uleb(), code.uleb()
        for _ in range(count):
            yield address % (1 << 64), name  # operands may be negative, modulo 2**64
            address += _POINTER_BYTES + skip


def _exported(trie: bytes) -> Iterator[tuple[str, int]]:
    """The exports, from their trie, which is also what `dlsym` searches."""
    nodes = [(0, "")]
    while nodes:
        position, prefix = nodes.pop()
        node = _Opcodes(trie, position)
        terminal_bytes = node.uleb()
        children = node.position + terminal_bytes
        if terminal_bytes:
            node.uleb()  # flags
            yield prefix.removeprefix("_"), node.uleb()
        node.position = children
        for _ in range(node.byte()):
            edge = node.string()
            nodes.append((node.uleb(), prefix + edge))
