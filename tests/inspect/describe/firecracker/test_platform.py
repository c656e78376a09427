"""Devices that are not virtio: found in each release, with their registers decoded."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from emu.formats.firecracker.v1_9_devices import ConnectedLegacyState, Rtc, Serial
from emu.inspect.describe.firecracker.platform import platform_views
from emu.inspect.describe.views.devices import DeviceView, PlaceView
from tests.plainest import plainest_snapshot

RELEASES = ["1.9", "1.10", "1.11", "1.12", "1.13", "1.14", "1.15", "1.16", "main"]


def view(state: Any, kind: str) -> DeviceView:
    (found,) = (device for device in platform_views(state) if device.kind == kind)
    return found


def registers(device: DeviceView) -> dict[str, Any]:
    (section,) = device.sections
    return {register.name: register for register in section.registers}


@pytest.mark.parametrize("release", RELEASES)
def test_serial_port_and_clock_are_found_in_each_release(release: str) -> None:
    state = plainest_snapshot(f"firecracker-{release}", items=1).data
    devices = state.device_states
    if release == "main":
        infos = [devices.mmio_platform_state.serial, devices.mmio_platform_state.rtc]
    else:
        holder = getattr(devices, "mmio_state", devices)
        (legacy,) = holder.legacy_devices
        infos = [legacy.device_info, copy.copy(legacy.device_info)]
        holder.legacy_devices = [
            ConnectedLegacyState(Serial(), infos[0]),
            ConnectedLegacyState(Rtc(), infos[1]),
        ]
    infos[0].addr, infos[1].addr = 0x4000_2000, 0x4000_1000
    serial, rtc = view(state, "serial").place, view(state, "rtc").place
    assert serial is not None
    assert rtc is not None
    assert (serial.address, rtc.address) == (0x4000_2000, 0x4000_1000)


@pytest.mark.parametrize("release", ["1.16", "main"])
def test_the_serial_port_is_decoded(release: str) -> None:
    state = plainest_snapshot(f"firecracker-{release}", items=1).data
    if release == "1.16":
        state.device_states.mmio_state.legacy_devices[0].type_ = Serial()
    uart = state.device_states.serial_state
    uart.interrupt_enable, uart.line_control, uart.in_buffer = 5, 3, b"ls"
    serial = view(state, "serial")
    assert serial.place is not None
    assert serial.facts == {"in_buffer": "6c73"}
    found = registers(serial)
    assert len(found) == 9
    assert found["IER"].fields["received_data"] == "1"
    assert found["LCR"].fields["word_length"] == "8 bits"


def test_a_serial_port_that_is_nowhere_is_shown_all_the_same() -> None:
    state = plainest_snapshot("firecracker-1.16", items=1).data
    state.device_states.mmio_state.legacy_devices = []
    serial = view(state, "serial")
    assert serial.place is None
    assert registers(serial)["DLL"].value == 0


def test_the_registers_are_those_of_one_serial_port() -> None:
    state = plainest_snapshot("firecracker-1.16", items=2).data
    for device in state.device_states.mmio_state.legacy_devices:
        device.type_ = Serial()
    serial = [device for device in platform_views(state) if device.kind == "serial"]
    assert [len(device.sections) for device in serial] == [1, 0]


@pytest.mark.parametrize("release", RELEASES)
def test_vmgenid_is_found_in_each_release(release: str) -> None:
    state = plainest_snapshot(f"firecracker-{release}", items=1).data
    holder = getattr(state, "acpi_dev_state", None) or state.device_states.acpi_state
    holder.vmgenid.gsi, holder.vmgenid.addr = 4, 0x801F_FFF0
    assert view(state, "vmgenid").place == PlaceView(0x801F_FFF0, 16, (4,), (36,))


@pytest.mark.parametrize("release", ["1.9", "1.13"])
def test_vmgenid_may_be_missing_up_to_v1_13(release: str) -> None:
    state = plainest_snapshot(f"firecracker-{release}").data
    assert not [device for device in platform_views(state) if device.kind == "vmgenid"]


@pytest.mark.parametrize("release", ["1.15", "1.16", "main"])
def test_vmclock_is_decoded(release: str) -> None:
    state = plainest_snapshot(f"firecracker-{release}").data
    clock = state.device_states.acpi_state.vmclock
    clock.guest_address, clock.gsi = 0x801F_E000, 5
    clock.inner.magic, clock.inner.size = 0x4B4C_4356, 0x1000
    clock.inner.flags, clock.inner.counter_id = 0x300, 0xFF
    clock.inner.seq_count, clock.inner.vm_generation_counter = 3, 7
    device = view(state, "vmclock")
    assert device.place == PlaceView(0x801F_E000, 0x1000, (5,), (37,))
    found = registers(device)
    assert found["vm_generation_counter"].value == 7
    assert found["counter_id"].fields == {"counter": "invalid"}
    assert found["flags"].fields["VM_GEN_COUNTER_PRESENT"] == "1"
    assert found["flags"].fields["TIME_MONOTONIC"] == "0"
    assert found["seq_count"].fields == {"changing": "1"}
