"""Where things are: windows of guest-physical addresses, and the places of devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emu.errors import BoardError

PAGE_SIZE_BYTES: Final = 0x1000
"""RAM and MMIO windows come in multiples of this."""

BLOCK_SIZE_BYTES: Final = 0x20_0000
"""2 MiB: what Linux aligns its image to, and the most it maps for its device tree."""


@dataclass(frozen=True, slots=True)
class Window:
    """A range of guest-physical addresses, from `base` to just below `end`."""

    base: int
    size_bytes: int

    @property
    def end(self) -> int:
        """The first address above the window."""
        return self.base + self.size_bytes

    def contains(self, other: Window) -> bool:
        """Whether all of `other` is in this one."""
        return self.base <= other.base and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Redistributors:
    """Where the GIC redistributors are: one of `stride_bytes` for each vCPU.

    Attributes:
        edge: where the first one begins; or, if they are `below` it, where the last one ends.
        stride_bytes: size of one.
        below: whether they end at `edge`, so that the first one's place depends on how many there
            are.
    """

    edge: int
    stride_bytes: int
    below: bool = False

    def window(self, vcpu_count: int) -> Window:
        """What the redistributors of `vcpu_count` vCPUs cover."""
        size_bytes = vcpu_count * self.stride_bytes
        return Window(self.edge - size_bytes if self.below else self.edge, size_bytes)


@dataclass(frozen=True, slots=True)
class Site:
    """What a board fixes of a device's place; None is handed out when the device is attached.

    Attributes:
        window: its registers.
        gsi: its global system interrupt.
    """

    window: Window | None = None
    gsi: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an MMIO device of a machine is.

    Attributes:
        window: its registers.
        gsi: its global system interrupt.
    """

    window: Window
    gsi: int


@dataclass(frozen=True, slots=True)
class VirtioSlots:
    """Fixed places of virtio-mmio transports: as many of `stride_bytes` as fit into `span`.

    Attributes:
        span: where they are, lowest first.
        stride_bytes: size of one.
        first_gsi: slot n has GSI `first_gsi` + n.
    """

    span: Window
    stride_bytes: int
    first_gsi: int

    def place(self, slot: int) -> Place:
        """Where one slot is; `BoardError` if there are not so many."""
        count = self.span.size_bytes // self.stride_bytes
        if not 0 <= slot < count:
            raise BoardError(f"slot {slot}: the board has {count} virtio-mmio slots")
        base = self.span.base + slot * self.stride_bytes
        return Place(Window(base, self.stride_bytes), self.first_gsi + slot)


@dataclass(frozen=True, slots=True)
class TimerPpis:
    """INTIDs of the generic timer's interrupts, the same on every vCPU."""

    secure_physical: int
    physical: int
    virtual: int
    hypervisor: int
