"""Boot timer: one byte, by which a guest tells that it has booted.

It is Firecracker's (v1.9.0 to its main branch, `src/vmm/src/devices/pseudo/boot_timer.rs`), which
logs the time since the VM was started. Here that is an event with its virtual time. The device
keeps nothing, and no snapshot has it.
"""

from __future__ import annotations

from typing import Final

from emu.core.events import EventStream, GuestBooted

BOOTED: Final = 123
"""The byte that tells it, at offset 0 (`MAGIC_VALUE_SIGNAL_GUEST_BOOT_COMPLETE`)."""


class BootTimer:
    """The boot timer in its MMIO window of 4 KiB.

    Args:
        events: where it is told that the guest has booted.
    """

    def __init__(self, events: EventStream) -> None:
        self._events = events

    def read(self, _offset: int, _size: int, /) -> int:
        """Load: there is nothing."""
        return 0

    def write(self, offset: int, size: int, value: int, /) -> None:
        """Store `size` bytes; what is not the one byte at offset 0 is ignored."""
        if (offset, size, value) == (0, 1, BOOTED) and self._events.active:
            self._events.emit(GuestBooted())
