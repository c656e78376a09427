"""The MMIO devices of a machine, and where each is.

A board fixes some places; the others are handed out as its monitor does: in the order in which
devices are attached, the lowest free window and the lowest free GSI.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emu.arch.pvtime import STOLEN_TIME_SIZE_BYTES
from emu.boards.places import PAGE_SIZE_BYTES, Place, Site, VirtioSlots, Window
from emu.core.allocator import ResourceAllocator


@dataclass(frozen=True, slots=True)
class Equipment:
    """The MMIO devices of a machine.

    Attributes:
        uart: the serial console; None for a machine without.
        rtc: the real-time clock; None if the board has none.
        virtio: the virtio-mmio transports, in the order of attachment.
        boot_timer: the window of the boot timer, which has no interrupt; None without.
    """

    uart: Place | None
    rtc: Place | None
    virtio: tuple[Place, ...] = ()
    boot_timer: Window | None = None

    def places(self) -> Iterator[Place]:
        """Those that have an interrupt, in the order of attachment."""
        yield from self.virtio
        yield from (place for place in (self.uart, self.rtc) if place is not None)

    def windows(self) -> Iterator[Window]:
        """The windows of all of them, in the order in which Firecracker attaches them."""
        if self.boot_timer is not None:
            yield self.boot_timer
        yield from (place.window for place in self.places())


def attach(
    resources: ResourceAllocator,
    *,
    uart: Site | None,
    rtc: Site | None,
    boot_timer: Site | None,
    virtio_slots: VirtioSlots | None,
    virtio_count: int,
) -> Equipment:
    """Find a place for each device: boot timer, virtio transports, UART, clock.

    That is the order of Firecracker v1.9 to v1.16 and of its main branch, `build_microvm_for_boot`
    in `src/vmm/src/builder.rs`. A boot timer among fixed slots comes after the transports, as on
    squib. For the others the order makes no difference where places are fixed.

    Args:
        resources: hands out what the board does not fix.
        uart: what the board fixes of the UART; None for a machine without.
        rtc: the same of the real-time clock.
        boot_timer: the same of the boot timer.
        virtio_slots: fixed places of virtio transports; None if they are handed out.
        virtio_count: how many of those.

    Raises:
        BoardError: there is no slot, no free GSI or no free window left.
    """
    timer = None
    if boot_timer is not None and virtio_slots is not None:
        timer = virtio_slots.place(virtio_count).window
    elif boot_timer is not None:
        timer = boot_timer.window or _next_window(resources)
    return Equipment(
        boot_timer=timer,
        virtio=tuple(
            virtio_slots.place(slot) if virtio_slots else _place(Site(), resources)
            for slot in range(virtio_count)
        ),
        uart=None if uart is None else _place(uart, resources),
        rtc=None if rtc is None else _place(rtc, resources),
    )


def allocate_stolen_time(resources: ResourceAllocator, vcpu_count: int) -> int:
    """Take system memory for the records of stolen time of all vCPUs, one after another.

    Firecracker does so after VMGenID and VMClock (`setup_pvtime` in `src/vmm/src/builder.rs`).

    Returns:
        The guest-physical address of the first.

    Raises:
        BoardError: there is no free system memory.
    """
    return resources.system_memory.allocate_last(
        vcpu_count * STOLEN_TIME_SIZE_BYTES, STOLEN_TIME_SIZE_BYTES
    )


def _place(site: Site, resources: ResourceAllocator) -> Place:
    gsi = resources.gsis.allocate() if site.gsi is None else site.gsi
    return Place(site.window or _next_window(resources), gsi)


def _next_window(resources: ResourceAllocator) -> Window:
    base = resources.mmio32.allocate_first(PAGE_SIZE_BYTES, PAGE_SIZE_BYTES)
    return Window(base, PAGE_SIZE_BYTES)
