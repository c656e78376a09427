"""The state of a VM, but for its devices."""

from __future__ import annotations

from collections.abc import Iterator

from emu.formats.firecracker.gic import Interrupt
from emu.inspect.describe.views.state import (
    AllocatorView,
    GicView,
    RangeView,
    RegionView,
    RowView,
    StateView,
    VcpuView,
)
from harness.report.description.devices import blob_text, device_lines
from harness.report.description.layout import Line, heading, inline, names, table
from harness.report.description.registers import register_text, section_lines
from harness.report.text import printable

_WORDS_SHOWN_MAX = 8


def state_lines(state: StateView) -> Iterator[Line]:
    """All of a decoded state."""
    yield from heading("VM")
    yield from table(state.vm, "  ")
    yield from heading("Guest RAM")
    yield from map(_region, state.regions)
    yield f"  the memory file has {state.memory_file_size_bytes:,} bytes"
    for vcpu in state.vcpus:
        yield from _vcpu(vcpu)
    yield from heading("Devices")
    for device in state.devices:
        yield from device_lines(device)
    if state.gic:
        yield from _gic(state.gic)
    if state.mmds:
        yield from heading("MMDS")
        yield from table(state.mmds, "  ")
    if state.allocators:
        yield from heading("Allocators")
        for allocator in state.allocators:
            yield from _allocator(allocator)


def _region(region: RegionView) -> str:
    last = region.base_address + region.size_bytes - 1
    facts = f"  {inline(region.facts)}" if region.facts else ""
    return f"  {region.base_address:#x} to {last:#x}  {region.size_bytes:,} bytes{facts}"


# --- vCPUs -------------------------------------------------------------------------------------


def _vcpu(vcpu: VcpuView) -> Iterator[Line]:
    yield from heading(f"vCPU {vcpu.index}")
    yield f"  power state {vcpu.power_state}"
    if vcpu.target is not None:
        yield f"  target {vcpu.target}, features {', '.join(vcpu.features) or 'none'}"
    if vcpu.pvtime_address is not None:
        yield f"  stolen time at {vcpu.pvtime_address:#x}"
    yield f"  {register_text(vcpu.mpidr)}"
    for group in vcpu.groups:
        yield from section_lines(group, "  ", in_full=group.title == "general")


# --- interrupt controller ----------------------------------------------------------------------


def _gic(gic: GicView) -> Iterator[Line]:
    yield from heading("Interrupt controller")
    if gic.version:
        yield f"  {gic.version}"
    if gic.blob:
        yield f"  gic_state.len {gic.declared_size_bytes}"
        yield f"  {blob_text(gic.blob)}"
    for note in gic.notes:
        yield f"  {printable(note)}"
    for section in gic.sections:
        yield from section_lines(section, "  ")
    for index, row in enumerate(gic.rows):
        if row.name is None:
            yield _raw(index, row)
    if gic.interrupts:
        yield "  interrupts"
    yield from map(_interrupt, gic.interrupts)


def _raw(index: int, row: RowView) -> str:
    owner = row.owner if row.vcpu is None else f"vCPU {row.vcpu} {row.owner}"
    words = row.words or ()
    more = " ..." if len(words) > _WORDS_SHOWN_MAX else ""
    return f"    {owner}: {' '.join(map(hex, words[:_WORDS_SHOWN_MAX])) or 'none'}{more}"


def _interrupt(interrupt: Interrupt) -> str:
    owner = "SPI" if interrupt.vcpu is None else f"vCPU {interrupt.vcpu}"
    states = [name for name in ("enabled", "pending", "active") if getattr(interrupt, name)]
    route = "" if interrupt.route is None else f" to {interrupt.route:#x}"
    return (
        f"    INTID {interrupt.intid:>4}  {owner:8} {', '.join(states)}; {interrupt.trigger}, "
        f"group {interrupt.group}, priority {interrupt.priority:#04x}{route}"
    )


# --- allocators --------------------------------------------------------------------------------


def _allocator(allocator: AllocatorView) -> Iterator[Line]:
    if allocator.tree_height is None:
        freed = ", ".join(map(str, allocator.freed)) or "none"
        space = f"{allocator.space.first} to {allocator.space.last}"
        following = "none left" if allocator.next is None else allocator.next
        yield f"  {allocator.name}  {space}; next {following}, freed {freed}"
        return
    yield f"  {allocator.name}  {_range(allocator.space)}; tree height {allocator.tree_height}"
    yield from names("allocated", map(_range, allocator.allocated), "    ")


def _range(span: RangeView) -> str:
    return f"{span.first:#x} to {span.last:#x}"
