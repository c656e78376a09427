"""The packing of columns, at every level and at both sides of every boundary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.wire import columns
from emu.wire.columns import Width, width
from emu.wire.reader import DEFAULT_LIMITS, Reader


def reader(data: bytes) -> Reader:
    return Reader(data, DEFAULT_LIMITS)


# Greatest value, header, values per byte.
LEVELS = [
    (0, 10, 8),
    (1, 10, 8),
    (2, 8, 5),
    (3, 6, 4),
    (4, 4, 3),
    (5, 4, 3),
    (6, 2, 2),
    (15, 2, 2),
    (16, 0, 1),
    (255, 0, 1),
]


@pytest.mark.parametrize(("greatest", "header", "per_byte"), LEVELS)
@pytest.mark.parametrize("count", [3, 4, 5, 6, 31, 32, 33, 1000])
def test_bytes_take_the_densest_level_that_holds_the_greatest(
    greatest: int, header: int, per_byte: int, count: int
) -> None:
    values = bytes(count - 1) + bytes([greatest])
    packed = columns.pack_bytes(values)
    assert packed[0] == header
    assert len(packed) == 1 + -(-count // per_byte)
    assert columns.unpack_bytes(reader(packed), count) == values


@pytest.mark.parametrize(("span", "basic_header", "per_byte"), LEVELS)
@pytest.mark.parametrize("count", [6, 7, 100])
def test_six_bytes_or_more_far_from_zero_get_a_base(
    span: int, basic_header: int, per_byte: int, count: int
) -> None:
    low = 255 - span
    values = bytes([low, *[255] * (count - 1)])
    packed = columns.pack_bytes(values)
    if basic_header:
        assert packed[:2] == bytes([basic_header - 1, low])
        assert len(packed) == 2 + -(-count // per_byte)
    else:
        assert packed == b"\0" + values
    assert columns.unpack_bytes(reader(packed), count) == values


@pytest.mark.parametrize("count", [3, 4, 5])
def test_five_bytes_or_fewer_never_get_a_base(count: int) -> None:
    assert columns.pack_bytes(bytes([200] * count)) == bytes([0] + [200] * count)


@pytest.mark.parametrize("values", [b"", b"\xff", b"\x00\xff"])
def test_two_bytes_or_fewer_have_no_header(values: bytes) -> None:
    assert columns.pack_bytes(values) == values


def test_a_negative_i8_is_packed_with_a_base_only() -> None:
    assert columns.pack_signed_bytes([-1, 0, 0]) == bytes.fromhex("00 ff0000")
    assert columns.pack_signed_bytes([-1, 0, 0, 0, 0, 0]) == bytes.fromhex("09 ff 3e")


UNSIGNED = [width(size) for size in (2, 4, 8, 16)]
SIGNED = [width(size, signed=True) for size in (2, 4, 8, 16)]
# Greatest value of each width, narrowest first.
WIDTH_ENDS = [(1, 0xFF), (2, 0xFFFF), (4, 0xFFFF_FFFF), (8, (1 << 64) - 1), (16, (1 << 128) - 1)]


@pytest.mark.parametrize("kind", UNSIGNED, ids=str)
def test_integers_take_the_narrowest_width_that_holds_the_greatest(kind: Width) -> None:
    for size, last in WIDTH_ENDS:
        if last > kind.maximum:
            break
        steps = [1, 2, 4, 8, 16]
        header = 2 * (steps.index(kind.size) - steps.index(size))
        for value in (last, last // 256 + 1):
            packed = columns.pack_ints([0, value], kind)
            assert packed[0] == header
            assert len(packed) == 1 + 2 * size
            assert columns.unpack_ints(reader(packed), 2, kind) == [0, value]


@pytest.mark.parametrize("kind", UNSIGNED + SIGNED, ids=str)
def test_six_integers_far_from_zero_get_a_base(kind: Width) -> None:
    low = kind.maximum - 5
    values = list(range(low, low + 6))
    packed = columns.pack_ints(values, kind)
    assert packed[0] % 2 == 1
    assert packed[1 : 1 + kind.size] == low.to_bytes(kind.size, "little")
    assert columns.unpack_ints(reader(packed), 6, kind) == values
    assert columns.pack_ints(values[:5], kind)[0] == 0


@pytest.mark.parametrize("kind", SIGNED, ids=str)
def test_negative_integers_are_stored_whole_without_a_base(kind: Width) -> None:
    packed = columns.pack_ints([-1, 0], kind)
    assert packed == b"\0" + b"\xff" * kind.size + bytes(kind.size)


@pytest.mark.parametrize("kind", UNSIGNED + SIGNED, ids=str)
def test_integers_out_of_range_are_refused(kind: Width) -> None:
    for value in (kind.minimum - 1, kind.maximum + 1):
        with pytest.raises(OverflowError):
            columns.pack_ints([0, value], kind)


def test_one_16_bit_integer_has_no_header() -> None:
    assert columns.pack_ints([5], width(2)) == b"\5\0"
    assert columns.pack_ints([-2], width(2, signed=True)) == b"\xfe\xff"


@pytest.mark.parametrize("kind", UNSIGNED + SIGNED, ids=str)
@given(data=st.data())
def test_integers_round_trip(kind: Width, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(kind.minimum, kind.maximum), min_size=1))
    packed = columns.pack_ints(values, kind)
    assert columns.unpack_ints(reader(packed), len(values), kind) == values


@given(st.lists(st.integers(-128, 127), min_size=1), st.integers(0, 5))
def test_i8_round_trips(values: list[int], halvings: int) -> None:
    values = [value >> halvings for value in values]
    unpacked = columns.unpack_bytes(reader(columns.pack_signed_bytes(values)), len(values))
    assert [(value ^ 0x80) - 0x80 for value in unpacked] == values


@given(st.binary(min_size=1, max_size=300), st.integers(0, 7), st.integers(0, 255))
def test_u8_round_trips(noise: bytes, halvings: int, base: int) -> None:
    values = bytes(((byte >> halvings) + base) & 0xFF for byte in noise)
    assert columns.unpack_bytes(reader(columns.pack_bytes(values)), len(values)) == values


@given(st.lists(st.booleans(), min_size=1, max_size=100))
def test_bits_are_stored_low_bit_first(bits: list[bool]) -> None:
    number = sum(bit << index for index, bit in enumerate(bits))
    assert columns.pack_bits(bits) == number.to_bytes(-(-len(bits) // 8), "little")


def test_a_bit_other_than_0_and_1_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        columns.pack_bits([0, 2])


@pytest.mark.parametrize("length", [0, 254, 255, 256, 65535, 65536])
def test_lengths_from_255_on_go_to_a_second_list(length: int) -> None:
    packed = columns.pack_lengths([1, length])
    assert packed[1] == min(length, 255)
    assert (len(packed) > 2) == (length >= 255)
    lengths, total = columns.unpack_lengths(reader(packed), 2)
    assert list(lengths) == [1, length]
    assert total == length + 1


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_f32_columns_store_the_high_bytes_last(values: list[float]) -> None:
    packed = columns.pack_floats(values)
    assert packed[3 * len(values) :] == bytes(columns.pack_floats([v])[3] for v in values)
    assert list(columns.unpack_floats(reader(packed), len(values))) == values
