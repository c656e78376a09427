"""Descriptions of state files as text for people."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from emu.formats.squib import MmdsState, VmInfo
from emu.inspect.description import (
    BlobView,
    Description,
    DeviceView,
    GicView,
    InterruptView,
    MemoryView,
    RegisterView,
    Section,
    StateView,
    VcpuView,
)
from harness.text import printable

_REGISTERS_PER_LINE = 4
_VECTORS_PER_LINE = 2


Line = str | Text


def print_description(console: Console, description: Description) -> None:
    """Write `description` to `console`, one fact a line."""
    for line in _lines(description):
        console.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)


def _lines(description: Description) -> Iterator[Line]:
    yield from _summary(description)
    if description.state:
        yield from _state(description.state)
    if description.problems:
        yield from _heading("Problems")
        for problem in description.problems:
            yield f"  {problem.error}: {printable(problem.message)}"


def _heading(title: str) -> Iterator[Line]:
    yield ""
    yield Text(title, style="bold")


def _summary(description: Description) -> Iterator[Line]:
    header, crc = description.header, description.checksum
    if header:
        architecture = header.architecture or "unknown architecture"
        yield f"format:      {header.encoding}, version {printable(header.version or 'unknown')}"
        yield f"magic:       {header.magic:#018x} ({architecture})"
    else:
        yield "format:      unknown, there is no snapshot header"
    yield f"size:        {description.size_bytes:,} bytes"
    if crc:
        verdict = "ok" if crc.ok else f"wrong, the bytes have {crc.computed:#018x}"
        yield f"checksum:    {crc.stored:#018x} ({verdict})"
    yield f"loads:       {'no' if description.problems else 'yes'}"
    if description.memory:
        yield f"memory file: {_memory(description.memory)}"


def _memory(memory: MemoryView) -> str:
    path, size, expected = memory.path, memory.size_bytes, memory.expected_size_bytes
    if size is None:
        return f"{printable(path)} (not there)"
    if expected in {None, size}:
        return f"{printable(path)}, {size:,} bytes"
    return f"{printable(path)}, {size:,} bytes where mem_size_mib asks for {expected:,}"


def _state(state: StateView) -> Iterator[Line]:
    yield from _heading("VM")
    yield from _fields(state.vm)
    for vcpu in state.vcpus:
        yield from _vcpu(vcpu)
    yield from _heading("Devices")
    for device in state.devices:
        yield from _device(device)
    yield from _gic(state.gic)
    if state.mmds:
        yield from _heading("MMDS")
        yield from _fields(state.mmds)


def _fields(struct: VmInfo | MmdsState) -> Iterator[Line]:
    fields = dataclasses.asdict(struct)
    width = max(map(len, fields))
    for name, value in fields.items():
        yield f"  {name:{width}}  {_value(value)}"


def _value(value: str | int | bool | None) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case str():
            return printable(value) if value else '""'
        case int():
            return str(value)


def _vcpu(vcpu: VcpuView) -> Iterator[Line]:
    yield from _heading(f"vCPU {vcpu.index}")
    yield f"  psci_state {vcpu.psci_state}"
    yield f"  {_register(vcpu.mpidr)}"
    plain = [register for register in vcpu.registers if register.fields is None]
    cells = [f"{r.name:>6} {r.value:#018x}" for r in plain]
    yield from _columns(cells, _REGISTERS_PER_LINE)
    for register in vcpu.registers:
        if register.fields is not None:
            yield f"  {_register(register)}"
    yield f"  {'  '.join(map(_register, vcpu.fp))}"
    used = [(n, value) for n, value in enumerate(vcpu.vectors) if int(value, 16)]
    yield from _columns([f"{f'V{n}':>6} {value}" for n, value in used], _VECTORS_PER_LINE)
    if len(used) < len(vcpu.vectors):
        yield f"  vector registers at zero: {len(vcpu.vectors) - len(used)}"
    yield from _sys_regs(vcpu.sys_regs)


def _columns(cells: list[str], per_line: int) -> Iterator[Line]:
    for start in range(0, len(cells), per_line):
        yield "  " + "  ".join(cells[start : start + per_line])


def _sys_regs(registers: Iterable[RegisterView]) -> Iterator[Line]:
    for register in registers:
        yield f"  {register.key:>4} {_register(register)}"


def _register(register: RegisterView) -> str:
    shown = f"{register.name} {register.value:#x}"
    return " ".join([shown, *(f"{k}={v}" for k, v in (register.fields or {}).items())])


def _device(device: DeviceView) -> Iterator[Line]:
    slot = "no slot" if device.mmio_slot is None else f"slot {device.mmio_slot}"
    yield f"  {slot}  {printable(device.kind)} {printable(device.id)!r}  {_blob(device.blob)}"
    yield from _sections(device.blob.sections)


def _blob(blob: BlobView) -> str:
    ellipsis = " ..." if blob.size_bytes > len(bytes.fromhex(blob.preview)) else ""
    note = f" ({printable(blob.note)})" if blob.note else ""
    kind = f"made by {blob.maker}" if blob.maker else "opaque"
    return f"{blob.size_bytes:,} bytes, {kind}: {blob.preview}{ellipsis}{note}"


def _sections(sections: Iterable[Section]) -> Iterator[Line]:
    for section in sections:
        yield f"    {section.title}"
        for register in section.registers:
            yield f"      {_register(register)}"


def _gic(gic: GicView) -> Iterator[Line]:
    yield from _heading("Interrupt controller")
    yield f"  gic_state.len {gic.declared_size_bytes}"
    yield f"  {_blob(gic.blob)}"
    yield from _sections(gic.blob.sections)
    yield from map(_interrupt, gic.interrupts)


def _interrupt(interrupt: InterruptView) -> str:
    owner = "SPI" if interrupt.vcpu is None else f"vCPU {interrupt.vcpu}"
    states = [name for name in ("enabled", "pending", "active") if getattr(interrupt, name)]
    route = "" if interrupt.route is None else f" to {interrupt.route:#x}"
    return (
        f"    INTID {interrupt.intid:>4}  {owner:8} {', '.join(states)}; {interrupt.trigger}, "
        f"group {interrupt.group}, priority {interrupt.priority:#04x}{route}"
    )
