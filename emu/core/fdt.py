"""Flattened device trees: a tree of nodes to bytes and back.

Source: Devicetree Specification v0.4, chapter 5. The blob is of version 17: header, memory
reservation block, structure block, strings block, with no gaps but for alignment. Names in the
strings block share storage when one is the tail of another, so for one and the same tree
`flatten` gives the bytes that the device tree compiler `dtc` does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from emu.errors import BoardError

MAGIC: Final = 0xD00DFEED
VERSION: Final = 17
LAST_COMPATIBLE_VERSION: Final = 16

MAX_DEPTH: Final = 64
"""The deepest nesting that `parse` takes, which is also Linux's (`drivers/of/fdt.c`, v6.10)."""

EMPTY: Final = b""
"""Value of a property that says all by being there."""


@dataclass(slots=True)
class Node:
    """A node, with its properties and children in the order in which they are written.

    Attributes:
        name: node name with its unit address (`pl011@e0a0000`); empty for the root.
        properties: values as bytes, by name; `cells` and its kin make them.
        children: the nodes below this one.
    """

    name: str = ""
    properties: dict[str, bytes] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    def __getitem__(self, path: str) -> Node:
        """The descendant at `path`, such as `cpus/cpu@0`; `BoardError` if there is none."""
        node = self
        for name in path.strip("/").split("/"):
            found = next((child for child in node.children if child.name == name), None)
            if found is None:
                known = ", ".join(child.name for child in node.children) or "none"
                raise BoardError(
                    f"no node {path!r} in the device tree: {node.name or '/'} has no child "
                    f"{name!r}; its children: {known}"
                )
            node = found
        return node


def cells(*values: int) -> bytes:
    """A property of 32-bit cells."""
    return struct.pack(f">{len(values)}I", *values)


def cells64(*values: int) -> bytes:
    """A property of 64-bit numbers, two cells each."""
    return struct.pack(f">{len(values)}Q", *values)


def strings(*values: str) -> bytes:
    """A property of one string or a list of them.

    Raises:
        BoardError: one has a NUL in it, or a character that UTF-8 can't encode.
    """
    return b"".join(_encode_string(value) for value in values)


def _encode_string(value: str) -> bytes:
    if "\0" in value:
        raise BoardError(f"{value!r} has a NUL, which ends a string in a device tree")
    try:
        return value.encode() + b"\0"
    except UnicodeEncodeError:
        raise BoardError(f"{value!r} is not text that a device tree can hold (UTF-8)") from None


def read_cells(value: bytes) -> tuple[int, ...]:
    """The 32-bit cells of a property; `BoardError` if it is not made of cells."""
    if len(value) % 4:
        raise BoardError(f"a property of {len(value)} bytes is not made of 32-bit cells")
    return struct.unpack(f">{len(value) // 4}I", value)


def read_cells64(value: bytes) -> tuple[int, ...]:
    """The 64-bit numbers of a property; `BoardError` if it is not made of them."""
    if len(value) % 8:
        raise BoardError(f"a property of {len(value)} bytes is not made of 64-bit numbers")
    return struct.unpack(f">{len(value) // 8}Q", value)


def read_strings(value: bytes) -> tuple[str, ...]:
    """The strings of a property; `BoardError` if it is not a list of strings."""
    if not value.endswith(b"\0"):
        raise BoardError("a property without a NUL at its end is not a list of strings")
    return tuple(_decode(part, "a string property") for part in value[:-1].split(b"\0"))


class Token(IntEnum):
    """Tokens of the structure block (section 5.4.1)."""

    BEGIN_NODE = 1
    END_NODE = 2
    PROP = 3
    NOP = 4
    END = 9


class Header(NamedTuple):
    """The header's ten fields, each 32 bits, big-endian (section 5.2)."""

    magic: int
    totalsize: int
    off_dt_struct: int
    off_dt_strings: int
    off_mem_rsvmap: int
    version: int
    last_comp_version: int
    boot_cpuid_phys: int
    size_dt_strings: int
    size_dt_struct: int


_HEADER: Final = struct.Struct(">10I")
_RESERVATION: Final = struct.Struct(">QQ")


# --- tree to bytes ---------------------------------------------------------------------------


def flatten(
    root: Node, *, reservations: Iterable[tuple[int, int]] = (), boot_cpuid: int = 0
) -> bytes:
    """The blob of a tree.

    Args:
        root: its name must be empty.
        reservations: address and size in bytes of RAM that the guest must leave alone.
        boot_cpuid: `reg` of the boot CPU's node.

    Raises:
        BoardError: the root has a name, or some node or property has none, or a NUL in it.
    """
    if root.name:
        raise BoardError(f"the root of a device tree has no name, and this one is {root.name!r}")
    names = _StringsBlock()
    structure = b"".join([*_flatten_node(root, names), cells(Token.END)])
    reserved = b"".join(_RESERVATION.pack(*r) for r in (*reservations, (0, 0)))
    off_dt_struct = _HEADER.size + len(reserved)
    off_dt_strings = off_dt_struct + len(structure)
    header = Header(
        magic=MAGIC,
        totalsize=off_dt_strings + len(names.block),
        off_dt_struct=off_dt_struct,
        off_dt_strings=off_dt_strings,
        off_mem_rsvmap=_HEADER.size,
        version=VERSION,
        last_comp_version=LAST_COMPATIBLE_VERSION,
        boot_cpuid_phys=boot_cpuid,
        size_dt_strings=len(names.block),
        size_dt_struct=len(structure),
    )
    return _HEADER.pack(*header) + reserved + structure + bytes(names.block)


