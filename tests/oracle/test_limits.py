"""bincode's limit on what it reads, which its two versions count in different ways."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.wire import bincode
from emu.wire.bincode import BINCODE_1, BINCODE_2, Config
from emu.wire.nodes import IntNode, Node, TupleNode
from emu.wire.schema import char, schema_of, u8, u64
from harness.strategies.schemas import schemas
from harness.strategies.values import values
from tests.oracle.agreement import assert_same_verdict
from tests.oracle.client import Crate, Oracle
from tests.oracle.mutate import mutations
from tests.oracle.subjects import Codec

LIMITS_BYTES = (16, 32, 64, 128, 256)
CONFIGS: dict[Crate, Config] = {
    "bincode1-reader": BINCODE_1,
    "bincode2-reader": BINCODE_2,
    "bincode2-slice": BINCODE_2,
}

# Damaged forms of one encoding.
MUTATIONS = 12

crates = pytest.mark.parametrize("crate", CONFIGS)


def limited(crate: Crate, limit_bytes: int) -> Codec:
    """A codec of ours with a limit that small values exceed."""
    config = replace(CONFIGS[crate], limit_bytes=limit_bytes)
    return Codec(
        crate,
        lambda schema, value: bincode.encode(schema, value, config),
        lambda schema, data: bincode.decode(schema, data, config=config),
        limit_bytes,
    )


@settings(max_examples=settings().max_examples // 2)
@given(drawn=st.data(), limit_bytes=st.sampled_from(LIMITS_BYTES), seed=st.integers(0, 1 << 32))
def test_any_value_is_refused_where_the_crate_refuses_it(
    oracle: Oracle, drawn: st.DataObject, limit_bytes: int, seed: int
) -> None:
    node = drawn.draw(schemas())
    data = bincode.encode(node, drawn.draw(values(node)))
    for crate in CONFIGS:
        codec = limited(crate, limit_bytes)
        assert_same_verdict(oracle, codec, node, data)
        for mutated in mutations(data, Random(seed), MUTATIONS):
            assert_same_verdict(oracle, codec, node, mutated)


EDGES: dict[str, tuple[Node, object]] = {
    "numbers": (schema_of(tuple[u64, u64, u64, u64]), (1, 2, 3, 4)),
    "a text": (schema_of(str), "x" * 24),
    "a text and its rest": (schema_of(tuple[str, u64]), ("x" * 16, 1)),
    "bytes": (schema_of(bytes), bytes(24)),
    "options": (schema_of(list[u8 | None]), [1] * 12),
    "chars": (schema_of(list[char]), ["🐧"] * 6),
    "a map": (schema_of(dict[u8, u8]), {key: key for key in range(12)}),
}


@crates
@pytest.mark.parametrize("edge", EDGES)
def test_a_value_of_the_limit_is_read_and_a_larger_one_is_not(
    oracle: Oracle, crate: Crate, edge: str
) -> None:
    """All take 32 bytes, and then one more; bincode 1 does not count those of a `char`."""
    node, value = EDGES[edge]
    codec = limited(crate, 32)
    data = codec.encode(node, value)
    assert len(data) == 32
    assert assert_same_verdict(oracle, codec, node, data)
    larger = TupleNode((IntNode(8), node))
    is_read = assert_same_verdict(oracle, codec, larger, b"\0" + data)
    assert is_read == (edge == "chars" and crate == "bincode1-reader")
