"""The codecs against the published crates: any type, any value, and bytes that were damaged."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.wire.nodes import Node
from harness.states import random_state
from harness.strategies.schemas import schemas
from harness.strategies.values import values
from tests.oracle.agreement import assert_same_bytes, assert_same_verdict
from tests.oracle.client import Oracle
from tests.oracle.mutate import mutations
from tests.oracle.samples import sample
from tests.oracle.subjects import CODECS, Subject, formats_under_test, shapes_under_test

# Damaged forms of one encoding. Most time goes into making the type and the value.
MUTATIONS = 25

# Values of each schema: 1,000 in CI, 100,000 in the deep profile.
VALUES = 20 * settings().max_examples

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


@pytest.mark.parametrize("subject", formats_under_test(), ids=str)
def test_a_schema(oracle: Oracle, subject: Subject) -> None:
    """The same for the types of state files."""
    for seed in range(VALUES):
        agree(oracle, subject, lambda random: sample(subject.node, random), seed)


@pytest.mark.parametrize("subject", shapes_under_test(), ids=str)
def test_a_shape(oracle: Oracle, subject: Subject) -> None:
    """The same for types that no state file has, and that are seldom drawn."""
    for seed in range(VALUES // 20):
        agree(oracle, subject, lambda random: sample(subject.node, random), seed)


@pytest.mark.parametrize("subject", formats_under_test(), ids=str)
def test_a_realistic_state(oracle: Oracle, subject: Subject) -> None:
    """The same for what a VMM writes of a Linux that runs."""
    for seed in range(VALUES // 10):
        agree(oracle, subject, lambda random: random_state(subject.name, random), seed)


def agree(oracle: Oracle, subject: Subject, draw: Callable[[Random], Any], seed: int) -> None:
    """A value and a damaged form of it, to us and to the crate."""
    random = Random(seed)
    try:
        data = assert_same_bytes(oracle, subject.codec, subject.node, draw(random))
        for mutated in mutations(data, random, 1):
            assert_same_verdict(oracle, subject.codec, subject.node, mutated)
    except AssertionError as error:
        error.add_note(f"with the seed {seed}")
        raise
