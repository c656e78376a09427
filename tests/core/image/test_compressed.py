"""A compressed Image is unpacked within bounds; what can't be is refused, with what to do."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware
from emu.core.image import Image
from emu.core.image.compressed import COMPRESSIONS, find_compression, unpack
from emu.errors import BoardError
from tests.core.image.kernels import efi_image

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}
BY_NAME = {known.name: known for known in COMPRESSIONS}


@pytest.fixture(params=PACK)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("guest", ["heartbeat", "quiet"])
def test_a_compressed_image_is_the_image_that_is_in_it(name: str, guest: str) -> None:
    plain = firmware.load(guest).image
    packed = PACK[name](plain)
    assert len(packed) < len(plain)
    assert Image.parse(packed) == Image.parse(plain)


def test_what_follows_the_compressed_data_is_ignored(name: str) -> None:
    """A signature, or padding."""
    plain = efi_image(100, 50)
    assert Image.parse(PACK[name](plain) + b"signature").data == plain


def test_compressed_data_that_are_cut_off_anywhere_are_refused(name: str) -> None:
    packed = PACK[name](efi_image(100, 50))
    for length in range(13, len(packed)):
        with pytest.raises(BoardError, match=r"cut off.*get the file again"):
            Image.parse(packed[:length])


def test_compressed_data_that_hold_half_an_image_are_refused(name: str) -> None:
    with pytest.raises(BoardError, match="cut off"):
        Image.parse(PACK[name](efi_image(100, 50)[:-1]))


def test_damaged_data_are_refused(name: str) -> None:
    packed = bytearray(PACK[name](bytes(range(256)) * 40))
    packed[len(packed) // 2] ^= 0x10
    with pytest.raises(BoardError, match=r"can't be unpacked|cut off|not an arm64"):
        Image.parse(bytes(packed))


def test_a_bomb_is_refused_within_its_bound_of_memory(name: str) -> None:
    """The limit, once more while the pieces are put together, and a window, here of 8 MiB."""
    limit_bytes, window_bytes, packed = 4 << 20, 8 << 20, PACK[name](bytes(48 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(BoardError, match=f"more than {limit_bytes} bytes in them"):
            unpack(packed, BY_NAME[name], limit_bytes=limit_bytes)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * limit_bytes + window_bytes
    finally:
        tracemalloc.stop()


def test_the_limit_itself_may_be_reached(name: str) -> None:
    packed = PACK[name](bytes(1000))
    assert unpack(packed, BY_NAME[name], limit_bytes=1000) == bytes(1000)
    with pytest.raises(BoardError, match="more than 999 bytes"):
        unpack(packed, BY_NAME[name], limit_bytes=999)


def greedy_lzma() -> bytes:
    """Its header asks for a window of almost 4 GiB."""
    packed = bytearray(lzma.compress(b"a", lzma.FORMAT_ALONE))
    packed[1:5] = (0xFFFF_0000).to_bytes(4, "little")
    return bytes(packed)


def greedy_xz() -> bytes:
    """The same in the header of its first block, which has a checksum (xz file format, 3.1)."""
    packed = bytearray(lzma.compress(b"a"))
    end = 12 + packed[12] * 4
    packed[12 + 4] = 40
    packed[end : end + 4] = zlib.crc32(packed[12:end]).to_bytes(4, "little")
    return bytes(packed)


@pytest.mark.parametrize("greedy", [greedy_lzma, greedy_xz])
def test_a_window_that_needs_too_much_memory_is_refused(greedy: Callable[[], bytes]) -> None:
    with pytest.raises(BoardError, match=r"can't be unpacked \(Memory usage limit exceeded\)"):
        Image.parse(greedy())


@pytest.mark.parametrize(
    ("signature", "tool"),
    [
        (b"\x04\x22\x4d\x18", "lz4 -d"),
        (b"\x02\x21\x4c\x18", "lz4 -d"),
        (b"\x89LZO\0\r\n\x1a\n", "lzop -d"),
    ],
)
def test_where_python_has_no_decompressor_the_tool_is_named(signature: bytes, tool: str) -> None:
    with pytest.raises(BoardError, match=f"this Python can't unpack: do it by `{tool} < FILE"):
        Image.parse(signature + bytes(100))


ZSTD_EMPTY_FRAME = bytes.fromhex("28b52ffd2000010000")
"""Single segment, content size 0, then one raw block, the last, of 0 bytes (RFC 8878, 3.1.1)."""


def test_zstd_is_unpacked_where_python_can_and_refused_with_its_tool_where_not() -> None:
    can = BY_NAME["zstd"].begin is not None
    message = "what the zstd data hold is empty" if can else "do it by `zstd -d < FILE > Image`"
    with pytest.raises(BoardError, match=message):
        Image.parse(ZSTD_EMPTY_FRAME)


def test_data_that_were_packed_twice_are_refused() -> None:
    with pytest.raises(BoardError, match=r"what the xz data hold is gzip data: unpack them"):
        Image.parse(lzma.compress(gzip.compress(efi_image(100, 50))))


@given(
    start=st.sampled_from([known.signature for known in COMPRESSIONS]), rest=st.binary(max_size=500)
)
def test_any_bytes_behind_a_signature_give_an_image_or_a_board_error(
    start: bytes, rest: bytes
) -> None:
    assert find_compression(start + rest) is not None
    with contextlib.suppress(BoardError):
        Image.parse(start + rest)


@given(st.sampled_from(sorted(PACK)), st.integers(0, 10**6), st.integers(1, 255))
def test_any_damage_gives_an_image_or_a_board_error(name: str, place: int, change: int) -> None:
    packed = bytearray(PACK[name](efi_image(100, 50)))
    packed[place % len(packed)] ^= change
    with contextlib.suppress(BoardError):
        Image.parse(bytes(packed))
