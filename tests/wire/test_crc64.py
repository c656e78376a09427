"""CRC-64 Jones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emu.wire.crc64 import crc64

POLYNOMIAL_REFLECTED = 0x95AC9329AC4BC9B5


def bitwise(data: bytes) -> int:
    """The definition: one bit at a time, lowest first, from 0, without a final xor."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL_REFLECTED if crc & 1 else 0)
    return crc


def test_check_value() -> None:
    assert crc64(b"123456789") == 0xE9C6D914C4B8D9CA


@given(st.binary(max_size=100))
def test_equals_its_definition(data: bytes) -> None:
    assert crc64(data) == bitwise(data)


@given(st.binary())
def test_is_zero_over_data_and_its_own_crc(data: bytes) -> None:
    assert crc64(data + crc64(data).to_bytes(8, "little")) == 0
