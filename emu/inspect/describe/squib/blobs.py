"""Opaque fields of a squib snapshot: decoded where this project wrote them, measured where not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from emu.arch import pl011
from emu.arch.gicv3 import GICD_CTLR, GICR_WAKER, PRIVATE_COUNT
from emu.errors import IncompatibleError
from emu.formats import squib, thawbench
from emu.formats.firecracker.gic import Interrupt
from emu.formats.thawbench import (
    VIRTIO_TYPES,
    ConnectedBlob,
    ExtraBlob,
    GicBlob,
    InterruptBanks,
    Pl011Blob,
    VmGenIdBlob,
    from_words,
)
from emu.inspect.describe import registers
from emu.inspect.describe.facts import facts
from emu.inspect.describe.views.devices import DeviceView, VirtioView
from emu.inspect.describe.views.registers import BlobView, RegisterView, Section
from emu.inspect.describe.views.state import GicView
from emu.inspect.describe.virtio import virtio_view

PREVIEW_SIZE_BYTES = 16


def device(state: squib.DeviceState) -> DeviceView:
    """A device; its blob is decoded if this project wrote it."""
    blob, value = _opaque(state.blob), None
    if _is_ours(state):
        blob, value = _read(state.blob, thawbench.DEVICE_ENCODINGS[state.kind])
    view = DeviceView(
        kind=state.kind,
        id=state.id,
        mmio_slot=None if state.mmio_slot == thawbench.NO_MMIO_SLOT else state.mmio_slot,
        blob=blob,
    )
    if isinstance(value, ConnectedBlob):
        return replace(view, virtio=_virtio(state.kind, value), facts=_facts(value))
    return replace(view, sections=tuple(_SECTIONS[type(value)](value)) if value else ())


def _is_ours(state: squib.DeviceState) -> bool:
    """Whether the kind is one of ours; virtio's are squib's too, which has other blobs for them."""
    encoding = thawbench.DEVICE_ENCODINGS.get(state.kind)
    if encoding is None:
        return False
    return state.kind not in thawbench.VIRTIO_ENCODINGS or encoding.matches(state.blob)


def gic(state: squib.GicState) -> GicView:
    """The interrupt controller; decoded if this project wrote it."""
    blob, value = _opaque(state.bytes), None
    if thawbench.GIC.matches(state.bytes):
        blob, value = _read(state.bytes, thawbench.GIC)
    return GicView(
        version="GICv3" if value else None,
        sections=tuple(_gic_sections(value)) if value else (),
        interrupts=tuple(_interrupts(value)) if value else (),
        declared_size_bytes=state.len,
        blob=blob,
    )


def _opaque(blob: bytes, note: str | None = None) -> BlobView:
    return BlobView(len(blob), blob[:PREVIEW_SIZE_BYTES].hex(" "), note=note)


def _read(blob: bytes, encoding: thawbench.Encoding[Any]) -> tuple[BlobView, Any]:
    """The view of `blob`, and its value; None if `encoding` is not its encoding."""
    try:
        value = encoding.decode(blob)
    except IncompatibleError as error:
        return _opaque(blob, str(error)), None
    return BlobView(len(blob), blob[:PREVIEW_SIZE_BYTES].hex(" "), "thawbench"), value


def _virtio(kind: str, value: ConnectedBlob[Any]) -> VirtioView:
    registers = value.transport
    return virtio_view(
        VIRTIO_TYPES[kind],
        value.device.virtio,
        registers,
        status=registers.device_status,
        interrupt_status=registers.interrupt_status,
    )


def _facts(value: ConnectedBlob[Any]) -> Mapping[str, Any]:
    return facts(value.device, without=("id", "virtio"))


def _vmgenid_sections(state: VmGenIdBlob) -> Iterator[Section]:
    yield Section("VMGenID", (registers.view("gsi", state.gsi), registers.view("addr", state.addr)))


def _pl011_sections(state: Pl011Blob) -> Iterator[Section]:
    def rows() -> Iterator[RegisterView]:
        for slot in pl011.PL011.slots:
            value = getattr(state, slot.name.lower(), None)
            if value is not None:
                yield registers.view(f"UART{slot.name}", value, slot.layout)

    yield Section("PL011", tuple(rows()))
    fifo = (registers.view("UARTDR", character, pl011.UARTDR) for character in state.rx_fifo)
    yield Section("receive FIFO", (*fifo, registers.view("overrun", int(state.overrun))))


def _extra_sections(state: ExtraBlob) -> Iterator[Section]:
    yield Section("host", (registers.view("host_cycles", state.host_cycles),))
    for vcpu in state.vcpus:
        yield Section(f"vCPU {vcpu.mpidr:#x}", registers.by_encoding(vcpu.sys_regs))


_SECTIONS: Mapping[type, Callable[[Any], Iterator[Section]]] = {
    VmGenIdBlob: _vmgenid_sections,
    Pl011Blob: _pl011_sections,
    ExtraBlob: _extra_sections,
}


def _gic_sections(state: GicBlob) -> Iterator[Section]:
    yield Section("distributor", (registers.view("GICD_CTLR", state.ctlr, GICD_CTLR),))
    for frame in state.redistributors:
        waker = registers.view("GICR_WAKER", frame.waker, GICR_WAKER)
        yield Section(f"redistributor of vCPU {frame.mpidr:#x}", (waker,))


def _interrupts(state: GicBlob) -> Iterator[Interrupt]:
    """The interrupts that are enabled, pending or active: private ones by vCPU, then SPIs."""
    for vcpu, frame in enumerate(state.redistributors):
        for index in _live(frame.privates):
            yield _interrupt(frame.privates, index, index, vcpu, route=None)
    for index in _live(state.spis):
        intid = PRIVATE_COUNT + index
        yield _interrupt(state.spis, index, intid, vcpu=None, route=state.routes[index])


def _live(banks: InterruptBanks) -> Iterator[int]:
    used = from_words(banks.enabled) | from_words(banks.pending) | from_words(banks.active)
    return (index for index in range(len(banks.priority)) if used >> index & 1)


def _interrupt(
    banks: InterruptBanks, index: int, intid: int, vcpu: int | None, route: int | None
) -> Interrupt:
    def has(words: list[int]) -> bool:
        return bool(words[index // 32] >> (index % 32) & 1)

    return Interrupt(
        intid=intid,
        vcpu=vcpu,
        group=int(has(banks.group)),
        enabled=has(banks.enabled),
        pending=has(banks.pending),
        active=has(banks.active),
        priority=banks.priority[index],
        trigger="edge" if has(banks.edge) else "level",
        route=route,
    )
