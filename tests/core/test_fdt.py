"""Device trees to bytes and back, and the device tree compiler's opinion of them."""

from __future__ import annotations

import contextlib
import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.core.fdt import (
    EMPTY,
    Header,
    Node,
    Token,
    cells,
    cells64,
    flatten,
    parse,
    parse_header,
    read_cells,
    read_cells64,
    read_strings,
    strings,
)
from emu.errors import BoardError

NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789,._+-"
NAMES = st.text(NAME_CHARACTERS, min_size=1, max_size=8).filter(lambda name: name[0].isalpha())
PROPERTIES = st.dictionaries(NAMES, st.binary(max_size=20), max_size=4)
DTC = shutil.which("dtc")
needs_dtc = pytest.mark.skipif(DTC is None, reason="dtc (device-tree-compiler) is not installed")


def nodes(name: st.SearchStrategy[str], depth: int = 3) -> st.SearchStrategy[Node]:
    """Nodes whose children have names of their own."""
    children: st.SearchStrategy[list[Node]] = st.just([])
    if depth:
        below = nodes(NAMES, depth - 1)
        children = st.lists(below, max_size=3, unique_by=lambda child: child.name)
    return st.builds(Node, name, PROPERTIES, children)


TREES = nodes(st.just(""))


def dtc(blob_or_source: bytes, read: str, write: str) -> bytes:
    """What dtc makes of its input."""
    assert DTC is not None
    # -f: random trees are well-formed, but mean nothing to its checks.
    command = [DTC, "-q", "-f", "-I", read, "-O", write]
    return subprocess.run(command, input=blob_or_source, capture_output=True, check=True).stdout


def source(node: Node, depth: int = 0) -> str:
    """The tree in dtc's language, each value as bytes."""
    indent = "\t" * depth
    values = "".join(
        f"{indent}\t{name} = [{value.hex()}];\n" if value else f"{indent}\t{name};\n"
        for name, value in node.properties.items()
    )
    children = "".join(source(child, depth + 1) for child in node.children)
    return f"{indent}{node.name or '/'} {{\n{values}{children}{indent}}};\n"


SMALL = Node(
    properties={"model": strings("m"), "empty": EMPTY},
    children=[Node("cpus", {"#size-cells": cells(0)}, [Node("cpu@0", {"reg": cells(0)})])],
)


# --- layout ----------------------------------------------------------------------------------


def test_the_blob_of_a_small_tree_byte_by_byte() -> None:
    """Devicetree Specification v0.4, 5.2 to 5.6: header, reservations, structure, strings."""
    structure = (
        struct.pack(">I4x", Token.BEGIN_NODE)
        + struct.pack(">3I4s", Token.PROP, 2, 0, b"m")
        + struct.pack(">II4s", Token.BEGIN_NODE, 0x61000000, struct.pack(">I", Token.PROP))
        + struct.pack(">3I", 4, 6, 7)
        + struct.pack(">3I", Token.END_NODE, Token.END_NODE, Token.END)
    )
    names = b"model\0reg\0"
    header = Header(
        magic=0xD00DFEED,
        totalsize=40 + 32 + len(structure) + len(names),
        off_dt_struct=72,
        off_dt_strings=72 + len(structure),
        off_mem_rsvmap=40,
        version=17,
        last_comp_version=16,
        boot_cpuid_phys=3,
        size_dt_strings=len(names),
        size_dt_struct=len(structure),
    )
    tree = Node(properties={"model": strings("m")}, children=[Node("a", {"reg": cells(7)})])
    assert flatten(tree, reservations=[(0x1000, 0x20)], boot_cpuid=3) == (
        struct.pack(">10I", *header) + struct.pack(">4Q", 0x1000, 0x20, 0, 0) + structure + names
    )


def test_a_property_name_is_stored_once_and_so_are_its_tails() -> None:
    tree = Node(properties={"clock-names": EMPTY}, children=[Node("a", {"names": EMPTY})])
    assert flatten(tree).endswith(b"clock-names\0")


@given(TREES)
def test_a_tree_survives_the_round_trip(tree: Node) -> None:
    assert parse(flatten(tree)) == tree


@given(TREES)
def test_blocks_are_aligned_and_the_header_covers_the_blob(tree: Node) -> None:
    blob = flatten(tree)
    header = parse_header(blob)
    assert header.totalsize == len(blob)
    assert (header.off_mem_rsvmap % 8, header.off_dt_struct % 4) == (0, 0)


@needs_dtc
@given(TREES)
def test_dtc_writes_the_same_bytes(tree: Node) -> None:
    assert flatten(tree) == dtc(f"/dts-v1/;\n{source(tree)}".encode(), "dts", "dtb")


@needs_dtc
@given(TREES)
def test_dtc_reads_the_blob_and_writes_it_back(tree: Node) -> None:
    blob = flatten(tree)
    assert dtc(blob, "dtb", "dtb") == blob


# --- values ----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 2**32 - 1)))
def test_cells_are_big_endian_and_read_back(values: list[int]) -> None:
    assert cells(*values) == b"".join(value.to_bytes(4, "big") for value in values)
    assert read_cells(cells(*values)) == tuple(values)


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_a_64_bit_number_is_two_cells_high_first(values: list[int]) -> None:
    pairs = [half for value in values for half in (value >> 32, value & 0xFFFF_FFFF)]
    assert cells64(*values) == cells(*pairs)
    assert read_cells64(cells64(*values)) == tuple(values)


