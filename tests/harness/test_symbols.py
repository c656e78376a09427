"""Names for addresses: from ELF files, from tables, and what is refused."""

from __future__ import annotations

import shutil
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.errors import SymbolError
from harness.symbols import Symbols

COMPILER = shutil.which("aarch64-linux-gnu-gcc")
KERNEL = 0xFFFF_8000_8001_0000


def elf(
    *symbols: tuple[str, int, int, int], machine: int = 183, kind: int = 2, ident: bytes = b"\2\1"
) -> bytes:
    """An ELF file of nothing but symbols: each is name, address, section index and type."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in symbols)
    entries = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    for name, address, index, symbol_type in symbols:
        at = names.index(b"\0" + name.encode() + b"\0") + 1
        entries += struct.pack("<IBBHQQ", at, symbol_type, 0, index, address, 0)
    section_names = b"\0.symtab\0.strtab\0.shstrtab\0"
    parts = [entries, names, section_names]
    offsets = [64 + sum(map(len, parts[:n])) for n in range(4)]
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF" + ident + b"\1", kind, machine, 1, 0, 0, offsets[3],
        0, 64, 0, 0, 64, 4, 3,
    )  # fmt: skip
    rows = [
        (0, 0, 0, 0, 0),
        (1, 2, offsets[0], len(entries), 24),
        (9, 3, offsets[1], len(names), 0),
        (17, 3, offsets[2], len(section_names), 0),
    ]
    table = b"".join(
        struct.pack("<IIQQQQIIQQ", name, type_, 0, 0, at, size, 2 if type_ == 2 else 0, 0, 1, each)
        for name, type_, at, size, each in rows
    )
    return header + b"".join(parts) + table


GOOD = elf(("start", KERNEL, 1, 2), ("middle", KERNEL + 0x40, 1, 2))


def load(path: Path, data: bytes) -> Symbols:
    path.write_bytes(data)
    return Symbols.load(path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "symbols"


# --- lookups ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xFFF, None),
        (0x1000, "main"),
        (0x1003, "main+0x3"),
        (0x100F, "main+0xf"),
        (0x1010, "loop"),
        (0x1010 + (1 << 20), "loop+0x100000"),
        (0x1011 + (1 << 20), None),
    ],
)
def test_an_address_is_named_after_the_symbol_before_it(address: int, name: str | None) -> None:
    assert Symbols({"loop": 0x1010, "main": 0x1000}).lookup(address) == name


def test_a_return_address_is_in_the_function_that_called() -> None:
    symbols = Symbols({"main": 0x1000, "loop": 0x1010})
    assert symbols.lookup_return(0x1010) == "main+0x10"
    assert symbols.lookup_return(0x1014) == "loop+0x4"
    assert symbols.lookup_return(0x1000) is None


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 1 << 21)), st.integers(0, 1 << 22))
def test_a_lookup_is_what_a_search_finds(table: dict[str, int], address: int) -> None:
    before = [(at, name) for name, at in table.items() if at <= address]
    nearest = max((at for at, _ in before), default=None)
    found = Symbols(table).lookup(address)
    if nearest is None or address - nearest > 1 << 20:
        assert found is None
    else:
        name = min(name for at, name in before if at == nearest)
        assert found == (name if address == nearest else f"{name}+{address - nearest:#x}")


def test_two_tables_are_one() -> None:
    both = Symbols({"user": 0x40_0000}) | Symbols({"kernel": KERNEL})
    assert (both.lookup(0x40_0004), both.lookup(KERNEL)) == ("user+0x4", "kernel")
    assert both.lookup(0x7FFF_0000_0000) is None


# --- files --------------------------------------------------------------------------------------


def test_an_elf_file_names_places_and_nothing_else(file: Path) -> None:
    """No mapping symbols, constants, sections, files, or what is only referred to."""
    symbols = load(
        file,
        elf(
            ("main", 0x1000, 1, 2),
            ("$x", 0x1004, 1, 0),
            ("elsewhere", 0x1008, 0, 2),
            ("CONSTANT", 0x100C, 0xFFF1, 0),
            (".text", 0x1010, 1, 3),
            ("main.c", 0x1014, 1, 4),
            ("thread", 0x1018, 1, 6),
            ("data", 0x101C, 1, 1),
        ),
    )
    assert [symbols.lookup(0x1018), symbols.lookup(0x101C)] == ["main+0x18", "data"]
    assert len(symbols) == 2


@pytest.mark.skipif(COMPILER is None, reason="aarch64-linux-gnu-gcc is not installed")
def test_what_a_linker_wrote_is_read(tmp_path: Path) -> None:
    source = tmp_path / "guest.c"
    source.write_text("void caller(void); void leaf(void) {} void caller(void) { leaf(); }\n")
    flags = ["-nostdlib", "-static", "-O0", "-Wl,-Ttext=0x80200000,-eleaf,--build-id=none"]
    subprocess.run(
        [str(COMPILER), *flags, source.name, "-o", "guest"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    symbols = Symbols.load(tmp_path / "guest")
    assert symbols.lookup(0x8020_0000) == "leaf"
    assert symbols.lookup_return(0x8020_0000 + 0x18) == "caller+0x10"


def test_a_table_as_nm_prints_it_is_read(file: Path) -> None:
    text = (
        b"0000000000000000 A CONSTANT\n"
        b"                 U undefined\n"
        b"ffff800080010000 T _text\n"
        b"ffff800080010040 t $x\n"
        b"ffff800080010080 t helper\t[module]\n"
    )
    symbols = load(file, text)
    assert symbols.lookup(KERNEL + 0x84) == "helper+0x4"
    assert symbols.lookup(KERNEL + 0x44) == "_text+0x44"
    assert len(symbols) == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has no symbols"),
        (b"MZ\0\0", "neither an ELF file nor a table of symbols: line 1"),
        (b"\x7fELF", "is a damaged ELF file"),
        (GOOD[:60], "is a damaged ELF file"),
        (GOOD[:-10], "is a damaged ELF file"),
        (elf(), "has no symbols"),
        (elf(("main", 1, 1, 2), machine=62), r"another machine \(EM_X86_64, 64 bits, little"),
        (elf(("main", 1, 1, 2), kind=1), "is an object file"),
    ],
    ids=["empty", "image", "magic", "header", "cut", "stripped", "x86", "object"],
)
def test_what_has_no_symbols_is_refused(data: bytes, message: str, file: Path) -> None:
    with pytest.raises(SymbolError, match=message):
        load(file, data)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_damage_gives_symbols_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    damaged = bytearray(GOOD)
    damaged[at] = value
    with suppress(SymbolError):
        load(path, bytes(damaged))
