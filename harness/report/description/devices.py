"""Devices, a paragraph each."""

from __future__ import annotations

from collections.abc import Iterator

from emu.inspect.describe.views.devices import (
    DeviceView,
    FlagsView,
    PciView,
    PlaceView,
    QueueView,
    VectorView,
    VirtioView,
)
from emu.inspect.describe.views.registers import BlobView
from harness.report.description.layout import Line, given, inline, table
from harness.report.description.registers import section_lines
from harness.report.text import printable


def device_lines(device: DeviceView) -> Iterator[Line]:
    """One device."""
    yield f"  {_where(device)}{_name(device)}{_blob_suffix(device)}"
    if device.virtio:
        yield from _virtio(device.virtio)
    if device.pci:
        yield from map(_vector, device.pci.vectors)
    yield from table(given(device.facts or {}), "    ")
    for section in device.sections:
        yield from section_lines(section, "    ")


def blob_text(blob: BlobView) -> str:
    """An opaque field on one line."""
    ellipsis = " ..." if blob.size_bytes > len(bytes.fromhex(blob.preview)) else ""
    note = f" ({printable(blob.note)})" if blob.note else ""
    kind = f"made by {blob.maker}" if blob.maker else "opaque"
    return f"{blob.size_bytes:,} bytes, {kind}: {blob.preview}{ellipsis}{note}"


# --- what and where ----------------------------------------------------------------------------


def _where(device: DeviceView) -> str:
    if device.place:
        return f"{_place(device.place)}  "
    if device.pci:
        return f"{_pci(device.pci)}  "
    if device.blob:
        return "no slot  " if device.mmio_slot is None else f"slot {device.mmio_slot}  "
    return ""


def _place(place: PlaceView) -> str:
    pairs = zip(place.gsis, place.intids, strict=True)
    interrupts = "".join(f", GSI {gsi} (INTID {intid})" for gsi, intid in pairs)
    size = "" if place.size_bytes is None else f" ({place.size_bytes:,} bytes)"
    return f"{place.address:#x}{size}{interrupts}"


def _pci(pci: PciView) -> str:
    bars = "".join(
        f", BAR {bar.index} at {bar.address:#x} ({bar.size_bytes:,} bytes, {bar.kind})"
        for bar in pci.bars
    )
    msix = "enabled" if pci.msix_enabled else "disabled"
    masked = ", masked" if pci.msix_masked else ""
    return f"PCI {pci.address}{bars}, MSI-X {msix}{masked}"


def _name(device: DeviceView) -> str:
    return printable(device.kind) + ("" if device.id is None else f" {printable(device.id)!r}")


def _blob_suffix(device: DeviceView) -> str:
    return f"  {blob_text(device.blob)}" if device.blob else ""


# --- virtio ------------------------------------------------------------------------------------


def _virtio(virtio: VirtioView) -> Iterator[Line]:
    activated = "activated" if virtio.activated else "not activated"
    yield f"    {activated}, status {_flags(virtio.status)}"
    yield f"    features {_flags(virtio.negotiated)}{_declined(virtio)}"
    if virtio.interrupt_status and virtio.interrupt_status.value:
        yield f"    interrupt status {_flags(virtio.interrupt_status)}"
    yield f"    transport {inline(virtio.transport)}"
    yield from map(_queue, virtio.queues)


def _flags(flags: FlagsView) -> str:
    return f"{flags.value:#x} {' '.join(flags.names)}".rstrip()


def _declined(virtio: VirtioView) -> str:
    declined = [name for name in virtio.offered.names if name not in virtio.negotiated.names]
    return f" (offered, and not negotiated: {' '.join(declined)})" if declined else ""


def _queue(queue: QueueView) -> str:
    ready = "ready" if queue.ready else "not ready"
    return (
        f"    queue {queue.index}  {queue.size} of {queue.max_size}, {ready}  "
        f"desc {queue.descriptors:#x} avail {queue.available:#x} used {queue.used:#x}  "
        f"next_avail {queue.next_available} next_used {queue.next_used} added {queue.added}"
    )


def _vector(vector: VectorView) -> str:
    gsi = "" if vector.gsi is None else f"GSI {vector.gsi}, "
    states = "".join(f", {name}" for name in ("masked", "pending") if getattr(vector, name))
    return f"    vector {vector.index}  {gsi}writes {vector.data:#x} to {vector.address:#x}{states}"
