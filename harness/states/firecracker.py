"""Whole states of Firecracker."""

from __future__ import annotations

from random import Random
from typing import Any

from emu.formats import envelope
from emu.formats.format import Format
from emu.wire.facts import Facts, Variant, value_of
from harness.states import pci
from harness.states.devices import attached
from harness.states.gic import Gic
from harness.states.machine import Machine
from harness.states.platform import Platform, attach, serial_state
from harness.states.releases import Release
from harness.states.vcpus import vcpus
from harness.states.virtio import Device, mmio_transport
from harness.states.vm import Vm

_LISTS = ("block_devices", "net_devices", "pmem_devices")
_SINGLES = ("vsock_device", "balloon_device", "entropy_device", "memory_device")


def snapshot(form: Format, release: Release, machine: Machine, random: Random) -> Any:
    """The `Snapshot` of a machine that is valid for the release."""
    vm = Vm(machine, release, random)
    buses = _Buses(vm)
    for device in attached(vm):
        buses.attach(device)
    platform = attach(vm)
    gic = Gic(vm, [*buses.gsis, *platform.gsis()])
    memory = vm.memory()
    kvm: Facts = {"kvm_cap_modifiers": []}
    state = {
        "vm_info": _vm_info(machine),
        "kvm_state": kvm,
        "memory_state": memory,
        "vm_state": {
            **kvm,
            "memory": memory,
            "gic": gic.facts(),
            "resource_allocator": vm.placement.facts(),
        },
        "vcpu_states": vcpus(machine, vm.guest, platform.pvtime),
        "device_states": _devices(vm, buses, platform),
        "acpi_dev_state": _acpi(platform),
    }
    header = {"magic": envelope.MAGIC_AARCH64, "version": form.version}
    return value_of(form.schema, {"header": header, "data": state})


def _vm_info(machine: Machine) -> Facts:
    console = "console=ttyS0 " if machine.count("serial") else ""
    return {
        "mem_size_mib": machine.memory_mib,
        "smt": False,
        "cpu_template": "None",
        "boot_source": {
            "kernel_image_path": "/srv/vm/vmlinux",
            "initrd_path": None,
            "boot_args": f"{console}reboot=k panic=1",
        },
        "huge_pages": machine.huge_pages,
    }


class _Buses:
    """The virtio devices on the MMIO bus and on the PCI bus, one of which is empty."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self._pci = pci.Bus(vm)
        self.mmio_devices = _empty()
        self.pci_devices = _empty()
        self.gsis: list[int] = []

    def attach(self, device: Device) -> None:
        """Place a device on the machine's bus."""
        common = {"device_id": device.id, "device_state": device.state}
        if self._vm.machine.bus == "pci":
            _add(self.pci_devices, device, {**common, **self._pci.attach(device)})
            return
        window = self._vm.placement.window()
        self.gsis.append(window["gsi"])
        place = {"transport_state": mmio_transport(device), "device_info": window}
        _add(self.mmio_devices, device, {**common, **place})


def _empty() -> Facts:
    return {**{field: [] for field in _LISTS}, **dict.fromkeys(_SINGLES), **_mmds(None)}


def _mmds(version: str | None) -> Facts:
    state = None if version is None else {"version": version, "imds_compat": False}
    return {"mmds": state, "mmds_version": version}


def _add(devices: Facts, device: Device, connected: Facts) -> None:
    if device.field in _LISTS:
        devices[device.field].append(connected)
    else:
        devices[device.field] = connected


def _devices(vm: Vm, buses: _Buses, platform: Platform) -> Facts:
    """The fields of `DeviceStates` up to v1.12, and of `DevicesState`."""
    on_pci = vm.machine.bus == "pci"
    devices = buses.pci_devices if on_pci else buses.mmio_devices
    if vm.machine.mmds and vm.machine.count("net"):
        devices.update(_mmds("V2"))
    mmio = {**buses.mmio_devices, "legacy_devices": platform.legacy_devices()}
    return {
        **mmio,
        "mmio_state": mmio,
        "pci_state": {**buses.pci_devices, "pci_enabled": on_pci},
        "virtio_state": Variant("Pci" if on_pci else "Mmio", devices),
        "mmio_platform_state": {"serial": platform.serial, "rtc": platform.rtc},
        "acpi_state": _acpi(platform),
        "serial_state": None if platform.serial is None else serial_state(vm.random),
    }


def _acpi(platform: Platform) -> Facts:
    return {"vmgenid": platform.vmgenid, "vmclock": platform.vmclock}
