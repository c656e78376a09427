"""Damages bytes, in the ways that decoders get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

# Headers, tags, lengths and their limits, as bytes.
_TELLING_BYTES = (0, 1, 2, 3, 9, 10, 11, 0x7F, 0x80, 0xFE, 0xFF)

_BOMBS = (
    bytes(8),
    (1).to_bytes(8, "little"),
    (1 << 16).to_bytes(8, "little"),
    (1 << 31).to_bytes(8, "little"),
    ((1 << 51) - 1).to_bytes(8, "little"),
    (1 << 63).to_bytes(8, "little"),
    b"\xff" * 8,
    # bitcode: a long length, 2^32 - 1 and 2^51 - 2.
    b"\xff\x02\xff\xff\xff\xff",
    b"\xff\x00" + ((1 << 51) - 2).to_bytes(8, "little"),
)

Mutator = Callable[[bytes, Random], bytes]


def _at(data: bytes, random: Random) -> int:
    return random.randint(0, len(data))


def _slice(data: bytes, random: Random) -> tuple[int, int]:
    begin = _at(data, random)
    return begin, min(len(data), begin + random.randint(1, 16))


def _flip_bit(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


def _replace_byte(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + bytes([random.choice(_TELLING_BYTES)]) + data[place + 1 :]


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def _insert(data: bytes, random: Random) -> bytes:
    place = _at(data, random)
    return data[:place] + random.randbytes(random.randint(1, 8)) + data[place:]


def _delete(data: bytes, random: Random) -> bytes:
    begin, end = _slice(data, random)
    return data[:begin] + data[end:]


def _duplicate(data: bytes, random: Random) -> bytes:
    begin, end = _slice(data, random)
    place = _at(data, random)
    return data[:place] + data[begin:end] + data[place:]


def _bomb(data: bytes, random: Random) -> bytes:
    place = _at(data, random)
    bomb = random.choice(_BOMBS)
    return data[:place] + bomb + data[place + random.choice([0, len(bomb)]) :]


def _append(data: bytes, random: Random) -> bytes:
    return data + random.randbytes(random.randint(1, 24))


MUTATORS: tuple[Mutator, ...] = (
    _flip_bit,
    _replace_byte,
    _truncate,
    _insert,
    _delete,
    _duplicate,
    _bomb,
    _append,
)


def mutations(data: bytes, random: Random, count: int) -> Iterator[bytes]:
    """`count` damaged forms of `data`, each of one to three mutations."""
    for _ in range(count):
        mutated = data
        for mutate in random.choices(MUTATORS, k=random.choice([1, 1, 1, 2, 3])):
            mutated = mutate(mutated or b"\0", random)
        yield mutated
