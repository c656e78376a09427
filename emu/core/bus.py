"""The MMIO side of the physical address space: which window answers where."""

from __future__ import annotations

from dataclasses import dataclass

from emu.core.events import EventStream, MmioAccess
from emu.core.ports import MmioWindow
from emu.errors import BoardError

PAGE_BYTES = 0x1000
"""Windows are mapped in whole pages of this size."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A window at its place."""

    name: str
    base: int
    size_bytes: int
    window: MmioWindow

    @property
    def end(self) -> int:
        """The address just past the window."""
        return self.base + self.size_bytes


class Bus:
    """The windows of a board, sorted by address. Two never overlap; each access is an event."""

    def __init__(self, events: EventStream) -> None:
        self._events = events
        self.mappings: list[Mapping] = []

    def attach(self, name: str, base: int, size_bytes: int, window: MmioWindow) -> None:
        """Put `window` at `base`.

        Raises:
            BoardError: it is not in whole pages, or overlaps another one.
        """
        new = Mapping(name, base, size_bytes, window)
        if base % PAGE_BYTES or size_bytes % PAGE_BYTES or size_bytes <= 0:
            raise BoardError(
                f"{name} at {base:#x}, {size_bytes:#x} bytes: a window takes whole 4 KiB pages"
            )
        for other in self.mappings:
            if new.base < other.end and other.base < new.end:
                raise BoardError(
                    f"{name} ({base:#x} to {new.end:#x}) overlaps {other.name} "
                    f"({other.base:#x} to {other.end:#x})"
                )
        self.mappings.append(new)
        self.mappings.sort(key=lambda mapping: mapping.base)

    def window(self, mapping: Mapping, vcpu: int) -> MmioWindow:
        """A mapping's window for one vCPU, whose accesses are told as events."""
        return _Watched(vcpu, mapping.name, mapping.window, self._events)


class _Watched:
    """A window whose accesses by one vCPU are told to whoever listens."""

    def __init__(self, vcpu: int, name: str, window: MmioWindow, events: EventStream) -> None:
        self._vcpu = vcpu
        self._name = name
        self._window = window
        self._events = events

    def read(self, offset: int, size: int, /) -> int:
        value = self._window.read(offset, size)
        if self._events.wants(MmioAccess):
            self._tell(offset, size, value, is_write=False)
        return value

    def write(self, offset: int, size: int, value: int, /) -> None:
        if self._events.wants(MmioAccess):
            self._tell(offset, size, value, is_write=True)
        self._window.write(offset, size, value)

    def _tell(self, offset: int, size: int, value: int, *, is_write: bool) -> None:
        access = MmioAccess(self._vcpu, self._name, offset, size, value, is_write)
        self._events.emit(access)
