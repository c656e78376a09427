"""Whether a codec of ours and a published crate make the same of bytes."""

from __future__ import annotations

from typing import Any
from unittest.mock import ANY

from emu.errors import DecodeError
from emu.wire.nodes import Node
from tests.oracle.client import Accepted, Oracle, Rejected
from tests.oracle.subjects import Codec


def assert_same_bytes(oracle: Oracle, codec: Codec, node: Node, value: Any) -> bytes:
    """Fail unless both write the same bytes for a value and read it back; gives the bytes."""
    data = codec.encode(node, value)
    assert data.hex() == oracle.encode(node, codec.crate, value).hex(), codec.crate
    assert assert_same_verdict(oracle, codec, node, data), f"{codec.crate} refuses what it wrote"
    assert codec.decode(node, data) == (value, len(data)), codec.crate
    return data


def assert_same_verdict(oracle: Oracle, codec: Codec, node: Node, data: bytes) -> bool:
    """Fail unless both refuse `data`, or accept it with one value; gives whether they accept it.

    Where the oracle had to stop the crate, ours has to refuse.
    """
    theirs = oracle.decode(node, codec.crate, data, codec.limit_bytes)
    ours = attempt(codec, node, data)
    if isinstance(theirs, Accepted):
        # Texts, because NaN does not equal itself, and True equals 1.
        is_agreed = repr(ours) == repr(theirs)
    else:
        is_agreed = isinstance(ours, DecodeError) and theirs != Rejected(ANY, panicked=True)
    assert is_agreed, f"{codec.crate} of {node}, {data.hex()}\ntheirs: {theirs}\nours: {ours}"
    return isinstance(theirs, Accepted)


def attempt(codec: Codec, node: Node, data: bytes) -> Accepted | DecodeError:
    """What our codec makes of `data`."""
    try:
        return Accepted(*codec.decode(node, data))
    except DecodeError as error:
        return error