@given(st.lists(st.text().filter(lambda text: "\0" not in text), min_size=1))
def test_each_string_ends_with_a_nul(values: list[str]) -> None:
    assert strings(*values).count(b"\0") == len(values)
    assert read_strings(strings(*values)) == tuple(values)


@pytest.mark.parametrize(
    ("read", "value"),
    [(read_cells, bytes(3)), (read_cells64, bytes(4)), (read_strings, b"a"), (read_strings, b"")],
)
def test_a_value_of_another_type_is_refused(read: object, value: bytes) -> None:
    assert callable(read)
    with pytest.raises(BoardError, match="not"):
        read(value)


def test_a_node_is_found_by_its_path() -> None:
    assert SMALL["cpus/cpu@0"].properties == {"reg": cells(0)}
    assert SMALL["/cpus"].name == "cpus"
    with pytest.raises(BoardError, match="cpus has no child 'cpu@1'; its children: cpu@0"):
        _ = SMALL["cpus/cpu@1"]


# --- what can't be written -------------------------------------------------------------------


@pytest.mark.parametrize(
    "tree",
    [
        Node("named"),
        Node(children=[Node("")]),
        Node(children=[Node("a/b")]),
        Node(children=[Node("a\0b")]),
        Node(properties={"": b""}),
        Node(properties={"ä": b""}),
    ],
)
def test_a_tree_with_an_impossible_name_is_refused(tree: Node) -> None:
    with pytest.raises(BoardError, match="name"):
        flatten(tree)


@pytest.mark.parametrize(
    ("value", "message"),
    [("console=ttyAMA0\0init=/bin/sh", "has a NUL"), ("root=\udcff", "is not text")],
)
def test_what_a_string_cannot_hold_is_refused(value: str, message: str) -> None:
    """The second is how Python shows a byte of the command line that is not UTF-8."""
    with pytest.raises(BoardError, match=message):
        strings(value)


# --- what can't be read ----------------------------------------------------------------------


def with_structure(*tokens: int) -> bytes:
    """A blob with these cells as its structure block, and no strings."""
    structure = cells(*tokens)
    header = parse_header(flatten(Node()))._replace(
        totalsize=56 + len(structure),
        off_dt_strings=56 + len(structure),
        size_dt_struct=len(structure),
    )
    return struct.pack(">10I", *header) + bytes(16) + structure


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ((), "4 bytes were expected"),
        ((Token.END,), "not one complete tree"),
        ((Token.BEGIN_NODE, 0, Token.END), "not one complete tree"),
        ((Token.BEGIN_NODE, 0, Token.END_NODE) * 2 + (Token.END,), "not one complete tree"),
        ((Token.BEGIN_NODE, 0x61000000, Token.END_NODE, Token.END), "not one complete tree"),
        ((Token.END_NODE,), "token 0x2 at nesting depth 0"),
        ((Token.PROP, 0, 0), "token 0x3 at nesting depth 0"),
        ((5,), "token 0x5"),
        ((Token.BEGIN_NODE, 0x61616161), "no name at 0x4"),
        ((Token.BEGIN_NODE, 0xFF000000), "not UTF-8"),
        ((Token.BEGIN_NODE, 0, Token.PROP, 0, 0), "no name at 0x0"),
        ((Token.BEGIN_NODE, 0, Token.PROP, 8, 0), "8 bytes were expected"),
        ((Token.BEGIN_NODE, 0) * 65, "token 0x1 at nesting depth 64"),
    ],
)
def test_a_damaged_structure_block_is_refused(tokens: tuple[int, ...], message: str) -> None:
    with pytest.raises(BoardError, match=message):
        parse(with_structure(*tokens))


def test_nop_tokens_are_skipped() -> None:
    nop = Token.NOP
    blob = with_structure(nop, Token.BEGIN_NODE, 0, nop, Token.END_NODE, nop, Token.END)
    assert parse(blob) == Node()


def test_a_property_longer_than_the_block_is_refused() -> None:
    blob = bytearray(flatten(Node(properties={"a": bytes(4)})))
    blob[56 + 12 : 56 + 16] = cells(0x7FFF_FFFF)
    with pytest.raises(BoardError, match="2147483647 bytes were expected"):
        parse(bytes(blob))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"magic": 0xEDFE0DD0}, "magic 0xedfe0dd0, expected 0xd00dfeed"),
        ({"version": 16}, "version 16"),
        ({"version": 18, "last_comp_version": 18}, "compatible back to 18"),
        ({"totalsize": 10_000}, "cut short"),
        ({"off_dt_struct": 10_000}, "beyond the blob"),
        ({"size_dt_strings": 10_000}, "beyond the blob"),
    ],
)
def test_a_header_that_is_wrong_is_refused(change: dict[str, int], message: str) -> None:
    blob = flatten(SMALL)
    header = parse_header(blob)._replace(**change)
    with pytest.raises(BoardError, match=message):
        parse(struct.pack(">10I", *header) + blob[40:])


@given(TREES, st.data())
def test_damaged_bytes_give_a_tree_or_a_board_error(tree: Node, data: st.DataObject) -> None:
    blob = bytearray(flatten(tree))
    position = data.draw(st.integers(0, len(blob) - 1))
    blob[position] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BoardError):
        assert parse(bytes(blob)).name == ""


@given(TREES, st.data())
def test_no_prefix_of_a_blob_is_a_device_tree(tree: Node, data: st.DataObject) -> None:
    blob = flatten(tree)
    with pytest.raises(BoardError, match="device tree"):
        parse(blob[: data.draw(st.integers(0, len(blob) - 1))])
