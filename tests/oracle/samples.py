"""Values of any type by a random number generator: for types that are too large for Hypothesis.

A value of a state file is made of thousands of draws, of which Hypothesis keeps account.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from random import Random
from typing import Any

from emu.formats.firecracker.leaves import Aarch64RegisterVec
from emu.wire.nodes import (
    ArrayNode,
    BoolNode,
    BytesNode,
    CharNode,
    EnumNode,
    FloatNode,
    IntNode,
    MapNode,
    Node,
    OptionNode,
    SeqNode,
    StructNode,
    TextNode,
    TupleNode,
    UnionNode,
    UnitNode,
)

TEXTS = {
    "str": ("", "a", "eth0", "/dev/vda", "é", "雪", "🐧\0", "x" * 254, "y" * 255, "z" * 300),
    "semver version": ("0.0.0", "5.0.0", "10.2.33", "1.0.0-rc.1+build.007"),
    "MAC address": ("06:00:ac:10:00:02", "AA:bb:CC:00:11:ff"),
    "KVM capability": ("0", "121", "!171", "4294967295"),
    "PCI address": ("0000:00:01.0", "ffff:ff:1f.7"),
}
"""Texts that are acceptable, by the name of the `TextNode`."""

_LENGTHS = (0, 0, 1, 1, 2, 3, 6, 9)
_DEPTH_MAX = 40
_REGISTER_SIZES_LOG2 = (2, 3, 4, 8)


class Sampler:
    """Draws values that resemble each other more in one sampler than in another.

    Numbers that are close together are packed in other ways than numbers that are far apart.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self._bits_max = random.choice([1, 2, 3, 4, 8, 16, 32, 128])
        self._base = random.choice([0, 0, random.getrandbits(random.choice([8, 16, 32, 64]))])
        self._depth = 0

    def value(self, node: Node) -> Any:
        """A value of a type."""
        self._depth += 1
        value = _SAMPLES[type(node)](node, self)
        self._depth -= 1
        return value

    def values(self, node: Node) -> list[Any]:
        """Any number of values: fewer inside others, and at last none."""
        length = self.random.choice(_LENGTHS[: max(1, len(_LENGTHS) - self._depth // 4)])
        return [self.value(node) for _ in range(length)]

    def integer(self, node: IntNode) -> int:
        """A number near the others, or now and then any one, or one at an end of the range."""
        kind = self.random.randrange(16)
        if kind == 0:
            return self.random.choice([node.minimum, node.maximum])
        if kind == 1:
            return self.random.randint(node.minimum, node.maximum)
        number = self._base + self.random.getrandbits(self._bits_max)
        return node.minimum + number % (node.maximum - node.minimum + 1)

    def data(self) -> bytes:
        """Bytes that can be packed, or not."""
        size_bytes = self.random.choice([0, 1, 2, 3, 5, 6, 40, 254, 255, 256])
        limit = 1 << min(8, self._bits_max)
        return bytes(self.random.randrange(limit) for _ in range(size_bytes))

    def chance(self) -> bool:
        """Yes or no; far inside other values, no."""
        return self._depth < _DEPTH_MAX and self.random.random() < 0.5


def _float(node: FloatNode, sampler: Sampler) -> float:
    form = "<f" if node.bits == 32 else "<d"
    number: float = struct.unpack(form, sampler.random.randbytes(node.bits // 8))[0]
    return -0.0 if math.isnan(number) else number


def _registers(sampler: Sampler) -> Aarch64RegisterVec:
    """Ids that say how long the registers are, in bits 52 to 55, and as many bytes as they say."""
    random = sampler.random
    sizes_log2 = [random.choice(_REGISTER_SIZES_LOG2) for _ in range(random.choice(_LENGTHS))]
    ids = [0x6000_0000_0000_0000 | log2 << 52 | random.getrandbits(16) for log2 in sizes_log2]
    return Aarch64RegisterVec(ids, random.randbytes(sum(1 << log2 for log2 in sizes_log2)))


def _struct(node: StructNode, sampler: Sampler) -> Any:
    if node.cls is Aarch64RegisterVec:
        return _registers(sampler)
    return node.cls(*[sampler.value(field.node) for field in node.fields])


_SAMPLES: dict[type[Any], Callable[[Any, Sampler], Any]] = {
    UnitNode: lambda node, sampler: None,
    BoolNode: lambda node, sampler: sampler.random.random() < 0.5,
    IntNode: lambda node, sampler: sampler.integer(node),
    FloatNode: _float,
    CharNode: lambda node, sampler: sampler.random.choice("a\0é雪🐧"),
    TextNode: lambda node, sampler: sampler.random.choice(TEXTS[node.name]),
    BytesNode: lambda node, sampler: sampler.data(),
    OptionNode: lambda node, sampler: sampler.value(node.item) if sampler.chance() else None,
    SeqNode: lambda node, sampler: sampler.values(node.item),
    ArrayNode: lambda node, sampler: tuple(sampler.value(node.item) for _ in range(node.length)),
    TupleNode: lambda node, sampler: tuple(map(sampler.value, node.items)),
    MapNode: lambda node, sampler: dict(sampler.values(TupleNode((node.key, node.value)))),
    EnumNode: lambda node, sampler: sampler.random.choice(list(node.cls)),
    StructNode: _struct,
    UnionNode: lambda node, sampler: sampler.value(sampler.random.choice(node.variants)),
}


def sample(node: Node, random: Random) -> Any:
    """A random value of a type."""
    return Sampler(random).value(node)
