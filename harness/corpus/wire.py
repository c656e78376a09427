"""Damage to bytes: what a cut-off copy, a bad disk or a hostile sender makes of a state file."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from emu.formats import envelope
from emu.formats.format import Format
from emu.wire.pieces import Piece, bincode_pieces, bitcode_pieces

Damage = tuple[bytes, str]
"""The body of a state file, and what was done to it."""


def pieces(file_format: Format, snapshot: Any, body: bytes) -> list[Piece]:
    """Where each field is in the body of `snapshot`."""
    if file_format.codec.encoding == "bincode":
        return list(bincode_pieces(file_format.schema, snapshot))
    return list(bitcode_pieces(file_format.schema, body))


def any_bytes(random: Random, body: bytes) -> Damage:
    """Damage that knows nothing of the format."""
    return random.choice([_flip, _cut, _insert, _remove, _repeat, _overwrite])(random, body)


def lengths(random: Random, body: bytes, where: list[Piece]) -> Damage:
    """A count or a length that is not right, up to one that no memory could hold."""
    piece = random.choice([piece for piece in where if piece.kind in {"length", "column"}])
    if piece.kind == "column":
        return _column(random, body, piece)
    count = int.from_bytes(_bytes_of(body, piece), "little")
    wrong = random.choice(
        [0, 1, count - 1, count + 1, 2 * count + 1, 1 << 20, 10 << 20, 1 << 32, 1 << 63, -1]
    )
    return _replaced(body, piece, (wrong % (1 << 64)).to_bytes(8, "little"))


def tags(random: Random, body: bytes, where: list[Piece]) -> Damage:
    """A tag that stands for another variant, or for none."""
    piece = random.choice([piece for piece in where if piece.kind in {"tag", "column"}])
    if piece.kind == "column":
        return _column(random, body, piece)
    wrong = random.choice([0, 1, 2, 0x7F, 0xFF]).to_bytes(piece.size_bytes, "little")
    if random.random() < 0.5:
        wrong = wrong[::-1]
    return _replaced(body, piece, wrong)


def _column(random: Random, body: bytes, piece: Piece) -> Damage:
    """In bitcode, how a column is packed stands in its first byte, and lengths are a column."""
    if random.random() < 0.5:
        new = bytes([random.randrange(256)]) + _bytes_of(body, piece)[1:]
    else:
        new = random.choice([b"", b"\xff" * 9, random.randbytes(piece.size_bytes)])
    return _replaced(body, piece, new)


def _bytes_of(body: bytes, piece: Piece) -> bytes:
    return body[piece.offset : piece.offset + piece.size_bytes]


def _replaced(body: bytes, piece: Piece, new: bytes) -> Damage:
    what = f"{piece.kind} of {piece.path}, at byte {piece.offset}: "
    what += f"{_shown(_bytes_of(body, piece))} became {_shown(new)}"
    return body[: piece.offset] + new + body[piece.offset + piece.size_bytes :], what


def _shown(data: bytes) -> str:
    return f"{len(data)} bytes {data[:16].hex(' ')}{' …' if len(data) > 16 else ''}"


def _place(random: Random, body: bytes) -> int:
    """An offset, more often near the begin, where lengths and tags have the most effect."""
    end = len(body) if random.random() < 0.7 else min(len(body), 256)
    return random.randrange(max(end, 1))


def _flip(random: Random, body: bytes) -> Damage:
    flipped = bytearray(body)
    bits = [_place(random, body) * 8 + random.randrange(8) for _ in range(random.randint(1, 3))]
    for bit in bits:
        if bit < len(body) * 8:
            flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped), f"flipped the bits {', '.join(map(str, bits))}"


def _cut(random: Random, body: bytes) -> Damage:
    at = _place(random, body)
    return body[:at], f"cut off behind {at} of {len(body)} bytes"


def _insert(random: Random, body: bytes) -> Damage:
    at, new = _place(random, body), random.randbytes(random.randint(1, 16))
    return body[:at] + new + body[at:], f"{_shown(new)} put in at byte {at}"


def _remove(random: Random, body: bytes) -> Damage:
    at, count = _place(random, body), random.randint(1, 16)
    return body[:at] + body[at + count :], f"{count} bytes taken out at byte {at}"


def _repeat(random: Random, body: bytes) -> Damage:
    at, count = _place(random, body), random.randint(1, 64)
    piece = body[at : at + count]
    return body[:at] + piece + body[at:], f"the {len(piece)} bytes at byte {at} repeated"


def _overwrite(random: Random, body: bytes) -> Damage:
    at = _place(random, body)
    new = random.choice([b"\0", b"\xff", random.randbytes(1)]) * random.randint(1, 16)
    new = new[: len(body) - at]
    return body[:at] + new + body[at + len(new) :], f"{_shown(new)} written over byte {at}"


def checksum(random: Random, data: bytes) -> Damage:
    """A whole file with something wrong about its checksum only."""
    body, stored = envelope.body(data), data[-envelope.CRC_SIZE_BYTES :]
    wrong: list[Callable[[], Damage]] = [
        lambda: _flip_checksum(random, body, stored),
        lambda: (body, "no checksum"),
        lambda: (body + bytes(envelope.CRC_SIZE_BYTES), "a checksum of zero"),
        lambda: (body + stored[::-1], "the checksum in big endian"),
        lambda: (body + stored[:-1], "the checksum cut short"),
        lambda: (data + b"\0", "a byte behind the checksum"),
    ]
    return random.choice(wrong)()


def _flip_checksum(random: Random, body: bytes, stored: bytes) -> Damage:
    bit = random.randrange(len(stored) * 8)
    flipped = int.from_bytes(stored, "little") ^ 1 << bit
    return body + flipped.to_bytes(len(stored), "little"), f"flipped bit {bit} of the checksum"
