"""What the rules of each release do to what the guest sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emu.formats import registry
from emu.formats.firecracker import resources
from emu.formats.firecracker.gic import GICV3_FROM_1_13, GICV3_TO_1_12
from emu.inspect.convert import Conversion, transformed
from emu.inspect.convert.v1_13 import ITS_AFTER_RESET

State = Callable[..., Any]


def converted(snapshot: Any, old: str, new: str) -> Conversion:
    source, target = registry.get(f"firecracker-{old}"), registry.get(f"firecracker-{new}")
    return transformed(snapshot, source, target)


def lost(result: Conversion) -> list[str]:
    return [loss.path for loss in result.losses]


# --- network -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["1.9", "1.13"])
def test_buffers_taken_in_advance_are_given_back(target: str, state: State) -> None:
    """Neither v1.9 nor v1.13 has them: the receive queue goes back by their number, modulo 2^16."""
    snapshot = state("firecracker-1.12")
    net = snapshot.data.device_states.net_devices[0].device_state
    net.rx_buffers_state.parsed_descriptor_chains_nr = 5
    net.virtio_state.queues[0].next_avail = 3
    result = converted(snapshot, "1.12", target)
    devices = result.snapshot.data.device_states
    new = getattr(devices, "mmio_state", devices).net_devices[0].device_state
    assert new.virtio_state.queues[0].next_avail == 0xFFFE
    assert not any("rx_buffers" in path for path in lost(result))
    path = "data.device_states.net_devices[0].device_state.virtio_state.queues[0].next_avail"
    assert (path, 3, 0xFFFE) in {(c.path, c.old, c.new) for c in result.changes}


def test_a_frame_that_is_half_delivered_is_lost_with_its_buffers(state: State) -> None:
    """The guest was not told of the buffers that it fills, so they are taken again."""
    snapshot = state("firecracker-1.12")
    net = snapshot.data.device_states.net_devices[0].device_state
    net.rx_buffers_state.parsed_descriptor_chains_nr = 5
    net.rx_buffers_state.used_descriptors = 2
    net.virtio_state.queues[0].next_avail = 10
    result = converted(snapshot, "1.12", "1.13")
    new = result.snapshot.data.device_states.mmio_state.net_devices[0].device_state
    assert new.virtio_state.queues[0].next_avail == 3
    assert lost(result) == ["data.device_states.net_devices[0].device_state.rx_buffers_state"]


def test_a_queue_that_is_not_running_stays_as_it_is(state: State) -> None:
    snapshot = state("firecracker-1.12")
    net = snapshot.data.device_states.net_devices[0].device_state
    net.virtio_state.activated = False
    net.rx_buffers_state.parsed_descriptor_chains_nr = 5
    new = converted(snapshot, "1.12", "1.13").snapshot.data.device_states.mmio_state
    queue = new.net_devices[0].device_state.virtio_state.queues[0]
    assert queue.next_avail == net.virtio_state.queues[0].next_avail


@pytest.mark.parametrize("used", [True, False])
def test_a_feature_that_the_older_release_lacks(used: bool, state: State) -> None:
    """It is lost if the driver uses it; if not, it is offered no more."""
    snapshot = state("firecracker-1.10")
    virtio = snapshot.data.device_states.net_devices[0].device_state.virtio_state
    virtio.avail_features |= 1 << 15
    virtio.acked_features = virtio.acked_features & ~(1 << 15) | used << 15
    result = converted(snapshot, "1.10", "1.9")
    new = result.snapshot.data.device_states.net_devices[0].device_state.virtio_state
    path = "data.device_states.net_devices[0].device_state.virtio_state"
    assert (f"{path}.acked_features" in lost(result)) is used
    assert new.acked_features == virtio.acked_features
    assert bool(new.avail_features >> 15 & 1) is used


# --- interrupts --------------------------------------------------------------------------------


def test_interrupts_keep_their_number_over_all_releases(state: State) -> None:
    """GSI n is INTID 32 + n everywhere: the guest's device tree stays true."""
    snapshot = state("firecracker-1.10")
    irqs = [device.device_info.irqs[0] for device in snapshot.data.device_states.block_devices]
    for release in ("1.11", "1.12", "1.13", "1.16"):
        devices = converted(snapshot, "1.10", release).snapshot.data.device_states
        blocks = getattr(devices, "mmio_state", devices).block_devices
        infos = [device.device_info for device in blocks]
        assert [getattr(i, "gsi", getattr(i, "irq", None)) for i in infos] == irqs


@pytest.mark.parametrize(("target", "expected"), [("1.12", None), ("1.11", None), ("1.10", [0])])
def test_gsi_0_can_be_told_in_all_but_two_releases(
    target: str, expected: list[int] | None, state: State
) -> None:
    """A device that has it is lost in v1.11 and v1.12, not on the way to v1.10."""
    snapshot = state("firecracker-1.13")
    assert snapshot.data.device_states.mmio_state.balloon_device.device_info.gsi == 0
    result = converted(snapshot, "1.13", target)
    balloon = result.snapshot.data.device_states.balloon_device
    assert (balloon and balloon.device_info.irqs) == expected
    assert ("data.device_states.mmio_state.balloon_device" in lost(result)) is (expected is None)


