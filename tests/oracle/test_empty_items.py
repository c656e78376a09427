"""Sequences of items that occupy no memory, or no bytes: how long they may be."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import pytest

from emu.wire.nodes import SeqNode
from emu.wire.schema import Array, OnlyVariant, Struct, schema_of, u8
from tests.oracle.agreement import attempt
from tests.oracle.client import Accepted, Oracle
from tests.oracle.subjects import BINCODE_2_SLICE, BITCODE, Codec

ITEMS_MAX = 1 << 16

# Which bincode it is makes no difference here.
CODECS = (BITCODE, BINCODE_2_SLICE)

codecs = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.crate)


class Empty(Struct):
    pass


class Power(enum.Enum):
    On = "On"


class Wrapped(Struct):
    _0: None


class Sized(Struct):
    _0: u8


# Type, a value of it, whether values occupy no memory in Rust, and whether they take no bytes.
ITEMS: dict[str, tuple[Any, Any, bool, bool]] = {
    "unit": (None, None, True, True),
    "struct": (Empty, Empty(), True, True),
    "tuple": (tuple[None, Empty], (None, Empty()), True, True),
    "array of none": (Annotated[tuple[Any, ...], Array(u8, 0)], (), True, True),
    "enum of one": (Power, Power.On, True, False),
    "variant of a unit": (Annotated[Wrapped, OnlyVariant()], Wrapped(None), True, False),
    "variant of a number": (Annotated[Sized, OnlyVariant()], Sized(1), False, False),
}


@codecs
@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("count", [ITEMS_MAX, ITEMS_MAX + 1])
def test_a_list_may_be_as_long_as_for_the_crate(
    oracle: Oracle, codec: Codec, name: str, count: int
) -> None:
    """The bound is on what occupies no memory in bitcode, and in bincode on what has no bytes."""
    item, value, is_zero_sized, is_without_bytes = ITEMS[name]
    node = SeqNode(schema_of(item))
    data = codec.encode(node, [value] * count)
    is_bounded = is_zero_sized if codec is BITCODE else is_without_bytes
    is_accepted = count <= ITEMS_MAX or not is_bounded
    assert isinstance(attempt(codec, node, data), Accepted) == is_accepted
    theirs = oracle.decode_json(oracle.schema(node), codec.crate, data)
    assert isinstance(theirs, Accepted) == is_accepted
