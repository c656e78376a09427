"""What is compared with the oracle: our codecs, and the types that they are tried on."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from emu.formats import codecs, registry
from emu.formats.format import Format
from emu.wire import bincode, bitcode
from emu.wire.bincode import BINCODE_1, BINCODE_2
from emu.wire.nodes import IntNode, Node
from emu.wire.schema import OnlyVariant, Struct, schema_of, u8, u16, u64
from emu.wire.semver import Semver
from tests.oracle.client import LIMIT_BYTES, Crate


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec of ours.

    Attributes:
        crate: the crate that it has to agree with.
        decode: gives the value, and how many bytes it took.
        limit_bytes: what bincode reads of one value.
    """

    crate: Crate
    encode: Callable[[Any, Any], bytes]
    decode: Callable[[Any, bytes], tuple[Any, int]]
    limit_bytes: int = LIMIT_BYTES


def _bincode(crate: Crate, config: bincode.Config) -> Codec:
    return Codec(
        crate,
        lambda schema, value: bincode.encode(schema, value, config),
        lambda schema, data: bincode.decode(schema, data, config=config),
    )


BITCODE = Codec(
    "bitcode", bitcode.encode, lambda schema, data: (bitcode.decode(schema, data), len(data))
)
BINCODE_1_READER = _bincode("bincode1-reader", BINCODE_1)
BINCODE_2_READER = _bincode("bincode2-reader", BINCODE_2)
BINCODE_2_SLICE = _bincode("bincode2-slice", BINCODE_2)

CODECS = (BITCODE, BINCODE_1_READER, BINCODE_2_READER, BINCODE_2_SLICE)


@dataclass(frozen=True, slots=True)
class Subject:
    """A type, and a codec in which state files have it."""

    name: str
    node: Node
    codec: Codec

    def __str__(self) -> str:
        return f"{self.name}, {self.codec.crate}"


_CODECS_OF: dict[codecs.Codec, tuple[Codec, ...]] = {
    codecs.Bitcode(): (BITCODE,),
    codecs.Bincode(BINCODE_1): (BINCODE_1_READER,),
    codecs.Bincode(BINCODE_2): (BINCODE_2_READER, BINCODE_2_SLICE),
}


def codecs_of(form: Format) -> tuple[Codec, ...]:
    """The codecs of a format, each with a way in which its releases may call the crate."""
    return _CODECS_OF[form.codec]


def formats_under_test() -> list[Subject]:
    """The schema of every known format, with its codecs."""
    return [
        Subject(form.id, form.schema, codec)
        for form in registry.BUILT_IN
        for codec in codecs_of(form)
    ]


def shapes_under_test() -> list[Subject]:
    """Types that no state file has, with every codec."""
    return [
        Subject(shape.__name__, schema_of(shape), codec) for shape in SHAPES for codec in CODECS
    ]


# --- shapes that are drawn seldom or never ----------------------------------------------------


class Tree(Struct):
    """A type that contains itself."""

    name: u16
    children: list[Tree]


class Power(enum.Enum):
    On = "On"


class Sized(Struct):
    _0: u16
    _1: str


class Narrow(Struct):
    """Enums of one variant, with and without payload; numbers that are not 0; a version."""

    power: Power
    powers: list[Power]
    only: Annotated[Sized, OnlyVariant()]
    count: Annotated[int, IntNode(32, nonzero=True)]
    counts: list[Annotated[int, IntNode(8, nonzero=True)]]
    version: Semver


class Empty(Struct):
    pass


class Nothing(Struct):
    """Items that occupy no memory."""

    units: list[None]
    empties: list[Empty]
    pairs: list[tuple[None, Empty]]
    keys: dict[None, u8]
    after: u64


SHAPES = (Tree, Narrow, Nothing)
