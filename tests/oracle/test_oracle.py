"""The oracle itself: what it says of input that would end or stop another program."""

from __future__ import annotations

import pytest

from emu.wire.schema import Struct, schema_of, u8, u16
from tests.oracle.client import Accepted, Crate, Exceeded, Oracle, OracleError, Rejected
from tests.oracle.subjects import CODECS, Tree

codecs = pytest.mark.parametrize("crate", [codec.crate for codec in CODECS])

TREE = schema_of(Tree)
UNITS = schema_of(list[None])


@codecs
def test_a_value_that_nests_too_deeply_ends_nothing(oracle: Oracle, crate: Crate) -> None:
    """A level of a tree takes 3 bytes in bitcode, 10 in bincode: 100,000 levels."""
    level = bytes.fromhex("0000 01") if crate == "bitcode" else bytes.fromhex("0000 01" + "00" * 7)
    assert oracle.decode(TREE, crate, level * 100_000) == Exceeded()
    assert oracle.crc64(b"123456789") == 0xE9C6D914C4B8D9CA


@codecs
def test_a_loop_without_end_is_stopped(oracle: Oracle, crate: Crate) -> None:
    endless = oracle.decode(UNITS, crate, b"\xff" * 8)
    assert isinstance(endless, Rejected if crate == "bitcode" else Exceeded)


@codecs
def test_what_follows_the_value_is_not_consumed(oracle: Oracle, crate: Crate) -> None:
    """Except by bitcode, which refuses it."""
    outcome = oracle.decode(schema_of(u8), crate, b"\x07\x08")
    if crate == "bitcode":
        assert isinstance(outcome, Rejected)
    else:
        assert outcome == Accepted(7, 1)


class Pair(Struct):
    left: u16
    right: u16


def test_times_are_measured(oracle: Oracle) -> None:
    times = oracle.time(schema_of(Pair), "bitcode", bytes(4), rounds=3)
    assert times.decode_ns > 0
    assert times.encode_ns > 0


def test_a_request_without_sense_has_an_error(oracle: Oracle) -> None:
    with pytest.raises(OracleError, match="misused: there is no schema 4294967295"):
        oracle.encode_json(0xFFFF_FFFF, "bitcode", None)
    with pytest.raises(OracleError, match="misused: 300: number too large"):
        oracle.encode_json(oracle.schema(schema_of(u8)), "bitcode", "300")
