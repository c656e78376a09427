"""Whole states of a format, as a Hypothesis strategy.

Every value has an encoding that the release's decoder takes. What its loader then says differs:
it accepts the realistic ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from emu.arch import one_reg
from emu.arch.one_reg import ONE_REGS
from emu.errors import UnknownFormatError
from emu.formats import registry
from emu.formats.firecracker.leaves import Aarch64RegisterVec
from emu.formats.format import Format
from emu.wire.nodes import (
    ArrayNode,
    IntNode,
    MapNode,
    Node,
    OptionNode,
    SeqNode,
    StructNode,
    TupleNode,
    UnionNode,
)
from harness.states import offer_of, realistic_state
from harness.states.machine import CPUS, HOST_KERNELS, default_counts
from harness.strategies.values import values

_MAX_EDITS = 4
_SMALL_MAX_ITEMS = 2
_LOG2_SIZE_MAX = 8


@cache
def states(format_id: str) -> SearchStrategy[Any]:
    """Snapshots of a format: realistic ones, the same with a few edits, and small arbitrary ones.

    Of a format of a user's own there are only the last. Raises `UnknownFormatError`.
    """
    small = small_states(format_id)
    try:
        return realistic_states(format_id) | edited_states(format_id) | small
    except UnknownFormatError:
        return small


@st.composite
def _realistic(draw: DrawFn, format_id: str) -> Any:
    offer = offer_of(format_id)
    memory_mib = 2 * draw(st.sampled_from([32, 256]) | st.integers(32, 150 << 10))
    huge_pages = draw(st.sampled_from(offer.huge_pages))
    counts = default_counts(offer, memory_mib, huge_pages)
    return realistic_state(
        format_id,
        seed=draw(st.integers(0, 0xFFFF)),
        vcpus=draw(st.integers(1, 3)),
        memory_mib=memory_mib,
        host_kernel=draw(st.sampled_from(HOST_KERNELS)),
        cpu=draw(st.sampled_from(CPUS)),
        transport=draw(st.sampled_from(["mmio", "pci"] if offer.pci else ["mmio"])),
        devices={kind: draw(st.integers(0, count)) for kind, count in counts.items()},
        mmds=draw(st.booleans()),
        huge_pages=huge_pages,
    )


def realistic_states(format_id: str) -> SearchStrategy[Any]:
    """What a VMM could have written: machines of one to three vCPUs."""
    offer_of(format_id)
    return _realistic(format_id)


# --- edits -------------------------------------------------------------------------------------


@st.composite
def _edited(draw: DrawFn, form: Format) -> Any:
    snapshot = draw(_realistic(form.id))
    (state,) = (field for field in form.schema.fields if field.name == "data")
    for _ in range(draw(st.integers(1, _MAX_EDITS))):
        snapshot.data = _edit(draw, state.node, snapshot.data)
    return snapshot


def edited_states(format_id: str) -> SearchStrategy[Any]:
    """Realistic states in which up to four fields have other values of their types.

    The header stays as it is: with another one, no loader looks at the rest.
    """
    offer_of(format_id)
    return _edited(registry.get(format_id))


def _edit(draw: DrawFn, node: Node, value: Any) -> Any:
    """`value`, in which one leaf is drawn anew."""
    edit: _Edit = _EDITS.get(type(node), _leaf)
    return edit(draw, node, value)


def _leaf(draw: DrawFn, node: Node, _value: Any) -> Any:
    leaves = _small(node)
    if isinstance(node, IntNode):
        leaves |= st.sampled_from([node.minimum, node.maximum, node.maximum // 2 + 1])
    return draw(leaves)


def _option(draw: DrawFn, node: OptionNode, value: Any) -> Any:
    if value is None or draw(st.booleans()):
        return draw(_small(node))
    return _edit(draw, node.item, value)


def _struct(draw: DrawFn, node: StructNode, value: Any) -> Any:
    if isinstance(value, Aarch64RegisterVec):
        return _register(draw, value)
    if not node.fields:
        return value
    field = draw(st.sampled_from(node.fields))
    edited = _edit(draw, field.node, getattr(value, field.name))
    return dataclasses.replace(value, **{field.name: edited})


def _register(draw: DrawFn, vector: Aarch64RegisterVec) -> Aarch64RegisterVec:
    registers = list(vector.registers())
    if not registers:
        return vector
    index = draw(st.integers(0, len(registers) - 1))
    register, value = registers[index]
    greatest = (1 << 8 * one_reg.size_bytes(register)) - 1
    registers[index] = (register, draw(st.sampled_from([0, value ^ 1, greatest])))
    return Aarch64RegisterVec.of(registers)


def _union(draw: DrawFn, node: UnionNode, value: Any) -> Any:
    variant = next(variant for variant in node.variants if isinstance(value, variant.cls))
    return _struct(draw, variant, value)


def _items(draw: DrawFn, node: SeqNode | ArrayNode, value: Any) -> Any:
    if not value:
        return value
    index = draw(st.integers(0, len(value) - 1))
    edited = _edit(draw, node.item, value[index])
    return type(value)((*value[:index], edited, *value[index + 1 :]))


def _tuple(draw: DrawFn, node: TupleNode, value: tuple[Any, ...]) -> tuple[Any, ...]:
    index = draw(st.integers(0, len(value) - 1))
    return (*value[:index], _edit(draw, node.items[index], value[index]), *value[index + 1 :])


def _map(draw: DrawFn, node: MapNode, value: dict[Any, Any]) -> dict[Any, Any]:
    if not value:
        return value
    key = draw(st.sampled_from(list(value)))
    return {**value, key: _edit(draw, node.value, value[key])}


_Edit = Callable[[DrawFn, Any, Any], Any]

_EDITS: dict[type[Node], _Edit] = {
    StructNode: _struct,
    UnionNode: _union,
    OptionNode: _option,
    SeqNode: _items,
    ArrayNode: _items,
    TupleNode: _tuple,
    MapNode: _map,
}


# --- small ones --------------------------------------------------------------------------------


def register_vectors() -> SearchStrategy[Aarch64RegisterVec]:
    """Registers of any size that can be read, known or not, each at most once."""
    known = st.sampled_from([register.id for register in ONE_REGS])
    unknown = st.builds(
        lambda log2, number: one_reg.KVM_REG_ARM64 | log2 << 52 | number,
        st.integers(0, _LOG2_SIZE_MAX),
        st.integers(0, 0xFFFF_FFFF),
    )
    ids = st.lists(known | unknown, max_size=3, unique=True)
    return ids.flatmap(_with_values)


def _with_values(ids: list[int]) -> SearchStrategy[Aarch64RegisterVec]:
    values_of_ids = [
        st.binary(min_size=size, max_size=size) for size in map(one_reg.size_bytes, ids)
    ]
    return st.tuples(*values_of_ids).map(lambda data: Aarch64RegisterVec(ids, b"".join(data)))


@cache
def _small(schema: Node) -> SearchStrategy[Any]:
    return values(
        schema, overrides={Aarch64RegisterVec: register_vectors()}, max_items=_SMALL_MAX_ITEMS
    )


def small_states(format_id: str) -> SearchStrategy[Any]:
    """Arbitrary values of the schema with short lists; raises `UnknownFormatError`."""
    return _small(registry.get(format_id).schema)
