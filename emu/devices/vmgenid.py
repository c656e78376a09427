"""VMGenID: tells the guest that it is a copy.

The device is 16 bytes of guest memory with a random 128-bit generation id, and an edge interrupt.
The id is another one after every restore; the interrupt makes the guest read it.

Sources: "Virtual Machine Generation ID", Microsoft, 2012; names, order and state as in
Firecracker v1.15, `src/vmm/src/devices/acpi/vmgenid.rs`. The bytes drawn are read as a
little-endian number and written back as one, so guest memory holds them as they were drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from emu.core.allocator import ResourceAllocator
from emu.core.events import EventStream, GenerationChanged
from emu.core.ports import Entropy, GuestMemory, IrqLine
from emu.errors import MachineError

GENERATION_ID_SIZE_BYTES: Final = 16
GENERATION_ID_ALIGNMENT: Final = 8

IrqLines = Callable[[int], IrqLine]
"""The interrupt line of a GSI."""


@dataclass(frozen=True, slots=True)
class VmGenIdState:
    """What a snapshot keeps of the device: where it is, and not the id, which would be stale.

    Attributes:
        gsi: global system interrupt number, 32 bits.
        addr: guest-physical address of the generation id.
    """

    gsi: int
    addr: int


@dataclass(frozen=True, slots=True)
class VmGenId:
    """A VMGenID device. It is immutable: a new generation is a new device.

    Attributes:
        gen_id: generation id, 128 bits.
        guest_address: guest-physical address of the 16 bytes that hold it, little-endian.
        gsi: global system interrupt number.
        irq: the interrupt line of that GSI (edge, rising).
        events: gets a `GenerationChanged` when the id is written.
    """

    gen_id: int
    guest_address: int
    gsi: int
    irq: IrqLine
    events: EventStream

    @classmethod
    def from_parts(
        cls, guest_address: int, gsi: int, *, entropy: Entropy, irqs: IrqLines, events: EventStream
    ) -> Self:
        """A device at a given place, with a fresh id.

        Raises:
            MachineError: `entropy` did not give 16 bytes.
        """
        return cls(_draw_generation_id(entropy), guest_address, gsi, irqs(gsi), events)

    @classmethod
    def new(
        cls,
        resource_allocator: ResourceAllocator,
        *,
        entropy: Entropy,
        irqs: IrqLines,
        events: EventStream,
    ) -> Self:
        """A device for a machine that boots: lowest free GSI, last free 16 bytes of system memory.

        Raises:
            BoardError: there is no free GSI or no free system memory.
            MachineError: `entropy` did not give 16 bytes.
        """
        gsi = resource_allocator.gsis.allocate()
        guest_address = resource_allocator.system_memory.allocate_last(
            GENERATION_ID_SIZE_BYTES, GENERATION_ID_ALIGNMENT
        )
        return cls.from_parts(guest_address, gsi, entropy=entropy, irqs=irqs, events=events)

    @classmethod
    def restore(
        cls, state: VmGenIdState, *, entropy: Entropy, irqs: IrqLines, events: EventStream
    ) -> Self:
        """The device of a snapshot, with a fresh id. `activate` and `notify_guest` come next.

        Raises:
            MachineError: `entropy` did not give 16 bytes.
        """
        return cls.from_parts(state.addr, state.gsi, entropy=entropy, irqs=irqs, events=events)

    def save(self) -> VmGenIdState:
        """The state that a snapshot keeps."""
        return VmGenIdState(gsi=self.gsi, addr=self.guest_address)

    def activate(self, ram: GuestMemory) -> None:
        """Write the id to guest memory; `GuestError` if its address is not in RAM."""
        ram.write(self.guest_address, self.gen_id.to_bytes(GENERATION_ID_SIZE_BYTES, "little"))
        if self.events.active:
            self.events.emit(GenerationChanged(self.guest_address, self.gen_id))

    def notify_guest(self) -> None:
        """Pulse the interrupt. Only a restored machine does; a booting one has nothing to tell."""
        self.irq.pulse()


def _draw_generation_id(entropy: Entropy) -> int:
    drawn = entropy(GENERATION_ID_SIZE_BYTES)
    if len(drawn) != GENERATION_ID_SIZE_BYTES:
        raise MachineError(
            f"VMGenID: the entropy source gave {len(drawn)} bytes where "
            f"{GENERATION_ID_SIZE_BYTES} were asked for; pass entropy=f with len(f(n)) == n"
        )
    return int.from_bytes(drawn, "little")
