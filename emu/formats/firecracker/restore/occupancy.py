"""Who has which guest addresses, as devices are put on a bus one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple


class Window(NamedTuple):
    """Guest addresses of a device.

    Attributes:
        path: the path of the device.
        base: the first address.
        size_bytes: how many there are.
    """

    path: str
    base: int
    size_bytes: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.base + self.size_bytes

    def __str__(self) -> str:
        return f"{self.path}, at {self.base:#x} to {self.end - 1:#x},"


class Occupancy:
    """The windows on a bus; none overlaps another."""

    def __init__(self) -> None:
        self._bases: list[int] = []
        self._windows: list[Window] = []

    def insert(self, window: Window) -> Iterator[str]:
        """Put a window on the bus; if another is in its way, tell that instead."""
        index = bisect_right(self._bases, window.base)
        neighbours = self._windows[max(index - 1, 0) : index + 1]
        other = next(filter(lambda other: _overlap(window, other), neighbours), None)
        if other is not None:
            yield f"{window} overlaps {other} which is there first; expected them apart"
            return
        self._bases.insert(index, window.base)
        self._windows.insert(index, window)


def _overlap(one: Window, other: Window) -> bool:
    return one.base < other.end and other.base < one.end
