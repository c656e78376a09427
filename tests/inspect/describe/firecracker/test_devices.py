"""Virtio devices: what, where, how far the driver has got, whatever bus and release."""

from __future__ import annotations

from typing import Any

import pytest

from emu.formats.firecracker.v1_9_virtio import QueueState
from emu.inspect.describe.firecracker.devices import virtio_views
from emu.inspect.describe.views.devices import DeviceView, FlagsView, PlaceView, QueueView
from tests.plainest import plainest_snapshot

MMIO_RELEASES = ["1.9", "1.10", "1.11", "1.12", "1.13", "1.14", "1.15", "1.16", "main"]
PCI_RELEASES = ["1.13", "1.14", "1.15", "1.16", "main"]


def mmio(state: Any) -> Any:
    devices = state.device_states
    return getattr(devices, "mmio_state", getattr(devices, "virtio_state", devices))


def pci(state: Any) -> Any:
    devices = state.device_states
    return getattr(devices, "pci_state", getattr(devices, "virtio_state", devices))


def state_of(release: str, variant: int = 0) -> Any:
    """A state with one device of each kind."""
    return plainest_snapshot(f"firecracker-{release}", items=1, variant=variant).data


def view(state: Any, kind: str, *, on_pci: bool = False) -> DeviceView:
    (found,) = (
        device
        for device in virtio_views(state)
        if device.kind == kind and (device.pci is not None) == on_pci
    )
    return found


# --- on the MMIO bus ---------------------------------------------------------------------------


@pytest.mark.parametrize("release", MMIO_RELEASES)
def test_a_device_on_the_mmio_bus_has_a_window_and_an_interrupt(release: str) -> None:
    state = state_of(release)
    (disk,) = mmio(state).block_devices
    info = disk.device_info
    info.addr, info.len = 0x4000_3000, 0x1000
    for name, value in {"irqs": [33], "irq": 33, "gsi": 33}.items():
        if hasattr(info, name):
            setattr(info, name, value)
    assert view(state, "virtio-block").place == PlaceView(0x4000_3000, 0x1000, (33,), (65,))


@pytest.mark.parametrize("release", MMIO_RELEASES)
def test_status_and_features_go_by_name(release: str) -> None:
    state = state_of(release)
    (nic,) = mmio(state).net_devices
    nic.transport_state.device_status = 0x0F
    common = nic.device_state.virtio_state
    common.activated = True
    common.avail_features = 1 << 32 | 1 << 29 | 1 << 5 | 1
    common.acked_features = 1 << 32 | 1 << 5 | 1 << 62 | 1 << 49
    found = view(state, "virtio-net").virtio
    assert found is not None
    assert found.activated
    assert found.status == FlagsView(0x0F, ("ACKNOWLEDGE", "DRIVER", "DRIVER_OK", "FEATURES_OK"))
    assert found.offered.names == ("CSUM", "MAC", "EVENT_IDX", "VERSION_1")
    assert found.negotiated.names == ("MAC", "VERSION_1", "bit 49", "STANDBY")


@pytest.mark.parametrize("release", MMIO_RELEASES)
def test_the_interrupt_status_is_found_on_the_device_or_on_the_transport(release: str) -> None:
    """It moved to the transport in v1.13."""
    state = state_of(release)
    (disk,) = mmio(state).block_devices
    on_device = disk.device_state.virtio_state
    holder = on_device if hasattr(on_device, "interrupt_status") else disk.transport_state
    holder.interrupt_status = 3
    found = view(state, "virtio-block").virtio
    assert found is not None
    assert found.interrupt_status == FlagsView(3, ("USED_BUFFER", "CONFIGURATION"))


def test_queues_are_shown_whole() -> None:
    state = state_of("1.16")
    common = mmio(state).entropy_device.device_state.virtio_state
    common.queues = [QueueState(256, 128, True, 0x1000, 0x2000, 0x3000, 12, 11, 1)] * 2
    found = view(state, "virtio-rng").virtio
    assert found is not None
    assert found.queues[1] == QueueView(1, 256, 128, True, 0x1000, 0x2000, 0x3000, 12, 11, 1)


@pytest.mark.parametrize("release", MMIO_RELEASES)
def test_facts_of_a_device_have_the_names_of_the_schema(release: str) -> None:
    state = state_of(release)
    devices = mmio(state)
    devices.block_devices[0].device_state.disk_path = "/rootfs"
    devices.net_devices[0].device_state.tap_if_name = "tap0"
    devices.vsock_device.device_state.frontend.cid = 3
    devices.balloon_device.device_state.config_space.num_pages = 512
    told = {device.kind: device.facts or {} for device in virtio_views(state) if device.place}
    assert told["virtio-block"]["disk_path"] == "/rootfs"
    assert told["virtio-block"]["rate_limiter_state"]["ops"]["size"] == 0
    assert told["virtio-net"]["tap_if_name"] == "tap0"
    assert told["virtio-net"]["config_space"]["guest_mac"] == "06:00:ac:10:00:02"
    assert told["virtio-vsock"]["frontend"]["cid"] == 3
    assert {"path", "uds_path"} & set(told["virtio-vsock"]["backend"])
    assert told["virtio-balloon"]["config_space"]["num_pages"] == 512
    for facts in told.values():
        assert "virtio_state" not in facts
        assert "virtio_state" not in facts.get("frontend", {})


