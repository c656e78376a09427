"""The codecs against the published crates: any type, any value, and bytes that were damaged."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.wire.nodes import Node
from harness.strategies.schemas import schemas
from harness.strategies.values import values
from tests.oracle.agreement import assert_same_bytes, assert_same_verdict
from tests.oracle.client import Oracle
from tests.oracle.mutate import mutations
from tests.oracle.samples import sample
from tests.oracle.subjects import CODECS, Subject, schemas_under_test

# Damaged forms of one encoding. Most time goes into making the type and the value.
MUTATIONS = 25

EXAMPLES_MAX = settings().max_examples

subjects = pytest.mark.parametrize("subject", schemas_under_test(), ids=str)

seeds = st.integers(0, (1 << 32) - 1)


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Node, Any]:
    """A type, and a value of it."""
    node = draw(schemas())
    return node, draw(values(node))


@given(typed=typed_values(), seed=seeds)
def test_any_type(oracle: Oracle, typed: tuple[Node, Any], seed: int) -> None:
    """Bytes, value and length are the crate's; of damaged bytes, verdict and value are."""
    node, value = typed
    for codec in CODECS:
        data = assert_same_bytes(oracle, codec, node, value)
        for mutated in mutations(data, Random(seed), MUTATIONS):
            assert_same_verdict(oracle, codec, node, mutated)


@subjects
@settings(max_examples=EXAMPLES_MAX // 10)
@given(seed=seeds)
def test_a_schema(oracle: Oracle, subject: Subject, seed: int) -> None:
    """The same for the types of state files, and for shapes that are seldom drawn."""
    random = Random(seed)
    value = sample(subject.node, random)
    data = assert_same_bytes(oracle, subject.codec, subject.node, value)
    for mutated in mutations(data, random, MUTATIONS):
        assert_same_verdict(oracle, subject.codec, subject.node, mutated)
