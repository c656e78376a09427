"""Virtio over MMIO: the registers of the transport.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, section 4.2.2.
"""

from __future__ import annotations

from typing import Final

from emu.arch.bits import RegisterMap, Slot
from emu.arch.virtio import DeviceStatus, InterruptStatus

MAGIC: Final = 0x7472_6976
"""MagicValue: "virt", little-endian."""

VERSION: Final = 2
"""Version: that of virtio 1.0 and later; legacy devices have 1."""

CONFIG_OFFSET: Final = 0x100
"""Where the device's configuration space begins."""

WINDOW_SIZE_BYTES: Final = 0x1000

VIRTIO_MMIO: Final = RegisterMap(
    "virtio-mmio",
    Slot(0x000, "MagicValue"),
    Slot(0x004, "Version"),
    Slot(0x008, "DeviceID"),
    Slot(0x00C, "VendorID"),
    Slot(0x010, "DeviceFeatures"),
    Slot(0x014, "DeviceFeaturesSel"),
    Slot(0x020, "DriverFeatures"),
    Slot(0x024, "DriverFeaturesSel"),
    Slot(0x030, "QueueSel"),
    Slot(0x034, "QueueNumMax"),
    Slot(0x038, "QueueNum"),
    Slot(0x044, "QueueReady"),
    Slot(0x050, "QueueNotify"),
    Slot(0x060, "InterruptStatus", layout=InterruptStatus),
    Slot(0x064, "InterruptACK", layout=InterruptStatus),
    Slot(0x070, "Status", layout=DeviceStatus),
    Slot(0x080, "QueueDescLow"),
    Slot(0x084, "QueueDescHigh"),
    Slot(0x090, "QueueDriverLow"),
    Slot(0x094, "QueueDriverHigh"),
    Slot(0x0A0, "QueueDeviceLow"),
    Slot(0x0A4, "QueueDeviceHigh"),
    Slot(0x0AC, "SHMSel"),
    Slot(0x0B0, "SHMLenLow"),
    Slot(0x0B4, "SHMLenHigh"),
    Slot(0x0B8, "SHMBaseLow"),
    Slot(0x0BC, "SHMBaseHigh"),
    Slot(0x0C0, "QueueReset"),
    Slot(0x0FC, "ConfigGeneration"),
)
"""Table 4.1: registers of 32 bits, little-endian."""

READ_ONLY: Final = frozenset(
    {
        "MagicValue",
        "Version",
        "DeviceID",
        "VendorID",
        "DeviceFeatures",
        "QueueNumMax",
        "InterruptStatus",
        "SHMLenLow",
        "SHMLenHigh",
        "SHMBaseLow",
        "SHMBaseHigh",
        "ConfigGeneration",
    }
)

WRITE_ONLY: Final = frozenset(
    {
        "DeviceFeaturesSel",
        "DriverFeatures",
        "DriverFeaturesSel",
        "QueueSel",
        "QueueNum",
        "QueueNotify",
        "InterruptACK",
        "QueueDescLow",
        "QueueDescHigh",
        "QueueDriverLow",
        "QueueDriverHigh",
        "QueueDeviceLow",
        "QueueDeviceHigh",
        "SHMSel",
    }
)
"""The remaining ones, QueueReady, Status and QueueReset, are read and written."""
