"""Addresses and interrupts, release by release."""

from __future__ import annotations

from typing import Any

import pytest

from emu import boards
from harness.states import realistic_state
from harness.states.releases import RELEASES

FROM_1_13 = list(RELEASES)[5:]
FROM_1_15 = list(RELEASES)[7:]
GIB = 1 << 30


def state_of(format_id: str, **arguments: Any) -> Any:
    return realistic_state(format_id, **arguments).data


def slots(*devices: Any) -> list[tuple[int, int]]:
    """Address and GSI of each device's window."""
    infos = [getattr(device, "device_info", device) for device in devices]
    return [(info.addr, _gsi(info)) for info in infos]


def _gsi(info: Any) -> int:
    if hasattr(info, "irqs"):
        (gsi,) = info.irqs
    else:
        gsi = info.irq if hasattr(info, "irq") else info.gsi
    return int(gsi)


ONE_OF_EACH: Any = {"block": 1, "net": 1, "serial": 1}


@pytest.mark.parametrize("format_id", list(RELEASES)[:5])
def test_up_to_1_12_all_devices_share_the_windows(format_id: str) -> None:
    state = state_of(format_id, devices=ONE_OF_EACH)
    devices = state.device_states
    assert slots(devices.block_devices[0], devices.net_devices[0], *devices.legacy_devices) == [
        (0x4000_0000, 32),
        (0x4000_1000, 33),
        (0x4000_2000, 34),
        (0x4000_3000, 35),
    ]
    assert state.acpi_dev_state.vmgenid.gsi == 36
    assert state.acpi_dev_state.vmgenid.addr == 0x801F_FFF0


@pytest.mark.parametrize("format_id", FROM_1_13)
def test_from_1_13_serial_port_and_clock_have_windows_of_their_own(format_id: str) -> None:
    devices = state_of(format_id, devices=ONE_OF_EACH).device_states
    if format_id == "firecracker-main":
        virtio = devices.virtio_state
        legacy = [devices.mmio_platform_state.serial, devices.mmio_platform_state.rtc]
    else:
        virtio, legacy = devices.mmio_state, devices.mmio_state.legacy_devices
    assert slots(virtio.block_devices[0], virtio.net_devices[0], *legacy) == [
        (0x4000_3000, 0),
        (0x4000_4000, 1),
        (0x4000_2000, 2),
        (0x4000_1000, 3),
    ]
    assert devices.acpi_state.vmgenid.gsi == 4


@pytest.mark.parametrize("format_id", list(RELEASES))
def test_a_machine_of_the_same_release_has_its_devices_at_the_same_places(format_id: str) -> None:
    state = state_of(format_id, devices=ONE_OF_EACH)
    devices = state.device_states
    if format_id == "firecracker-main":
        virtio = devices.virtio_state
        legacy = [devices.mmio_platform_state.serial, devices.mmio_platform_state.rtc]
    else:
        virtio = getattr(devices, "mmio_state", devices)
        legacy = virtio.legacy_devices
    equipment = boards.get(format_id).equip(virtio_count=2)
    assert slots(virtio.block_devices[0], virtio.net_devices[0], *legacy) == [
        (place.window.base, place.gsi) for place in equipment.places()
    ]


@pytest.mark.parametrize("format_id", FROM_1_15)
def test_vmclock_follows_vmgenid(format_id: str) -> None:
    devices = state_of(format_id, devices=ONE_OF_EACH).device_states.acpi_state
    assert (devices.vmgenid.gsi, devices.vmclock.gsi) == (4, 5)
    assert devices.vmgenid.addr == 0x801F_FFF0
    assert devices.vmclock.guest_address == 0x801F_E000
    assert devices.vmclock.inner.magic == 0x4B4C_4356
    assert devices.vmclock.inner.seq_count == 2 * devices.vmclock.inner.vm_generation_counter


@pytest.mark.parametrize("format_id", FROM_1_13)
@pytest.mark.parametrize(
    ("vcpus", "address"), [(1, 0x801F_FF80), (2, 0x801F_FF40), (4, 0x801F_FEC0)]
)
def test_stolen_time_is_below_vmgenid(format_id: str, vcpus: int, address: int) -> None:
    found = [vcpu.pvtime_ipa for vcpu in state_of(format_id, vcpus=vcpus).vcpu_states]
    assert found == [address + 64 * index for index in range(vcpus)]


def test_the_pci_bus_takes_no_interrupt_lines() -> None:
    """Devices are numbered from 1, their vectors from GSI 96, one for each queue and one more."""
    devices = state_of("firecracker-1.16", transport="pci", devices=ONE_OF_EACH).device_states
    block, net = devices.pci_state.block_devices[0], devices.pci_state.net_devices[0]
    assert [device.sbdf._0 for device in (block, net)] == [1 << 3, 2 << 3]
    assert block.transport_state.msix_state.vectors == [96, 97]
    assert net.transport_state.msix_state.vectors == [98, 99, 100]
    assert devices.acpi_state.vmgenid.gsi == 2
    bars = [device.transport_state.bars.bars[1].encoded_addr for device in (block, net)]
    assert bars == [0x40, 0x40]


def test_the_allocators_are_what_was_taken() -> None:
    resources = state_of("firecracker-1.16").vm_state.resource_allocator
    # Nine virtio devices, serial port, clock, VMGenID, VMClock.
    assert resources.gsi_legacy_allocator.next_id == 13
    assert resources.gsi_msi_allocator.next_id == 96
    assert resources.mmio32_memory.interval_tree.root.height == 4
    assert resources.mmio64_memory.interval_tree.root.node_state.value == "Free"


def test_ram_is_divided_where_pci_devices_are() -> None:
    old = state_of("firecracker-1.12", memory_mib=300 << 10).vm_state.memory.regions
    new = state_of("firecracker-1.13", memory_mib=300 << 10).vm_state.memory.regions
    assert [(r.base_address, r.size) for r in old] == [(2 * GIB, 300 * GIB)]
    assert [(r.base_address, r.size) for r in new] == [
        (2 * GIB, 254 * GIB),
        (512 * GIB, 46 * GIB),
    ]


def test_memory_devices_are_behind_the_pci_devices() -> None:
    state = state_of("firecracker-1.16", devices={"mem": 1, "pmem": 2})
    virtio = state.device_states.mmio_state
    region = state.vm_state.memory.regions[1]
    assert (region.base_address, region.size) == (512 * GIB, GIB)
    assert virtio.memory_device.device_state.addr == region.base_address
    first, second = (pmem.device_state.config_space for pmem in virtio.pmem_devices)
    assert first.start == 513 * GIB
    assert second.start == first.start + first.size
