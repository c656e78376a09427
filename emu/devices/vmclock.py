"""VMClock: tells the guest that its clock has jumped, and that it is a copy.

The device is a structure in a page of guest memory, and an edge interrupt. Counters in it go up
with every restore. Unlike VMGenID's id they are not random: two restores of one snapshot give the
same numbers.

Sources: Linux `include/uapi/linux/vmclock-abi.h`; names, order and state as in Firecracker v1.15.0
to its main branch, `src/vmm/src/devices/acpi/vmclock.rs`. It puts no time into the structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from emu.arch.vmclock import (
    AT_BOOT,
    PAGE_SIZE_BYTES,
    VMCLOCK_ABI,
    VMCLOCK_ABI_SIZE_BYTES,
    SequenceCount,
    pack,
)
from emu.core.allocator import ResourceAllocator
from emu.core.events import ClockDisrupted, EventStream
from emu.core.ports import GuestMemory, IrqLine
from emu.devices.vmgenid import IrqLines
from emu.errors import IncompatibleError


@dataclass(frozen=True, slots=True)
class VmClockState:
    """What a snapshot keeps of the device: where it is, and what it last wrote.

    Attributes:
        guest_address: guest-physical address of the page.
        gsi: global system interrupt number, 32 bits.
        inner: `struct vmclock_abi`, 112 bytes; `emu.arch.vmclock` packs and unpacks it.
    """

    guest_address: int
    gsi: int
    inner: bytes

    def check(self) -> None:
        """Raise `IncompatibleError` for a structure of another size."""
        if len(self.inner) != VMCLOCK_ABI_SIZE_BYTES:
            raise IncompatibleError(
                f"VMClock state: inner has {len(self.inner)} bytes, and struct vmclock_abi has "
                f"{VMCLOCK_ABI_SIZE_BYTES}"
            )


class VmClock:
    """A VMClock device.

    Attributes:
        guest_address: guest-physical address of its page.
        gsi: global system interrupt number.
        inner: the structure as the device last wrote it, or will first write it.
    """

    def __init__(self, state: VmClockState, irq: IrqLine, events: EventStream) -> None:
        self.guest_address = state.guest_address
        self.gsi = state.gsi
        self.inner = state.inner
        self._irq = irq
        self._events = events

    @classmethod
    def new(
        cls, resource_allocator: ResourceAllocator, *, irqs: IrqLines, events: EventStream
    ) -> Self:
        """A device for a machine that boots: last free page of system memory, lowest free GSI.

        Raises:
            BoardError: there is no free system memory or no free GSI.
        """
        guest_address = resource_allocator.system_memory.allocate_last(
            PAGE_SIZE_BYTES, PAGE_SIZE_BYTES
        )
        gsi = resource_allocator.gsis.allocate()
        return cls(VmClockState(guest_address, gsi, pack(AT_BOOT)), irqs(gsi), events)

    @classmethod
    def restore(cls, state: VmClockState, *, irqs: IrqLines, events: EventStream) -> Self:
        """The device of a snapshot. `activate`, `disrupt` and `notify_guest` come next.

        Raises:
            IncompatibleError: `state` has a structure of another size.
        """
        state.check()
        return cls(state, irqs(state.gsi), events)

    def save(self) -> VmClockState:
        """The state that a snapshot keeps. What a guest wrote to its page is not in it."""
        return VmClockState(self.guest_address, self.gsi, self.inner)

    def activate(self, ram: GuestMemory) -> None:
        """Write the structure to guest memory; `GuestError` if its address is not in RAM. The rest
        of the page is left as it is.
        """
        ram.write(self.guest_address, self.inner)

    def disrupt(self, ram: GuestMemory) -> None:
        """Count a restore, in guest memory and here; `GuestError` if its address is not in RAM.

        `seq_count` is odd meanwhile, and has gone up by two at the end (by one if it was odd). The
        counters wrap. Only a restored machine does this; a booting one has nothing to tell.
        """
        self._write(ram, "seq_count", self._read("seq_count") | SequenceCount.changing.mask)
        self._write(ram, "disruption_marker", self._read("disruption_marker") + 1)
        self._write(ram, "vm_generation_counter", self._read("vm_generation_counter") + 1)
        self._write(ram, "seq_count", self._read("seq_count") + 1)
        if self._events.active:
            marker, counter = self._read("disruption_marker"), self._read("vm_generation_counter")
            self._events.emit(ClockDisrupted(self.guest_address, marker, counter))

    def notify_guest(self) -> None:
        """Pulse the interrupt, after `disrupt`."""
        self._irq.pulse()

    def _read(self, name: str) -> int:
        slot = VMCLOCK_ABI.by_name[name]
        return int.from_bytes(self.inner[slot.offset : slot.end], "little")

    def _write(self, ram: GuestMemory, name: str, value: int) -> None:
        slot = VMCLOCK_ABI.by_name[name]
        data = (value & ((1 << 8 * slot.size_bytes) - 1)).to_bytes(slot.size_bytes, "little")
        self.inner = self.inner[: slot.offset] + data + self.inner[slot.end :]
        ram.write(self.guest_address + slot.offset, data)
