"""The input of a decoder: a position in bytes, bounded, with errors that say where."""

from __future__ import annotations

from dataclasses import dataclass

from emu.errors import DecodeError


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a decoder makes of its input.

    Rust has no such limits: it needs less memory for a value, and ends with a stack overflow where
    types nest too deeply. The defaults keep decoding of any input below about 700 MB and 10
    seconds. Up to 8 MB they refuse nothing that Rust accepts, except for input with more than one
    value to a byte on average, and for types that contain themselves.

    Attributes:
        values_max: most values (numbers, texts, lengths, tags) in all columns together. The
            contents of a byte vector or a text do not count.
        columns_max: most columns. It matters only for types that contain themselves: the others
            have a fixed number of columns.
        depth_max: most levels of structs inside structs.
    """

    values_max: int = 1 << 23
    columns_max: int = 1 << 18
    depth_max: int = 128


DEFAULT_LIMITS = Limits()


class Reader:
    """The input, how much of it is read, and how many values may still be made of it.

    Attributes:
        limits: how much may come of the input.
        pos: byte offset of the next column.
        path: field path of the column being read, for messages.
    """

    __slots__ = ("_columns_left", "_data", "_values_left", "limits", "path", "pos")

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._values_left = limits.values_max
        self._columns_left = limits.columns_max
        self.limits = limits
        self.pos = 0
        self.path = ""

    def error(self, message: str) -> DecodeError:
        """An error at the current offset and path, to be raised by the caller."""
        return DecodeError(message, offset=self.pos, path=self.path.lstrip("."))

    def too_deep(self, path: str) -> DecodeError:
        """The error for structs that are nested deeper than the limit."""
        self.path = path
        return self.error(f"structs are nested more than {self.limits.depth_max} deep")

    def begin(self, count: int, path: str) -> None:
        """Start the column of `count` values at `path`; raises if that exceeds the limits."""
        self.path = path
        self._columns_left -= 1
        if self._columns_left < 0:
            raise self.error(f"more columns than the limit of {self.limits.columns_max}")
        self.count_values(count)

    def count_values(self, count: int) -> None:
        """Account for values that are going to be made; raises if that exceeds the limit."""
        self._values_left -= count
        if self._values_left < 0:
            raise self.error(
                f"{count} values here make more than the limit of {self.limits.values_max}"
            )

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self.pos + count
        if end > len(self._data):
            raise self.error(f"{count} bytes needed, {len(self._data) - self.pos} left")
        chunk = self._data[self.pos : end]
        self.pos = end
        return chunk

    def end(self) -> None:
        """Raise unless all input was read."""
        if self.pos != len(self._data):
            self.path = ""
            raise self.error(f"{len(self._data) - self.pos} bytes follow the value; expected none")
