"""Virtio devices on the PCI bus, set up by Linux.

Source: `devices/virtio/transport/pci/`, `pci/configuration.rs`, `pci/msix.rs` and
`device_manager/pci_mngr.rs` of Firecracker v1.13.0 to v1.16.0 and of the main branch (in v1.13 some
of it below `src/pci`); for what the guest does, `drivers/virtio/virtio_pci_modern.c` of Linux 6.1.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import count
from typing import Final

from emu.arch.pci import ClassRevision, CommandStatus, Identification, address_text
from emu.formats.firecracker.device_types import DeviceType
from emu.wire.facts import Facts
from harness.states.gic import its_base
from harness.states.virtio import DRIVER_OK, Device
from harness.states.vm import Vm

_REGISTER_COUNT = 1024
_VENDOR = 0x1AF4
_DEVICE_ID_BASE = 0x1040
_UNASSIGNED = (0xFF, 0xFF)
_CLASSES = {DeviceType.Net: (0x02, 0x00), DeviceType.Block: (0x01, 0x80)}

_BAR_FLAGS = 0b0100
_BAR_ADDRESS_MASK = 0xFFFF_FFF0
_BAR_SIZE_MASK = 0xFFF8_0000
_ALL = 0xFFFF_FFFF

_BAR0, _SUBSYSTEM, _CAPABILITIES, _INTERRUPT_LINE = 4, 11, 13, 15
"""Indices of words of the configuration space."""

_FIRST_CAPABILITY = 0x40
_VENDOR_SPECIFIC = 0x09
_MSIX = 0x11
_MSIX_ENABLE = 0x8000
_MSIX_WRITABLE = 0xC000_0000
_MSIX_TABLE, _MSIX_PENDING = 0x8000, 0x4_8000

_GITS_TRANSLATER = 0x1_0040


def _virtio_capability(kind: int, offset: int, size: int, more: bytes = b"") -> bytes:
    """`struct virtio_pci_cap` without its first two bytes."""
    return struct.pack("<BBBBxxII", 16 + len(more), kind, 0, 0, offset, size) + more


_CFG_CAPABILITY: Final = _virtio_capability(5, 0, 0, bytes(4))

_VIRTIO_CAPABILITIES: Final = (
    _virtio_capability(1, 0x0000, 56),  # common configuration
    _virtio_capability(3, 0x2000, 1),  # interrupt status
    _virtio_capability(4, 0x4000, 0x1000),  # device configuration
    _virtio_capability(2, 0x6000, 0x1000, struct.pack("<I", 4)),  # notification
    _CFG_CAPABILITY,
)


class Bus:
    """The PCI bus of a VM; device 0 is the root."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self._numbers = count(1)

    def attach(self, device: Device) -> Facts:
        """The fields of a connected device that are about the bus."""
        address = next(self._numbers) << 3
        vectors = self._vm.placement.msis(device.queue_count + 1)
        transport = self._transport(device, vectors, self._vm.placement.bar())
        transport |= {"sbdf": address, "pci_device_bdf": address_text(address)}
        return {"pci_device_bdf": address, "sbdf": address, "transport_state": transport}

    def _transport(self, device: Device, vectors: Sequence[int], bar: int) -> Facts:
        """The fields of `VirtioPciDeviceState`, without the address on the bus."""
        space = _Space(device, len(vectors))
        if not self._vm.release.bars_apart:
            space.set_bar(bar)
        return {
            "device_activated": True,
            "cap_pci_cfg_offset": space.cfg_capability + 2,
            "cap_pci_cfg": _CFG_CAPABILITY,
            "pci_configuration_state": {**space.facts(), "bars": _used_bars(bar), **_NO_ROM},
            "pci_dev_state": _common_configuration(device.queue_count),
            "msix_state": self._msix(vectors),
            "msi_vector_group": vectors,
            "bar_configuration": _bar_configuration(bar),
            "bar_address": bar,
            "bars": {"bars": _encoded_bars(bar)},
            "msix_config_cap_offset": space.last_capability,
        }

    def _msix(self, vectors: Sequence[int]) -> Facts:
        """Each vector is an event of the device at the ITS."""
        translater = its_base(self._vm.machine.vcpus) + _GITS_TRANSLATER
        entries = [
            {"msg_addr_lo": translater, "msg_addr_hi": 0, "msg_data": event, "vector_ctl": 0}
            for event in range(len(vectors))
        ]
        return {
            "table_entries": entries,
            "pba_entries": [0],
            "masked": False,
            "enabled": True,
            "vectors": vectors,
        }


