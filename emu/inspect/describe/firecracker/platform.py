"""The devices of a Firecracker state that are not virtio: serial port, clock, VMGenID, VMClock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from emu.arch import ns16550, vmclock
from emu.arch.bits import Register
from emu.formats.firecracker.system_memory import VMGENID_SIZE_BYTES
from emu.inspect.describe import registers
from emu.inspect.describe.firecracker import locate
from emu.inspect.describe.firecracker.devices import place, place_at
from emu.inspect.describe.firecracker.locate import first
from emu.inspect.describe.views.devices import DeviceView, PlaceView
from emu.inspect.describe.views.registers import RegisterView, Section
from emu.wire.nodes import IntNode
from emu.wire.schema import Struct, fields_of

_SERIAL: dict[str, tuple[str, type[Register] | None]] = {
    "baud_divisor_low": ("DLL", None),
    "baud_divisor_high": ("DLM", None),
    "interrupt_enable": ("IER", ns16550.IER),
    "interrupt_identification": ("IIR", ns16550.IIR),
    "line_control": ("LCR", ns16550.LCR),
    "line_status": ("LSR", ns16550.LSR),
    "modem_control": ("MCR", ns16550.MCR),
    "modem_status": ("MSR", ns16550.MSR),
    "scratch": ("SCR", None),
}
"""Fields of `SerialState`: name and layout of the register."""


def platform_views(state: Any) -> Iterator[DeviceView]:
    """The devices that are not virtio."""
    uart = locate.serial(state)
    for kind, info in locate.platform_devices(state):
        yield _platform_view(kind, place(info), uart if kind == "serial" else None)
        if kind == "serial":
            uart = None
    if uart:
        yield _platform_view("serial", None, uart)
    yield from _acpi_views(locate.acpi_devices(state))


def _platform_view(kind: str, where: PlaceView | None, uart: Any) -> DeviceView:
    """A device; `uart` is the state of a serial port, None if the file has none."""
    if uart is None:
        return DeviceView(kind, place=where)
    rows = (
        registers.view(name, getattr(uart, field), layout, size_bytes=1)
        for field, (name, layout) in _SERIAL.items()
    )
    return DeviceView(
        kind,
        place=where,
        facts={"in_buffer": uart.in_buffer.hex()},
        sections=(Section("16550A", tuple(rows)),),
    )


def _acpi_views(devices: Any) -> Iterator[DeviceView]:
    generation_id = first(devices, "vmgenid")
    if generation_id:
        where = place_at(generation_id.addr, VMGENID_SIZE_BYTES, (generation_id.gsi,))
        yield DeviceView("vmgenid", place=where)
    clock = first(devices, "vmclock")
    if clock:
        where = place_at(clock.guest_address, clock.inner.size, (clock.gsi,))
        yield DeviceView("vmclock", place=where, sections=(_clock(clock.inner),))


def _clock(page: Struct) -> Section:
    return Section("vmclock_abi", tuple(_clock_rows(page)))


def _clock_rows(page: Struct) -> Iterator[RegisterView]:
    for field in fields_of(type(page)):
        if isinstance(field.node, IntNode):
            yield registers.view(
                field.name,
                getattr(page, field.name),
                vmclock.LAYOUTS.get(field.name),
                size_bytes=field.node.bits // 8,
            )
