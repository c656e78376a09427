"""Names for addresses, from ELF files and from tables such as System.map.

Source of the ELF facts: ELF-64 object file format 1.5; ELF for the Arm 64-bit architecture
(AAELF64), 5.5: mapping symbols begin with `$`.
"""

from __future__ import annotations

import io
import re
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from emu.errors import SymbolError

ADDRESS_BYTES = 4
"""Size of an A64 instruction: a return address is so far behind the call."""

_SYMBOL = struct.Struct("<IBBHQQ")
_SHN_UNDEF = 0
_SHN_LORESERVE = 0xFF00
"""From here on sections are none: SHN_ABS, SHN_COMMON."""
_NOT_PLACES = (3, 4, 6)
"""STT_SECTION, STT_FILE, STT_TLS."""
_MAP_LINE = re.compile(rb"([0-9a-fA-F]{8,16}| {8,16}) ([A-Za-z?]) (\S+)(?:\s+\[\S+\])?\s*")
_REACH_BYTES = 1 << 20
"""How far behind a symbol an address may be to be named after it."""


class Symbols:
    """A table of addresses with their names.

    >>> symbols = Symbols({"main": 0x1000, "loop": 0x1010})
    >>> symbols.lookup(0x1014), symbols.lookup(0x10)
    ('loop+0x4', None)
    """

    def __init__(self, table: Mapping[str, int] | Iterable[tuple[str, int]] = ()) -> None:
        pairs = table.items() if isinstance(table, Mapping) else table
        # Of several names for an address the first in the alphabet: the order of a file is no rule.
        named: dict[int, str] = {}
        for name, address in sorted(pairs, reverse=True):
            named[address] = name
        self._addresses = sorted(named)
        self._names = [named[address] for address in self._addresses]

    def __len__(self) -> int:
        return len(self._addresses)

    def __or__(self, other: Symbols) -> Symbols:
        """The names of both."""
        return Symbols([*self._pairs(), *other._pairs()])

    @classmethod
    def load(cls, path: Path) -> Self:
        """The symbols of a file: an ELF file, or lines of `address type name`, as `nm` prints them.

        Raises:
            SymbolError: it is neither, has no symbols, or is not of AArch64.
            OSError: it can't be read.
        """
        data = path.read_bytes()
        found = _from_elf(data, path) if data.startswith(b"\x7fELF") else _from_map(data, path)
        if not found:
            raise SymbolError(
                f"{path} has no symbols (is it stripped?); give the file with its symbol table, "
                "for a kernel `vmlinux` or `System.map`"
            )
        return cls(found)

    def lookup(self, address: int) -> str | None:
        """The symbol at or before an address, and how far behind it: `name+0x10`, or `name`."""
        at = bisect_right(self._addresses, address) - 1
        if at < 0 or address - self._addresses[at] > _REACH_BYTES:
            return None
        offset = address - self._addresses[at]
        return f"{self._names[at]}+{offset:#x}" if offset else self._names[at]

    def lookup_return(self, address: int) -> str | None:
        """As `lookup`, of a return address, which may be the end of the function that called.

        >>> Symbols({"caller": 0x1000, "next": 0x1010}).lookup_return(0x1010)
        'caller+0x10'
        """
        called_at = self.lookup(address - ADDRESS_BYTES)
        if called_at is None:
            return None
        name, _, offset = called_at.partition("+")
        return f"{name}+{int(offset or '0', 16) + ADDRESS_BYTES:#x}"

    def _pairs(self) -> Iterable[tuple[str, int]]:
        return zip(self._names, self._addresses, strict=True)


def _from_elf(data: bytes, path: Path) -> list[tuple[str, int]]:
    try:
        elf = ELFFile(io.BytesIO(data))
        if (elf["e_machine"], elf.elfclass, elf.little_endian) != ("EM_AARCH64", 64, True):
            order = "little" if elf.little_endian else "big"
            found = f"{elf['e_machine']}, {elf.elfclass} bits, {order}-endian"
            raise SymbolError(
                f"{path} is an ELF file of another machine ({found}); "
                "expected EM_AARCH64, 64 bits, little-endian"
            )
        if elf["e_type"] == "ET_REL":
            raise SymbolError(
                f"{path} is an object file: its symbols have no addresses until it is linked"
            )
        return [pair for table in elf.iter_sections() for pair in _symbols_of(table)]
    except (ELFError, struct.error, ValueError, LookupError, OverflowError, TypeError) as error:
        raise SymbolError(
            f"{path} is a damaged ELF file: {error or type(error).__name__}"
        ) from None


def _symbols_of(section: object) -> Iterator[tuple[str, int]]:
    """The places that a section names, if it is a symbol table. A kernel's has 10^5 entries."""
    if not isinstance(section, SymbolTableSection):
        return
    names = section.stringtable.data()
    for name_at, info, _, index, address, _ in _SYMBOL.iter_unpack(section.data()):
        if index == _SHN_UNDEF or index >= _SHN_LORESERVE or info & 0xF in _NOT_PLACES:
            continue
        name = names[name_at : names.index(b"\0", name_at)]
        if name and not name.startswith(b"$"):
            yield name.decode("utf-8", "backslashreplace"), address


def _from_map(data: bytes, path: Path) -> list[tuple[str, int]]:
    found = []
    for number, line in enumerate(data.splitlines(), start=1):
        match = _MAP_LINE.fullmatch(line)
        if match is None:
            raise SymbolError(
                f"{path} is neither an ELF file nor a table of symbols: line {number} is not "
                "`address type name`"
            )
        address, kind, name = match.groups()
        if not address.isspace() and kind not in b"aA" and not name.startswith(b"$"):
            found.append((name.decode("utf-8", "backslashreplace"), int(address, 16)))
    return found