def test_a_vhost_user_disk_is_shown_too() -> None:
    disk = view(state_of("1.12", variant=1), "virtio-block")
    assert disk.facts is not None
    assert "socket_path" in disk.facts


@pytest.mark.parametrize("release", ["1.14", "1.15", "1.16", "main"])
def test_memory_devices_are_shown_from_v1_14_on(release: str) -> None:
    state = state_of(release)
    mmio(state).memory_device.device_state.plugged_blocks = [True, False]
    memory = view(state, "virtio-mem")
    assert memory.facts is not None
    assert memory.facts["plugged_blocks"] == [True, False]
    pmem = view(state, "virtio-pmem")
    assert pmem.facts is not None
    assert pmem.facts["config"]["path_on_host"] == ""


# --- on the PCI bus ----------------------------------------------------------------------------


def place_on_pci(device: Any, number: int, text: str) -> None:
    """Write a PCI address where a release has it."""
    if hasattr(device, "sbdf"):
        device.sbdf._0 = number
    else:
        device.pci_device_bdf = number
        device.transport_state.pci_device_bdf = text


def give_bar(transport: Any, address: int, size_bytes: int) -> None:
    """Write a 64-bit BAR where a release has it, as `add_pci_bar` and `set_bar_64` do."""
    mask = (1 << 64) - size_bytes
    words = [(address & 0xFFFF_FFFF | 0b100, mask & 0xFFFF_FFFF), (address >> 32, mask >> 32)]
    if hasattr(transport, "bars"):
        bar = type(transport.bars.bars[0])
        rows = [bar(*row, False) for row in words] + [bar(0, 0, False)] * 4
        transport.bars.bars = tuple(rows)
        return
    bar = type(transport.pci_configuration_state.bars[0])
    rest = [None] if "type" in bar.__slots__ else []
    rows = [bar(*row, True, *rest) for row in words] + [bar(0, 0, False, *rest)] * 4
    transport.pci_configuration_state.bars = rows


@pytest.mark.parametrize("release", PCI_RELEASES)
def test_a_device_on_the_pci_bus_has_an_address_bars_and_vectors(release: str) -> None:
    state = state_of(release, variant=1 if release == "main" else 0)
    (disk,) = pci(state).block_devices
    transport = disk.transport_state
    place_on_pci(disk, 0x0000_0010, "0000:00:02.0")
    give_bar(transport, 0x40_0008_0000, 0x8_0000)
    msix = transport.msix_state
    entry = type(msix.table_entries[0])
    msix.table_entries = [entry(0x3FFD_0040, 0, 0, 0), entry(0x40, 1, 7, 1)]
    msix.pba_entries, msix.enabled = [2], True
    holder = msix if hasattr(msix, "vectors") else transport
    setattr(holder, "vectors" if hasattr(msix, "vectors") else "msi_vector_group", [96, 97])
    transport.pci_dev_state.driver_status = 0x8F
    found = view(state, "virtio-block", on_pci=True)
    assert found.place is None
    assert found.pci is not None
    assert found.pci.address == "0000:00:02.0"
    (bar,) = found.pci.bars
    assert (bar.index, bar.address, bar.size_bytes) == (0, 0x40_0008_0000, 0x8_0000)
    assert (found.pci.msix_enabled, found.pci.msix_masked) == (True, False)
    first, second = found.pci.vectors
    assert (first.gsi, first.address, first.masked, first.pending) == (
        96,
        0x3FFD_0040,
        False,
        False,
    )
    assert (second.gsi, second.address, second.data) == (97, 0x1_0000_0040, 7)
    assert (second.masked, second.pending) == (True, True)
    assert found.virtio is not None
    assert "FAILED" in found.virtio.status.names


def test_the_head_of_the_configuration_space_is_decoded() -> None:
    state = state_of("1.16")
    (disk,) = pci(state).block_devices
    words = [0] * 1024
    words[0], words[1] = 0x1042_1AF4, 0x0010_0406
    disk.transport_state.pci_configuration_state.registers = words
    found = view(state, "virtio-block", on_pci=True).pci
    assert found is not None
    identification, command, *_ = found.header.registers
    assert identification.fields == {"device": "0x1042", "vendor": "0x1af4"}
    assert command.fields is not None
    assert command.fields["bus_master"] == "1"


def test_a_configuration_space_of_another_size_is_not_decoded() -> None:
    found = view(state_of("1.16"), "virtio-block", on_pci=True).pci
    assert found is not None
    assert found.header.registers == ()


def test_a_vector_without_gsi_or_pending_bit_is_shown() -> None:
    state = state_of("1.14")
    msix = pci(state).block_devices[0].transport_state.msix_state
    msix.vectors, msix.pba_entries = [], []
    found = view(state, "virtio-block", on_pci=True).pci
    assert found is not None
    (vector,) = found.vectors
    assert (vector.gsi, vector.pending) == (None, False)
