"""The virtio devices of a Firecracker state, on either bus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from emu.arch import pci, virtio
from emu.arch.gicv3 import SPI_FIRST
from emu.inspect.describe import registers
from emu.inspect.describe.facts import facts
from emu.inspect.describe.firecracker import locate
from emu.inspect.describe.firecracker.locate import first
from emu.inspect.describe.views.devices import (
    DeviceView,
    PciView,
    PlaceView,
    VectorView,
    VirtioView,
)
from emu.inspect.describe.views.registers import Section
from emu.inspect.describe.virtio import virtio_view

_CONFIGURATION_WORDS = 1024
_MASKED = 1  # bit 0 of an MSI-X vector's control


def virtio_views(state: Any) -> Iterator[DeviceView]:
    """All virtio devices."""
    for kind, device in locate.virtio_devices(state):
        yield _view(kind, device)


def place(info: Any) -> PlaceView:
    """Where a device on the MMIO bus is, by its `MMIODeviceInfo`."""
    return place_at(info.addr, info.len, locate.gsis(info))


def place_at(address: int, size_bytes: int | None, gsis: tuple[int, ...]) -> PlaceView:
    """The place of a device; KVM's GSI 0 is the first shared interrupt."""
    return PlaceView(address, size_bytes, gsis, tuple(SPI_FIRST + gsi for gsi in gsis))


def _view(kind: virtio.DeviceType, device: Any) -> DeviceView:
    state, transport = device.device_state, device.transport_state
    common = first(state, "virtio_state", "frontend.virtio_state")
    told = facts(state, without=("id", "virtio_state"))
    told.get("frontend", {}).pop("virtio_state", None)
    info = first(device, "device_info")
    return DeviceView(
        kind=kind.name,
        id=device.device_id,
        place=place(info) if info else None,
        pci=None if info else _pci(device, transport),
        virtio=_virtio(kind, common, transport),
        facts=told,
    )


# --- virtio ------------------------------------------------------------------------------------


def _virtio(kind: virtio.DeviceType, common: Any, transport: Any) -> VirtioView:
    common_config = first(transport, "pci_dev_state") or transport
    interrupt_status = first(transport, "interrupt_status")
    if interrupt_status is None:  # up to v1.12 the device has it
        interrupt_status = first(common, "interrupt_status")
    return virtio_view(
        kind,
        common,
        common_config,
        status=first(common_config, "driver_status", "device_status"),
        interrupt_status=interrupt_status,
    )


# --- PCI ---------------------------------------------------------------------------------------


def _pci(device: Any, transport: Any) -> PciView:
    return PciView(
        address=locate.pci_address(device),
        bars=tuple(pci.decode_bars(locate.bar_words(transport))),
        header=_header(transport.pci_configuration_state.registers),
        msix_enabled=transport.msix_state.enabled,
        msix_masked=transport.msix_state.masked,
        vectors=tuple(_vectors(transport)),
    )


def _header(words: list[int]) -> Section:
    rows = pci.HEADER if len(words) == _CONFIGURATION_WORDS else ()
    return Section(
        "configuration space",
        tuple(
            registers.view(name, words[index], layout, size_bytes=4) for index, name, layout in rows
        ),
    )


def _vectors(transport: Any) -> Iterator[VectorView]:
    gsis, state = locate.msix_gsis(transport), transport.msix_state
    for index, entry in enumerate(state.table_entries):
        word = index // 64
        pending = word < len(state.pba_entries) and state.pba_entries[word] >> index % 64 & 1
        yield VectorView(
            index=index,
            gsi=gsis[index] if index < len(gsis) else None,
            address=entry.msg_addr_hi << 32 | entry.msg_addr_lo,
            data=entry.msg_data,
            masked=bool(entry.vector_ctl & _MASKED),
            pending=bool(pending),
        )
