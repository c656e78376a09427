"""The MMIO devices of a machine, and where each is.

A board fixes some places; the others are handed out as its monitor does: in the order in which
devices are attached, the lowest free window and the lowest free GSI.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emu.boards.places import PAGE_SIZE_BYTES, Place, Site, VirtioSlots, Window
from emu.core.allocator import ResourceAllocator


@dataclass(frozen=True, slots=True)
class Equipment:
    """The MMIO devices of a machine.

    Attributes:
        uart: the serial console; None for a machine without.
        rtc: the real-time clock; None if the board has none.
        virtio: the virtio-mmio transports, in the order of attachment.
    """

    uart: Place | None
    rtc: Place | None
    virtio: tuple[Place, ...] = ()

    def places(self) -> Iterator[Place]:
        """All of them, in the order of attachment."""
        yield from self.virtio
        yield from (place for place in (self.uart, self.rtc) if place is not None)


def attach(
    resources: ResourceAllocator,
    *,
    uart: Site | None,
    rtc: Site | None,
    virtio: VirtioSlots | None,
    virtio_count: int,
) -> Equipment:
    """Find a place for each device: virtio transports first, then the UART, then the clock.

    That is the order of Firecracker v1.9 to v1.16, `build_microvm_for_boot` in
    `src/vmm/src/builder.rs`; on a board with fixed places it makes no difference.

    Args:
        resources: hands out what the board does not fix.
        uart: what the board fixes of the UART; None for a machine without.
        rtc: the same of the real-time clock.
        virtio: fixed places of virtio transports; None if they are handed out.
        virtio_count: how many of those.

    Raises:
        BoardError: there is no slot, no free GSI or no free window left.
    """
    return Equipment(
        virtio=tuple(
            virtio.place(slot) if virtio else _place(Site(), resources)
            for slot in range(virtio_count)
        ),
        uart=None if uart is None else _place(uart, resources),
        rtc=None if rtc is None else _place(rtc, resources),
    )


def _place(site: Site, resources: ResourceAllocator) -> Place:
    gsi = resources.gsis.allocate() if site.gsi is None else site.gsi
    return Place(site.window or _next_window(resources), gsi)


def _next_window(resources: ResourceAllocator) -> Window:
    base = resources.windows.allocate_first(PAGE_SIZE_BYTES, PAGE_SIZE_BYTES)
    return Window(base, PAGE_SIZE_BYTES)
