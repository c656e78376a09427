"""VMClock's structure: it has no holes, and is what Firecracker's state file has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emu.arch.vmclock import VMCLOCK_ABI, VMCLOCK_ABI_SIZE_BYTES, pack, unpack
from emu.formats.firecracker.v1_15 import vmclock_abi
from emu.wire.nodes import ArrayNode, IntNode
from emu.wire.schema import fields_of


def test_it_has_112_bytes_and_no_holes() -> None:
    ends = [slot.end for slot in VMCLOCK_ABI.slots]
    assert ends[-1] == VMCLOCK_ABI_SIZE_BYTES == 112
    assert [slot.offset for slot in VMCLOCK_ABI.slots] == [0, *ends[:-1]]


def test_it_has_the_fields_of_the_state_file() -> None:
    """In order, each as wide; `pad` is two of one byte."""
    shapes = {}
    for field in fields_of(vmclock_abi):
        count, node = 1, field.node
        if isinstance(node, ArrayNode):
            count, node = node.length, node.item
        assert isinstance(node, IntNode)
        shapes[field.name] = (node.bits // 8, count)
    assert [(slot.name, (slot.size_bytes, slot.count)) for slot in VMCLOCK_ABI.slots] == [
        *shapes.items()
    ]


@given(st.binary(min_size=112, max_size=112))
def test_pack_after_unpack_is_the_identity(data: bytes) -> None:
    assert pack(unpack(data)) == data
