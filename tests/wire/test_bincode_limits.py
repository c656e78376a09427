"""How much one value may take: the crates' own limit, to the byte, and this decoder's bounds."""

from __future__ import annotations

import enum
import tracemalloc
from typing import Annotated, Any

import pytest

from emu.errors import DecodeError, EncodeError
from emu.wire import bincode
from emu.wire.bincode import BINCODE_1, BINCODE_2, Config
from emu.wire.reader import Limits
from emu.wire.schema import Array, Struct, char, u8, u16, u32, u64, u128

MIB = 1 << 20


class Power(enum.Enum):
    ON = "On"


class Empty(Struct):
    pass


class Point(Struct):
    x: u8
    y: u64


class Letter(Struct):
    letter: char
    after: u16


class Tree(Struct):
    value: u8
    kids: list[Tree]
    other: Tree | None


# Value, least limit that bincode 1.3.3 and 2.0.1 read it with: all bytes count, except that 1.3.3
# does not count those of a char.
LEAST: dict[str, tuple[Any, Any, int, int]] = {
    "u128": (u128, 1, 16, 16),
    "bool": (bool, True, 1, 1),
    "option": (u8 | None, 1, 2, 2),
    "option of nothing": (u8 | None, None, 1, 1),
    "enum": (Power, Power.ON, 4, 4),
    "text": (str, "é", 10, 10),
    "bytes": (bytes, b"abc", 11, 11),
    "sequence": (list[u16], [1, 2], 12, 12),
    "structs": (list[Point], [Point(1, 2), Point(3, 4)], 26, 26),
    "map": (dict[u8, bool], {1: True, 2: False}, 12, 12),
    "empty items": (list[None], [None] * 3, 8, 8),
    "nested sequences": (list[list[u8]], [[], [1]], 25, 25),
    "char": (char, "\N{PENGUIN}", 0, 4),
    "chars": (list[char], ["a", "é", "\N{PENGUIN}"], 8, 15),
    "char before others": (Letter, Letter("é", 1), 2, 4),
    "char between others": (tuple[u32, char, u32], (1, "a", 2), 8, 9),
}


@pytest.mark.parametrize("case", LEAST)
@pytest.mark.parametrize("limits_chars", [False, True], ids=["1.3.3", "2.0.1"])
def test_the_limit_counts_what_the_crate_counts(case: str, limits_chars: bool) -> None:
    schema, value, *least = LEAST[case]
    limit = least[limits_chars]
    data = bincode.encode(schema, value) + b"after"
    decoded, end = bincode.decode(schema, data, config=Config(limit, limits_chars))
    assert (decoded, end) == (value, len(data) - len(b"after"))
    if limit:
        with pytest.raises(DecodeError, match=r"bytes needed, the size limit leaves \d+ \(at byte"):
            bincode.decode(schema, data, config=Config(limit - 1, limits_chars))


@pytest.mark.parametrize("config", [BINCODE_1, BINCODE_2], ids=["1.3.3", "2.0.1"])
def test_firecracker_reads_ten_mebibytes(config: Config) -> None:
    """The length in front of a text or byte vector counts as well."""
    most = bytes(10 * MIB - 8)
    data = bincode.encode(bytes, most)
    assert bincode.decode(bytes, data, config=config) == (most, 10 * MIB)
    with pytest.raises(DecodeError, match="10485753 bytes needed, the size limit leaves 10485752"):
        bincode.decode(bytes, bincode.encode(bytes, most + b"x"), config=config)


def test_the_limit_is_for_one_value_wherever_it_stands() -> None:
    data = b"before" + bincode.encode(u64, 7)
    assert bincode.decode(u64, data, config=Config(8), offset=6) == (7, 14)


def test_there_may_be_no_limit() -> None:
    data = bincode.encode(bytes, bytes(11 * MIB))
    assert bincode.decode(bytes, data, config=Config(None))[1] == len(data)


def test_what_is_written_is_not_limited() -> None:
    """Nor does it differ between the crates."""
    value = (bytes(10 * MIB), "\N{PENGUIN}")
    data = bincode.encode(tuple[bytes, char], value, BINCODE_1)
    assert len(data) == 10 * MIB + 12
    assert bincode.encode(tuple[bytes, char], value, BINCODE_2) == data