class _StringsBlock:
    """The property names, each stored once."""

    def __init__(self) -> None:
        self.block = bytearray()

    def offset(self, name: str) -> int:
        stored = _encode_name(name)
        found = self.block.find(stored)
        if found < 0:
            found = len(self.block)
            self.block += stored
        return found


def _flatten_node(node: Node, names: _StringsBlock) -> Iterator[bytes]:
    yield cells(Token.BEGIN_NODE)
    yield _padded(_encode_name(node.name) if node.name else b"\0")
    for name, value in node.properties.items():
        yield cells(Token.PROP, len(value), names.offset(name))
        yield _padded(value)
    for child in node.children:
        if not child.name:
            raise BoardError(f"a child of node {node.name or '/'} in the device tree has no name")
        yield from _flatten_node(child, names)
    yield cells(Token.END_NODE)


def _encode_name(name: str) -> bytes:
    if not name or not name.isascii() or "\0" in name or "/" in name:
        raise BoardError(f"{name!r} can't name a node or a property of a device tree")
    return name.encode() + b"\0"


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


# --- bytes to tree ---------------------------------------------------------------------------


def parse(blob: bytes) -> Node:
    """The tree of a blob. Memory reservations are not part of it.

    Raises:
        BoardError: `blob` is not a device tree of a version that readers of 17 understand, or is
            nested deeper than `MAX_DEPTH`.
    """
    header = parse_header(blob)
    structure = _Block(blob, "structure", header.off_dt_struct, header.size_dt_struct)
    names = _Block(blob, "strings", header.off_dt_strings, header.size_dt_strings)
    above_root = Node()
    open_nodes = [above_root]
    while (token := structure.cell()) != Token.END:
        match token:
            case Token.BEGIN_NODE if len(open_nodes) <= MAX_DEPTH:
                child = Node(structure.name())
                open_nodes[-1].children.append(child)
                open_nodes.append(child)
            case Token.PROP if len(open_nodes) > 1:
                size, name_offset = structure.cell(), structure.cell()
                open_nodes[-1].properties[names.name_at(name_offset)] = structure.take(size)
            case Token.END_NODE if len(open_nodes) > 1:
                open_nodes.pop()
            case Token.NOP:
                pass
            case _:
                raise structure.error(f"token {token:#x} at nesting depth {len(open_nodes) - 1}")
    if len(open_nodes) > 1 or [node.name for node in above_root.children] != [""]:
        raise structure.error("not one complete tree with a nameless root")
    return above_root.children[0]


def parse_header(blob: bytes) -> Header:
    """The header of a blob; `BoardError` unless it is one that readers of version 17 understand."""
    if len(blob) < _HEADER.size:
        raise BoardError(
            f"{len(blob)} bytes are no device tree; its header alone has {_HEADER.size}"
        )
    header = Header._make(_HEADER.unpack_from(blob))
    if header.magic != MAGIC:
        raise BoardError(f"not a device tree: magic {header.magic:#x}, expected {MAGIC:#x}")
    if not header.last_comp_version <= VERSION <= header.version:
        raise BoardError(
            f"device tree of version {header.version}, compatible back to "
            f"{header.last_comp_version}; this reader needs {VERSION}"
        )
    if header.totalsize > len(blob):
        raise BoardError(f"the device tree is cut short: {len(blob)} bytes of {header.totalsize}")
    return header


class _Block:
    """One of the blob's blocks, with the position up to which it is read."""

    def __init__(self, blob: bytes, what: str, offset: int, size_bytes: int) -> None:
        self._what = what
        self._bytes = blob[offset : offset + size_bytes]
        self._position = 0
        if len(self._bytes) != size_bytes:
            raise self.error(f"{size_bytes} bytes at {offset:#x} are beyond the blob")

    def error(self, message: str) -> BoardError:
        return BoardError(
            f"damaged device tree: {message} (in the {self._what} block, "
            f"before offset {self._position:#x})"
        )

    def take(self, size_bytes: int) -> bytes:
        """The next bytes; what aligns the position to 4 after them is skipped."""
        start, end = self._position, self._position + size_bytes
        if end > len(self._bytes):
            raise self.error(f"{size_bytes} bytes were expected")
        self._position = end + -end % 4
        return self._bytes[start:end]

    def cell(self) -> int:
        return int.from_bytes(self.take(4))

    def name(self) -> str:
        name = self.name_at(self._position)
        self.take(len(name) + 1)
        return name

    def name_at(self, offset: int) -> str:
        end = self._bytes.find(b"\0", offset)
        if end < 0:
            raise self.error(f"no name at {offset:#x}")
        return _decode(self._bytes[offset:end], "a name")


def _decode(text: bytes, what: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise BoardError(f"{what} in the device tree is not UTF-8: {text!r}") from None