class _Space:
    """The configuration space of a device.

    Attributes:
        cfg_capability: offset of virtio's configuration access capability, in bytes.
        last_capability: that of the last capability, which is MSI-X.
    """

    def __init__(self, device: Device, vector_count: int) -> None:
        self._bytes = bytearray(4 * _REGISTER_COUNT)
        self._writable = [0] * _REGISTER_COUNT
        base, sub = _CLASSES.get(device.type, _UNASSIGNED)
        identification = Identification().replace(
            device=_DEVICE_ID_BASE + device.type, vendor=_VENDOR
        )
        command = CommandStatus().replace(
            capabilities=1, interrupt_disable=1, bus_master=1, memory_space=1
        )
        self._set(0, identification.value)
        self._set(1, command.value, writable=0xFFFF)
        self._set(2, ClassRevision().replace(base_class=base, sub_class=sub, revision=1).value)
        self._set(3, 0, writable=0xFF)
        self._set(_SUBSYSTEM, identification.value)
        self._set(_INTERRUPT_LINE, 0, writable=0xFF)
        self._add_capabilities(vector_count)

    def _add_capabilities(self, vector_count: int) -> None:
        pointer, offset = 4 * _CAPABILITIES, _FIRST_CAPABILITY
        for capability in _VIRTIO_CAPABILITIES:
            self.cfg_capability = offset
            pointer, offset = self._add(pointer, offset, _VENDOR_SPECIFIC, capability)
        self.last_capability = offset
        control = _MSIX_ENABLE | vector_count - 1
        self._add(pointer, offset, _MSIX, struct.pack("<HII", control, _MSIX_TABLE, _MSIX_PENDING))
        self._writable[self.last_capability // 4] = _MSIX_WRITABLE

    def _add(self, pointer: int, offset: int, kind: int, capability: bytes) -> tuple[int, int]:
        """Gives where the next one is to be pointed to from, and where it is to be."""
        self._bytes[pointer] = offset
        end = offset + 2 + len(capability)
        self._bytes[offset:end] = bytes([kind, 0]) + capability
        return offset + 1, -(-end // 4) * 4

    def set_bar(self, address: int) -> None:
        """Up to v1.15 the base address registers are kept here."""
        self._set(_BAR0, address & _ALL | _BAR_FLAGS, writable=_BAR_ADDRESS_MASK)
        self._set(_BAR0 + 1, address >> 32, writable=_ALL)

    def _set(self, index: int, value: int, writable: int = 0) -> None:
        self._bytes[4 * index : 4 * index + 4] = value.to_bytes(4, "little")
        self._writable[index] = writable

    def facts(self) -> Facts:
        """The fields of `PciConfigurationState`, without those of base address registers."""
        return {
            "registers": struct.unpack(f"<{_REGISTER_COUNT}I", self._bytes),
            "writable_bits": self._writable,
            "last_capability": (self.last_capability, 12),
            "msix_cap_reg_idx": self.last_capability // 4,
        }


_NO_ROM: Final[Facts] = {"rom_bar_addr": 0, "rom_bar_size": 0, "rom_bar_used": False}


def _used_bars(address: int) -> list[Facts]:
    """As up to v1.15."""
    low = {"addr": address & _ALL | _BAR_FLAGS, "size": _BAR_SIZE_MASK, "used": True}
    high = {"addr": address >> 32, "size": _ALL, "used": True, "type": None}
    unused = {"addr": 0, "size": 0, "used": False, "type": None}
    return [{**low, "type": "Memory64BitRegion"}, high, *[unused] * 4]


def _encoded_bars(address: int) -> list[Facts]:
    """As from v1.16."""
    return [
        {"encoded_addr": bar["addr"], "encoded_size": bar["size"], "about_to_be_read": False}
        for bar in _used_bars(address)
    ]


def _bar_configuration(address: int) -> Facts:
    return {
        "addr": address,
        "size": -_BAR_SIZE_MASK & _ALL,
        "idx": 0,
        "region_type": "Memory64BitRegion",
        "prefetchable": "NotPrefetchable",
    }


def _common_configuration(queue_count: int) -> Facts:
    """A vector for changes of the configuration, and one for each queue."""
    return {
        "driver_status": DRIVER_OK,
        "config_generation": 0,
        "device_feature_select": 1,
        "driver_feature_select": 1,
        "queue_select": queue_count - 1,
        "msix_config": 0,
        "msix_queues": range(1, queue_count + 1),
    }
