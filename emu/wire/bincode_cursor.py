"""The input of the bincode decoder: a position in bytes, bounded by a limit."""

from __future__ import annotations

from dataclasses import dataclass

from emu.wire.nodes import Node
from emu.wire.reader import Limits

# A sequence of items that occupy no bytes costs no input; bitcode has the same bound.
_EMPTY_ITEMS_MAX = 1 << 16


@dataclass(frozen=True)
class Config:
    """What sets one flavour of the format apart from another.

    Attributes:
        limit_bytes: most bytes that one value may be read from; None if there is no limit.
            Neither flavour applies it to writing.
        limits_chars: whether the bytes of a `char` count towards the limit.
    """

    limit_bytes: int | None
    limits_chars: bool = True


class ReadError(Exception):
    """Decoding stopped. On the way up, each container puts its part of the path in front.

    `bincode.decode` makes a `DecodeError` of it when the path is complete.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.path = ""

    def inside(self, part: str) -> None:
        """Put a part in front of the path."""
        self.path = part + self.path


class Cursor:
    """The input, how much of it is read, and how much may still be.

    Attributes:
        data: the whole input.
        pos: byte offset of the next value.
        stop: byte offset that no read may pass: the end of the input or of the limit.
        limits: how much may come of the input.
    """

    __slots__ = ("_config", "_items_left", "_limit_end", "data", "limits", "pos", "stop")

    def __init__(self, data: bytes, pos: int, config: Config, limits: Limits) -> None:
        self.data = data
        self.pos = pos
        self.limits = limits
        self._config = config
        self._items_left = limits.values_max
        self._limit_end = len(data) if config.limit_bytes is None else pos + config.limit_bytes
        self.stop = min(len(data), self._limit_end)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        begin = self.pos
        end = begin + count
        if end > self.stop:
            raise self.short(count)
        self.pos = end
        return self.data[begin:end]

    def short(self, count: int) -> ReadError:
        """The error of reading `count` bytes, to be raised by the caller."""
        left = len(self.data) - self.pos
        if count > left:
            return ReadError(f"{count} bytes needed, {left} left", self.pos)
        allowed = self._limit_end - self.pos
        return ReadError(f"{count} bytes needed, the size limit leaves {allowed}", self.pos)

    def skip_limit_for_char(self, count: int) -> None:
        """If a `char` does not count towards the limit, have its next `count` bytes not do so."""
        if not self._config.limits_chars:
            self._limit_end += count
            self.stop = min(len(self.data), self._limit_end)

    def take_length(self) -> int:
        """A length."""
        return int.from_bytes(self.take(8), "little")

    def take_count(self, *, empty: bool) -> int:
        """The length of a sequence or map; `empty` if its items occupy no bytes."""
        begin = self.pos
        count = self.take_length()
        if empty and count > _EMPTY_ITEMS_MAX:
            raise ReadError(f"{count} empty items; expected at most {_EMPTY_ITEMS_MAX}", begin)
        self._items_left -= count
        if self._items_left < 0:
            most = self.limits.values_max
            raise ReadError(f"{count} items here make more than the limit of {most}", begin)
        return count

    def take_tag(self, size: int, node: Node, end: int) -> int:
        """A tag of `size` bytes, less than `end`."""
        begin = self.pos
        tag = int.from_bytes(self.take(size), "little")
        if tag >= end:
            raise ReadError(f"variant {tag} of {node!s:.60}; expected less than {end}", begin)
        return tag