def test_a_clock_of_gsi_0_is_kept_without_it(state: State) -> None:
    snapshot = state("firecracker-1.13")
    mmio = snapshot.data.device_states.mmio_state
    clock = mmio.legacy_devices[1].device_info
    mmio.balloon_device.device_info.gsi, clock.gsi = clock.gsi, 0
    result = converted(snapshot, "1.13", "1.12")
    new = result.snapshot.data.device_states
    assert new.legacy_devices[1].device_info.irq is None
    assert new.balloon_device is not None
    assert "data.device_states.mmio_state.legacy_devices[1].device_info.gsi" in lost(result)


def test_redistributors_follow_the_list_of_the_release(state: State) -> None:
    """By name: v1.13 has put GICR_CTLR behind GICR_PENDBASER."""
    snapshot = state("firecracker-1.12")
    new = converted(snapshot, "1.12", "1.13").snapshot
    old_rows = snapshot.data.vm_state.gic.gic_vcpu_states[0].rdist
    new_rows = new.data.vm_state.gic.gic_vcpu_states[0].rdist
    old_names = [entry.name for entry in GICV3_TO_1_12.rdist]
    new_names = [entry.name for entry in GICV3_FROM_1_13.rdist]
    assert old_names != new_names
    assert dict(zip(old_names, old_rows, strict=True)) == dict(
        zip(new_names, new_rows, strict=True)
    )


def test_an_its_is_made_for_gicv3_alone(state: State) -> None:
    snapshot = state("firecracker-1.12")
    its = converted(snapshot, "1.12", "1.13").snapshot.data.vm_state.gic.its_state
    assert its.iidr == ITS_AFTER_RESET["iidr"]
    for vcpu in snapshot.data.vm_state.gic.gic_vcpu_states:
        vcpu.rdist = []
    assert converted(snapshot, "1.12", "1.13").snapshot.data.vm_state.gic.its_state is None


def test_an_its_that_nobody_has_touched_is_no_loss(state: State) -> None:
    snapshot = state("firecracker-1.12")
    there = converted(snapshot, "1.12", "1.13")
    assert "data.vm_state.gic.its_state" not in lost(converted(there.snapshot, "1.13", "1.12"))
    there.snapshot.data.vm_state.gic.its_state.cbaser = 1 << 63
    assert "data.vm_state.gic.its_state" in lost(converted(there.snapshot, "1.13", "1.12"))


# --- what is handed out ------------------------------------------------------------------------


def test_the_record_of_what_was_handed_out_has_what_the_devices_have(state: State) -> None:
    snapshot = state("firecracker-1.12")
    data = converted(snapshot, "1.12", "1.13").snapshot.data
    record = data.vm_state.resource_allocator
    vmgenid = data.device_states.acpi_state.vmgenid
    assert list(resources.allocated(record.system_memory)) == [(vmgenid.addr, vmgenid.addr + 15)]
    used = set(range(32, record.gsi_legacy_allocator.next_id))
    assert used >= {d.device_info.gsi for d in data.device_states.mmio_state.block_devices}
    assert record.gsi_legacy_allocator.freed_ids == list(range(32))
    windows = list(resources.allocated(record.mmio32_memory))
    assert windows
    assert all(first >= 0x4000_3000 and last - first == 0xFFF for first, last in windows)


def test_a_vmclock_takes_what_is_free(state: State) -> None:
    """Neither its page nor its interrupt is another device's, and both are on record."""
    snapshot = state("firecracker-1.14")
    old = snapshot.data.vm_state.resource_allocator
    data = converted(snapshot, "1.14", "1.15").snapshot.data
    clock, record = data.device_states.acpi_state.vmclock, data.vm_state.resource_allocator
    page = resources.Span(clock.guest_address, clock.guest_address + 0xFFF)
    before = set(resources.allocated(old.system_memory))
    assert set(resources.allocated(record.system_memory)) == before | {page}
    assert all(last < page.first or first > page.last for first, last in before)
    assert clock.gsi == old.gsi_legacy_allocator.next_id
    assert record.gsi_legacy_allocator.next_id == clock.gsi + 1


def test_a_vmgenid_is_made_where_there_is_none(state: State) -> None:
    snapshot = state("firecracker-1.12")
    snapshot.data.acpi_dev_state.vmgenid = None
    data = converted(snapshot, "1.12", "1.14").snapshot.data
    assert data.device_states.acpi_state.vmgenid.addr == 0x801F_FFF0
    assert data.device_states.acpi_state.vmgenid.gsi == 0


# --- devices -----------------------------------------------------------------------------------


def test_a_balloon_loses_the_queues_that_v1_13_does_not_take(state: State) -> None:
    snapshot = state("firecracker-1.14")
    balloon = snapshot.data.device_states.mmio_state.balloon_device.device_state
    assert len(balloon.virtio_state.queues) == 5
    result = converted(snapshot, "1.14", "1.13")
    new = result.snapshot.data.device_states.mmio_state.balloon_device.device_state.virtio_state
    assert new.queues == balloon.virtio_state.queues[:3]
    assert not (new.avail_features | new.acked_features) & (1 << 3 | 1 << 5)
    path = "data.device_states.mmio_state.balloon_device.device_state.virtio_state"
    assert {f"{path}.queues[3]", f"{path}.queues[4]", f"{path}.acked_features"} <= {*lost(result)}


