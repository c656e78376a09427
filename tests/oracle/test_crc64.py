"""The CRC-64 is that of the crate `crc64`."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from emu.wire.crc64 import crc64
from tests.oracle.client import Oracle


@given(st.binary(max_size=100))
def test_of_short_data(oracle: Oracle, data: bytes) -> None:
    assert crc64(data) == oracle.crc64(data)


@given(st.integers(0, 1 << 32), st.integers(0, 1 << 16))
def test_of_long_data(oracle: Oracle, seed: int, size_bytes: int) -> None:
    data = Random(seed).randbytes(size_bytes)
    assert crc64(data) == oracle.crc64(data)
