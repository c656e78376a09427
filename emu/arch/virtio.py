"""Virtio: device types, status bits and feature bits by name.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS: section 2.1 for the status, section 5 for
device types and their features, section 6 for the features of all devices; the two legacy ones
among these are from section 6.3. Names leave out the prefix, for example VIRTIO_NET_F_.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from emu.arch.bits import Register, bit
from emu.arch.flags import flag_names


class DeviceStatus(Register):
    """How far the driver has got with a device (2.1)."""

    FAILED = bit(7)
    DEVICE_NEEDS_RESET = bit(6)
    FEATURES_OK = bit(3)
    DRIVER_OK = bit(2)
    DRIVER = bit(1)
    ACKNOWLEDGE = bit(0)


class InterruptStatus(Register):
    """Why a device interrupted, InterruptStatus of virtio-mmio (4.2.2)."""

    CONFIGURATION = bit(1)
    USED_BUFFER = bit(0)


class Feature:
    """Features of any device that the models here ask for, by bit (6)."""

    INDIRECT_DESC: Final = 28
    EVENT_IDX: Final = 29
    VERSION_1: Final = 32


COMMON_FEATURES: Final[Mapping[int, str]] = {
    24: "NOTIFY_ON_EMPTY",
    27: "ANY_LAYOUT",
    28: "INDIRECT_DESC",
    29: "EVENT_IDX",
    32: "VERSION_1",
    33: "ACCESS_PLATFORM",
    34: "RING_PACKED",
    35: "IN_ORDER",
    36: "ORDER_PLATFORM",
    37: "SR_IOV",
    38: "NOTIFICATION_DATA",
    39: "NOTIF_CONFIG_DATA",
    40: "RING_RESET",
}
"""Features of any device, by bit."""


@dataclass(frozen=True, slots=True)
class DeviceType:
    """A type of virtio device.

    Attributes:
        id: the number by which the driver knows it.
        features: features that only this type has, by bit.
    """

    name: str
    id: int
    features: Mapping[int, str] = field(default_factory=dict, hash=False)

    def mask(self, *names: str) -> int:
        """The bits of features, by their names; `KeyError` for a name that this type has not.

        >>> hex(RNG.mask("VERSION_1", "INDIRECT_DESC"))
        '0x110000000'
        """
        bits = {name: bit for bit, name in {**COMMON_FEATURES, **self.features}.items()}
        return sum(1 << bits[name] for name in names)

    def feature_names(self, features: int) -> Iterator[str]:
        """The names of the bits that are set, the lowest first; `bit N` where there is no name.

        >>> list(RNG.feature_names(1 << 32 | 1 << 63))
        ['VERSION_1', 'bit 63']
        """
        return flag_names(features, {**COMMON_FEATURES, **self.features})


NET: Final = DeviceType(
    "virtio-net",
    1,
    {
        0: "CSUM",
        1: "GUEST_CSUM",
        2: "CTRL_GUEST_OFFLOADS",
        3: "MTU",
        5: "MAC",
        6: "GSO",
        7: "GUEST_TSO4",
        8: "GUEST_TSO6",
        9: "GUEST_ECN",
        10: "GUEST_UFO",
        11: "HOST_TSO4",
        12: "HOST_TSO6",
        13: "HOST_ECN",
        14: "HOST_UFO",
        15: "MRG_RXBUF",
        16: "STATUS",
        17: "CTRL_VQ",
        18: "CTRL_RX",
        19: "CTRL_VLAN",
        20: "CTRL_RX_EXTRA",
        21: "GUEST_ANNOUNCE",
        22: "MQ",
        23: "CTRL_MAC_ADDR",
        54: "GUEST_USO4",
        55: "GUEST_USO6",
        56: "HOST_USO",
        57: "HASH_REPORT",
        59: "GUEST_HDRLEN",
        60: "RSS",
        61: "RSC_EXT",
        62: "STANDBY",
        63: "SPEED_DUPLEX",
    },
)
BLOCK: Final = DeviceType(
    "virtio-block",
    2,
    {
        0: "BARRIER",
        1: "SIZE_MAX",
        2: "SEG_MAX",
        4: "GEOMETRY",
        5: "RO",
        6: "BLK_SIZE",
        7: "SCSI",
        9: "FLUSH",
        10: "TOPOLOGY",
        11: "CONFIG_WCE",
        12: "MQ",
        13: "DISCARD",
        14: "WRITE_ZEROES",
        15: "LIFETIME",
        16: "SECURE_ERASE",
    },
)
RNG: Final = DeviceType("virtio-rng", 4)
BALLOON: Final = DeviceType(
    "virtio-balloon",
    5,
    {
        0: "MUST_TELL_HOST",
        1: "STATS_VQ",
        2: "DEFLATE_ON_OOM",
        3: "FREE_PAGE_HINT",
        4: "PAGE_POISON",
        5: "PAGE_REPORTING",
    },
)
VSOCK: Final = DeviceType("virtio-vsock", 19, {0: "STREAM", 1: "SEQPACKET"})
MEM: Final = DeviceType("virtio-mem", 24, {0: "ACPI_PXM", 1: "UNPLUGGED_INACCESSIBLE"})
PMEM: Final = DeviceType("virtio-pmem", 27)
