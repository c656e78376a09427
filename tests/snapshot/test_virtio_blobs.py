"""A virtio device's state and its blob are each other's inverse, and nothing is left out unseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.devices.virtio.device import Notification, VirtioState
from emu.devices.virtio.mmio import MmioTransportState
from emu.devices.virtio.rate_limiter import RateLimiterState
from emu.devices.virtio.rng import RngState
from emu.errors import EncodeError, IncompatibleError
from emu.formats.thawbench import VIRTIO_ENCODINGS
from emu.machine.state import ConnectedState
from emu.snapshot import virtio_blobs
from emu.snapshot.mirror import to_struct
from emu.wire.nodes import StructNode
from emu.wire.schema import schema_of
from harness.strategies.values import values

KINDS = list(VIRTIO_ENCODINGS)
each_kind = pytest.mark.parametrize("kind", KINDS)


def test_there_is_a_state_for_each_encoding() -> None:
    assert set(virtio_blobs.STATES) == set(VIRTIO_ENCODINGS)


@each_kind
@given(data=st.data())
def test_whatever_a_blob_can_say_comes_back_through_the_state(
    kind: str, data: st.DataObject
) -> None:
    encoding = VIRTIO_ENCODINGS[kind]
    value = data.draw(values(schema_of(encoding.schema)))
    state = virtio_blobs.decode(kind, encoding.encode(value))
    assert to_struct(state, encoding.schema) == value
    assert virtio_blobs.decode(kind, virtio_blobs.encode_state(kind, state)) == state


def struct_of(kind: str, part: str) -> StructNode:
    """The struct of a part of a blob: `transport` or `device`."""
    whole = schema_of(VIRTIO_ENCODINGS[kind].schema)
    assert isinstance(whole, StructNode)
    (found,) = (field.node for field in whole.fields if field.name == part)
    assert isinstance(found, StructNode)
    return found


def pairs(state: type[Any], struct: StructNode) -> Iterator[tuple[str, set[str], set[str]]]:
    """Each dataclass inside a state, with its fields and those of its struct."""
    hints, nodes = get_type_hints(state), {field.name: field.node for field in struct.fields}
    yield state.__name__, {field.name for field in fields(state)}, set(nodes)
    for name, node in nodes.items():
        inner = getattr(node, "item", node)
        for hint in (hints[name], *get_args(hints[name])):
            if isinstance(inner, StructNode) and is_dataclass(hint) and isinstance(hint, type):
                yield from pairs(hint, inner)


@each_kind
def test_a_blob_has_a_field_for_each_of_the_state_and_no_other(kind: str) -> None:
    """A field that is added to a device's state can't be forgotten in its encoding."""
    seen = list(pairs(virtio_blobs.STATES[kind], struct_of(kind, "device")))
    assert {(state, name) for state, has, kept in seen for name in has ^ kept} == set()
    assert {state for state, _, _ in seen} >= {"VirtioState", "QueueState", "Notification"}


def test_the_transport_is_carried_whole() -> None:
    ((_, has, kept),) = pairs(MmioTransportState, struct_of(KINDS[0], "transport"))
    assert has == kept


def rng(**changes: Any) -> ConnectedState:
    virtio = VirtioState(**{"avail_features": 1 << 32, **changes})
    device = RngState(virtio=virtio, rate_limiter_state=RateLimiterState())
    return ConnectedState(MmioTransportState(queue_select=7), device)


def test_a_notification_comes_back() -> None:
    state = rng(notified=(Notification(0, 5),))
    found = virtio_blobs.decode("virtio-rng", virtio_blobs.encode_state("virtio-rng", state))
    assert found == state


def test_a_value_that_does_not_fit_its_field_is_named() -> None:
    with pytest.raises(EncodeError, match="acked_features"):
        virtio_blobs.encode_state("virtio-rng", rng(acked_features=1 << 64))


@each_kind
def test_a_blob_of_squib_s_own_is_refused(kind: str) -> None:
    with pytest.raises(IncompatibleError, match="only a device saved by thawbench"):
        virtio_blobs.decode(kind, bytes(40))