def test_a_serial_port_interrupts_for_input_in_v1_16_as_in_v1_15(state: State) -> None:
    """v1.16 does not enable that by itself, as v1.15 does; with no port there is no state."""
    snapshot = state("firecracker-1.15")
    serial = converted(snapshot, "1.15", "1.16").snapshot.data.device_states.serial_state
    assert serial.interrupt_enable == 1
    mmio = snapshot.data.device_states.mmio_state
    mmio.legacy_devices = mmio.legacy_devices[1:]
    assert converted(snapshot, "1.15", "1.16").snapshot.data.device_states.serial_state is None


@pytest.mark.parametrize("activated", [True, False])
@pytest.mark.parametrize("pending", [True, False])
def test_a_vsock_waits_in_v1_16_exactly_if_it_is_active(
    activated: bool, pending: bool, state: State
) -> None:
    snapshot = state("firecracker-main")
    frontend = snapshot.data.device_states.virtio_state.vsock_device.device_state.frontend
    frontend.virtio_state.activated, frontend.pending_event_ack = activated, pending
    there = converted(snapshot, "main", "1.16")
    back = converted(there.snapshot, "1.16", "main").snapshot.data.device_states.virtio_state
    assert back.vsock_device.device_state.frontend.pending_event_ack is activated
    assert any("pending_event_ack" in path for path in lost(there)) is (activated != pending)


def test_hotplugged_memory_becomes_plain_memory(state: State) -> None:
    """Its region stays, and with it the memory file; what is lost is that it can be unplugged."""
    snapshot = state("firecracker-1.14")
    result = converted(snapshot, "1.14", "1.13")
    old, new = snapshot.data.vm_state.memory.regions, result.snapshot.data.vm_state.memory.regions
    assert [(r.base_address, r.size) for r in new] == [(r.base_address, r.size) for r in old]
    assert result.same_memory_file
    assert "data.vm_state.memory.regions[1].region_type" in lost(result)


def test_gaps_in_an_old_memory_file_are_a_loss(state: State) -> None:
    snapshot = state("firecracker-1.10")
    assert lost(converted(snapshot, "1.10", "1.11")) == []
    snapshot.data.memory_state.regions[0].offset = 4096
    assert lost(converted(snapshot, "1.10", "1.11")) == ["data.memory_state.regions[0].offset"]


def test_devices_on_the_bus_that_is_not_in_use_are_lost_on_main(state: State) -> None:
    snapshot = state("firecracker-1.16")
    assert lost(converted(snapshot, "1.16", "main")) == []
    snapshot.data.device_states.pci_state.pci_enabled = True
    path = "data.device_states.mmio_state.entropy_device"
    assert path in lost(converted(snapshot, "1.16", "main"))


# --- PCI ---------------------------------------------------------------------------------------

SIZES = [0xFFF8_0000, 0xFFFF_FFFF]


def _transport(snapshot: Any) -> Any:
    return snapshot.data.device_states.pci_state.entropy_device.transport_state


def test_a_bar_that_is_about_to_tell_its_size_does_so_in_the_other_release(state: State) -> None:
    """After all ones were written: v1.15 keeps the size in the register, v1.16 a flag."""
    snapshot = state("firecracker-1.15", "pci")
    old = _transport(snapshot)
    for index, size in enumerate(SIZES):
        assert old.pci_configuration_state.bars[index].size == size
    address = old.pci_configuration_state.registers[4]
    old.pci_configuration_state.registers[4] = SIZES[0] & ~0xF | address & 0xF
    there = converted(snapshot, "1.15", "1.16")
    bars = _transport(there.snapshot).bars.bars
    assert [bar.about_to_be_read for bar in bars] == [True] + 5 * [False]
    assert bars[0].encoded_addr == address
    assert not any("registers" in path for path in lost(there))
    back = _transport(converted(there.snapshot, "1.16", "1.15").snapshot)
    assert back == old


def test_a_bar_that_the_guest_has_moved_reads_its_old_address(state: State) -> None:
    snapshot = state("firecracker-1.15", "pci")
    _transport(snapshot).pci_configuration_state.registers[4] = 0x1000_0004
    path = "data.device_states.pci_state.entropy_device.transport_state.pci_configuration_state"
    assert f"{path}.registers[4]" in lost(converted(snapshot, "1.15", "1.16"))


def test_pci_addresses_change_their_form(state: State) -> None:
    snapshot = state("firecracker-1.15", "pci")
    _transport(snapshot).pci_device_bdf = "0001:02:1f.7"
    there = converted(snapshot, "1.15", "1.16")
    assert _transport(there.snapshot).sbdf._0 == 0x0001_02FF
    back = converted(there.snapshot, "1.16", "1.15").snapshot
    assert _transport(back).pci_device_bdf == "0001:02:1f.7"
