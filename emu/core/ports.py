"""The small interfaces through which CPU, GIC and devices meet. None of them imports another.

All addresses are guest-physical; all sizes are bytes; all values are unsigned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

CharacterSource = Callable[[int], bytes]
"""Where a UART's characters come from: gives at most so many, and none if there are no more."""

Entropy = Callable[[int], bytes]
"""Source of randomness: given n, n bytes. The library never draws from the host by itself."""


class IrqLine(Protocol):
    """One interrupt input of the interrupt controller, as seen by what drives it."""

    def set_level(self, high: bool) -> None:
        """Drive the line. On an edge-triggered interrupt a rise latches it pending."""

    def pulse(self) -> None:
        """Drive the line high and low again."""


class IrqSink(Protocol):
    """The IRQ or the FIQ input of one vCPU, as driven by its GIC CPU interface."""

    def __call__(self, asserted: bool, /) -> None:
        """Tell the vCPU whether an interrupt is being signalled to this input."""


class MmioWindow(Protocol):
    """Registers in a window of guest-physical address space. `offset` is relative to it."""

    def read(self, offset: int, size: int, /) -> int:
        """The value of an aligned load of 1, 2, 4 or 8 bytes."""

    def write(self, offset: int, size: int, value: int, /) -> None:
        """An aligned store of 1, 2, 4 or 8 bytes."""


class SysRegPort(Protocol):
    """A system register whose behaviour is modelled outside the CPU core."""

    def read(self) -> int:
        """MRS: the 64-bit value. Reading may have side effects (ICC_IAR1_EL1)."""

    def write(self, value: int, /) -> None:
        """MSR with a 64-bit value."""


class GuestMemory(Protocol):
    """Guest RAM by guest-physical address."""

    def read(self, address: int, size: int, /) -> bytes:
        """`size` bytes at `address`; raises `GuestError` outside RAM."""

    def write(self, address: int, data: bytes, /) -> None:
        """Store `data` at `address`; raises `GuestError` outside RAM."""


class Clock(Protocol):
    """The machine's virtual time."""

    def now(self) -> int:
        """Cycles since the machine was built: executed instructions plus idle time."""