# --- bounds that Rust does not have ------------------------------------------------------------


def count(number: int) -> bytes:
    return number.to_bytes(8, "little")


BOMBS: dict[str, tuple[Any, bytes]] = {
    "numbers": (list[u64], count(1 << 63)),
    "as many as the limit": (list[u64], count(Limits().values_max)),
    "structs": (list[Point], count(1 << 40)),
    "texts": (list[str], count((1 << 64) - 1) + count(3)),
    "map": (dict[u8, u8], count(1 << 32) + bytes(3)),
    "empty items": (list[None], count(1 << 63)),
    "bytes": (bytes, count(1 << 62)),
    "text within the limit": (str, count(10 * MIB - 8)),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_count_without_the_bytes_for_it_costs_nothing(case: str) -> None:
    schema, data = BOMBS[case]
    tracemalloc.start()
    with pytest.raises(DecodeError):
        bincode.decode(schema, data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 100_000


NOTHING = Annotated[tuple[int, ...], Array(u64, 0)]


@pytest.mark.parametrize(
    "schema", [list[None], list[NOTHING], list[tuple[Empty, None]], dict[None, NOTHING]]
)
def test_empty_items_are_bounded(schema: Any) -> None:
    """Rust would go round in a loop, up to 2^64 times."""
    with pytest.raises(DecodeError, match="65537 empty items; expected at most 65536"):
        bincode.decode(schema, count(65537))


def test_the_number_of_items_is_limited() -> None:
    data = bincode.encode(list[list[u8]], [[0] * 60, [0] * 60])
    assert bincode.decode(list[list[u8]], data, limits=Limits(values_max=122))
    with pytest.raises(
        DecodeError, match="60 items here make more than the limit of 121"
    ) as caught:
        bincode.decode(list[list[u8]], data, limits=Limits(values_max=121))
    assert (caught.value.offset, caught.value.path) == (76, "[1]")


def test_empty_items_and_entries_are_items() -> None:
    data = bincode.encode(tuple[list[None], dict[u8, u8]], ([None] * 60, {1: 2}))
    schema = tuple[list[None], dict[u8, u8]]
    assert bincode.decode(schema, data, limits=Limits(values_max=61))
    with pytest.raises(DecodeError, match="1 items here"):
        bincode.decode(schema, data, limits=Limits(values_max=60))


def test_contents_of_byte_vectors_and_texts_are_not_items() -> None:
    data = bincode.encode(tuple[bytes, str], (bytes(1000), "x" * 1000))
    assert bincode.decode(tuple[bytes, str], data, limits=Limits(values_max=0))


def chain(length: int) -> Tree:
    tree = Tree(0, [], None)
    for _ in range(length):
        tree = Tree(0, [], tree)
    return tree


def test_structs_nest_as_deep_as_the_limit_both_ways() -> None:
    deepest = chain(Limits().depth_max)
    data = bincode.encode(Tree, deepest)
    assert bincode.decode(Tree, data) == (deepest, len(data))
    with pytest.raises(EncodeError, match="nested too deeply"):
        bincode.encode(Tree, chain(Limits().depth_max + 1))
    with pytest.raises(DecodeError, match="nested more than 5 deep"):
        bincode.decode(Tree, bincode.encode(Tree, chain(6)), limits=Limits(depth_max=5))


def test_endless_nesting_is_refused() -> None:
    one_level = bytes(1 + 8) + b"\1"
    with pytest.raises(DecodeError, match="nested more than 128 deep"):
        bincode.decode(Tree, one_level * 100_000)
    with pytest.raises(DecodeError, match="the value is nested too deeply"):
        bincode.decode(Tree, one_level * 100_000, limits=Limits(depth_max=100_000))


def test_a_value_inside_itself_is_refused() -> None:
    tree = chain(0)
    tree.kids.append(tree)
    with pytest.raises(EncodeError, match="nested too deeply"):
        bincode.encode(Tree, tree)
