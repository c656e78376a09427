"""Encodings of this project's own inside squib's opaque fields.

squib's schema leaves some bytes to whoever wrote them: `gic_state.bytes` and the `blob` of every
device. What goes there is defined here. But for `VmGenIdBlob`, each encoding is

    signature (8 bytes of ASCII)   version (u16, little endian)   bitcode of the struct

so that a blob from elsewhere, above all Apple's GIC state, is told apart by its first bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emu.formats.thawbench.encoding import SIGNATURE_SIZE_BYTES, Encoding
from emu.formats.thawbench.gic import (
    GIC,
    GicBlob,
    InterruptBanks,
    RedistributorBlob,
    from_words,
    to_words,
)
from emu.formats.thawbench.platform import (
    EXTRA,
    EXTRA_KIND,
    PL011,
    PL011_KIND,
    VMGENID,
    VMGENID_KIND,
    ExtraBlob,
    ExtraVcpu,
    Pl011Blob,
    VmGenIdBlob,
)
from emu.formats.thawbench.virtio import VIRTIO_ENCODINGS, VIRTIO_TYPES, ConnectedBlob

__all__ = [
    "DEVICE_ENCODINGS",
    "EXTRA",
    "EXTRA_KIND",
    "GIC",
    "NO_MMIO_SLOT",
    "PL011",
    "PL011_KIND",
    "SIGNATURE_SIZE_BYTES",
    "VIRTIO_ENCODINGS",
    "VIRTIO_TYPES",
    "VMGENID",
    "VMGENID_KIND",
    "ConnectedBlob",
    "Encoding",
    "ExtraBlob",
    "ExtraVcpu",
    "GicBlob",
    "InterruptBanks",
    "Pl011Blob",
    "RedistributorBlob",
    "VmGenIdBlob",
    "from_words",
    "to_words",
]

NO_MMIO_SLOT = 0xFFFF_FFFF
"""`mmio_slot` of a `DeviceState` that is no virtio-mmio device."""

DEVICE_ENCODINGS: Mapping[str, Encoding[Any]] = {
    VMGENID_KIND: VMGENID,
    PL011_KIND: PL011,
    EXTRA_KIND: EXTRA,
    **VIRTIO_ENCODINGS,
}
"""The encodings of `DeviceState.blob`, by `DeviceState.kind`."""
