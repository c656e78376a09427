"""The virtio devices of realistic states."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from emu.formats.firecracker.restore.devices import KINDS, MMIO_V1_16, PCI_V1_16
from emu.formats.firecracker.restore.guest_memory import GuestMemory
from harness.states import realistic_state

RING_SIZES = {"desc_table": 4096, "avail_ring": 518, "used_ring": 2054}

buses = pytest.mark.parametrize("bus", ["mmio", "pci"])


def state_of(bus: Any, seed: int = 0) -> Any:
    return realistic_state("firecracker-1.16", transport=bus, seed=seed).data


def connected(state: Any) -> Iterator[Any]:
    for transport in (MMIO_V1_16, PCI_V1_16):
        for kind in KINDS:
            if transport.find(state) is not None:
                yield from (device for _, device in transport.devices(state, kind))


def virtio_of(device: Any) -> Any:
    state = device.device_state
    return getattr(state, "frontend", state).virtio_state


@buses
def test_all_devices_are_in_use(bus: Any) -> None:
    devices = list(connected(state_of(bus)))
    assert len(devices) == 9
    for device in devices:
        virtio = virtio_of(device)
        assert virtio.activated
        assert virtio.acked_features & ~virtio.avail_features == 0
        assert virtio.acked_features >> 32 & 1  # VERSION_1


@buses
def test_rings_are_in_ram_and_apart(bus: Any) -> None:
    state = state_of(bus)
    memory = GuestMemory(state)
    taken: list[range] = []
    for device in connected(state):
        for queue in virtio_of(device).queues:
            for field, size_bytes in RING_SIZES.items():
                ring = range(getattr(queue, field), getattr(queue, field) + size_bytes)
                assert memory.holds(ring.start, size_bytes)
                assert not any(ring.start < t.stop and t.start < ring.stop for t in taken)
                taken.append(ring)


@buses
def test_no_queue_is_further_than_its_size(bus: Any) -> None:
    for seed in range(3):
        for device in connected(state_of(bus, seed)):
            for queue in virtio_of(device).queues:
                assert (queue.next_avail - queue.next_used) % 65_536 <= queue.size


def test_the_driver_is_done_with_every_transport() -> None:
    for device in connected(state_of("mmio")):
        assert device.transport_state.device_status == 0xF
        assert device.transport_state.queue_select == len(virtio_of(device).queues) - 1
    for device in connected(state_of("pci")):
        assert device.transport_state.pci_dev_state.driver_status == 0xF


def test_capabilities_of_a_pci_device_are_a_list_that_ends_with_msix() -> None:
    device = next(iter(connected(state_of("pci"))))
    transport = device.transport_state
    space = struct.pack("<1024I", *transport.pci_configuration_state.registers)
    kinds, offset = [], space[0x34]
    while offset:
        kinds.append((offset, space[offset], space[offset + 3]))
        offset = space[offset + 1]
    assert [kind for _, kind, _ in kinds] == [9] * 5 + [0x11]
    assert [virtio for _, _, virtio in kinds[:5]] == [1, 3, 4, 2, 5]
    assert kinds[-1][0] == transport.msix_config_cap_offset
    assert kinds[4][0] + 2 == transport.cap_pci_cfg_offset
    assert transport.pci_configuration_state.last_capability == (kinds[-1][0], 12)


@pytest.mark.parametrize("format_id", ["firecracker-1.13", "firecracker-1.16"])
def test_the_bus_that_is_not_used_is_empty(format_id: str) -> None:
    on_mmio, on_pci = (
        realistic_state(format_id, transport=bus).data.device_states for bus in ("mmio", "pci")
    )
    assert not on_mmio.pci_state.pci_enabled
    assert on_pci.pci_state.pci_enabled
    for unused in (on_mmio.pci_state, on_pci.mmio_state):
        assert not unused.block_devices + unused.net_devices
        assert unused.vsock_device is unused.mmds is None


def test_main_has_one_bus_alone() -> None:
    on_mmio, on_pci = (
        realistic_state("firecracker-main", transport=bus).data.device_states.virtio_state
        for bus in ("mmio", "pci")
    )
    assert (on_mmio.variant_name, on_pci.variant_name) == ("Mmio", "Pci")
