"""What `describe` tells of devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emu.arch.pci import Bar
from emu.inspect.describe.views.registers import BlobView, Section


@dataclass(frozen=True, slots=True)
class PlaceView:
    """Guest addresses and interrupts of a device that is not on a PCI bus.

    Attributes:
        size_bytes: None if the file does not say.
        gsis: its interrupts, as KVM numbers them.
        intids: the same, as the interrupt controller numbers them.
    """

    address: int
    size_bytes: int | None
    gsis: tuple[int, ...]
    intids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VectorView:
    """An MSI-X interrupt.

    Attributes:
        gsi: its GSI; None if the file does not say.
        address: where the message is written to.
        data: what is written.
    """

    index: int
    gsi: int | None
    address: int
    data: int
    masked: bool
    pending: bool


@dataclass(frozen=True, slots=True)
class PciView:
    """A device's place on a PCI bus.

    Attributes:
        address: segment, bus, device and function.
        header: head of the configuration space; empty if the space has not 1024 words.
        msix_enabled: whether the driver uses MSI-X.
        msix_masked: whether the whole function is masked.
    """

    address: str
    bars: tuple[Bar, ...]
    header: Section
    msix_enabled: bool
    msix_masked: bool
    vectors: tuple[VectorView, ...]


@dataclass(frozen=True, slots=True)
class FlagsView:
    """A set of bits; `names` are those of the bits that are set, the lowest first."""

    value: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueView:
    """A virtqueue.

    Attributes:
        max_size: largest size that the driver may select, in descriptors.
        size: size that the driver selected, in descriptors.
        descriptors: guest address of the descriptor table.
        available: guest address of the available ring.
        used: guest address of the used ring.
        next_available: index of the next available entry to take.
        next_used: index of the next used entry to write.
        added: used entries since the driver was last notified.
    """

    index: int
    max_size: int
    size: int
    ready: bool
    descriptors: int
    available: int
    used: int
    next_available: int
    next_used: int
    added: int


@dataclass(frozen=True, slots=True)
class VirtioView:
    """What all virtio devices have.

    Attributes:
        activated: whether the driver has started the device.
        status: how far the driver has got.
        interrupt_status: why it interrupted; None on PCI.
        offered: features that the device offers.
        negotiated: features that the driver accepted.
        transport: other registers of the transport.
    """

    activated: bool
    status: FlagsView
    interrupt_status: FlagsView | None
    offered: FlagsView
    negotiated: FlagsView
    queues: tuple[QueueView, ...]
    transport: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device.

    Attributes:
        id: what the user called it; None if it has no name.
        mmio_slot: squib: its virtio-mmio slot; None for a device that has none.
        place: None on a PCI bus, and where the file does not say.
        pci: None off the PCI bus.
        virtio: None for a device that is not virtio.
        facts: what else the format says of it.
        sections: its registers.
        blob: squib: its state, for the device alone to read.
    """

    kind: str
    id: str | None = None
    mmio_slot: int | None = None
    place: PlaceView | None = None
    pci: PciView | None = None
    virtio: VirtioView | None = None
    facts: Mapping[str, Any] | None = None
    sections: tuple[Section, ...] = ()
    blob: BlobView | None = None
