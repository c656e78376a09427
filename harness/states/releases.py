"""What the releases of Firecracker do differently when they boot a VM.

Source: `arch/aarch64/layout.rs`, `builder.rs`, `device_manager/mmio.rs` and `device.rs` of each
device below `devices/virtio`, of Firecracker v1.9.0 to v1.16.0 and of the main branch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from emu.arch import virtio
from emu.errors import UnknownFormatError
from emu.formats.firecracker.device_types import DeviceType
from emu.formats.firecracker.gic import GICV3_FROM_1_13, GICV3_TO_1_12, GicLists

Kind = Literal["balloon", "block", "net", "pmem", "vsock", "entropy", "mem", "serial"]
"""Kinds of devices that can be there or not."""

HugePages = Literal["None", "Transparent", "2M"]
"""What the host makes RAM of."""


_NET_FEATURES = virtio.NET.mask(
    "VERSION_1",
    *("CSUM", "GUEST_CSUM", "GUEST_TSO4", "GUEST_TSO6", "GUEST_UFO"),
    *("HOST_TSO4", "HOST_TSO6", "HOST_UFO", "EVENT_IDX", "MAC"),
)
_BALLOON_FEATURES = virtio.BALLOON.mask("VERSION_1", "DEFLATE_ON_OOM", "STATS_VQ")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a VMM can be configured as.

    Attributes:
        kinds: the devices that it has.
        huge_pages: what RAM can be made of.
        pci: whether there is a PCI bus; with it come an ITS and stolen time.
        huge_balloon: whether a balloon takes from RAM that is made of huge pages.
    """

    kinds: frozenset[Kind]
    huge_pages: tuple[HugePages, ...]
    pci: bool
    huge_balloon: bool


@dataclass(frozen=True, slots=True)
class Release(Offer):
    """How a release of Firecracker lays out a VM.

    Attributes:
        first_gsi: GSI of the first device; INTIDs begin 32 higher.
        first_window: guest address of the first device on the MMIO bus.
        last_window: the last guest address for devices there.
        platform_windows: whether serial port and clock have windows of their own, below those.
        bars_apart: whether base address registers are not in the PCI configuration space.
        vmclock: whether there is a VMClock.
        prefetches: whether the network device takes buffers from its queue in advance, and saves
            it like that.
        features: what devices offer, where it depends on the release.
        gic: what the lists of the GIC's registers hold.
    """

    first_gsi: int
    first_window: int
    last_window: int
    platform_windows: bool
    bars_apart: bool
    vmclock: bool
    prefetches: bool
    features: dict[DeviceType, int]
    gic: GicLists


_V1_9: Final = Release(
    kinds=frozenset(("balloon", "block", "net", "vsock", "entropy", "serial")),
    first_gsi=32,
    first_window=0x4000_0000,
    last_window=0x7FFF_FFFF,
    platform_windows=False,
    pci=False,
    huge_balloon=False,
    bars_apart=False,
    vmclock=False,
    prefetches=False,
    features={
        DeviceType.Balloon: _BALLOON_FEATURES,
        DeviceType.Block: virtio.BLOCK.mask("VERSION_1", "EVENT_IDX", "FLUSH"),
        DeviceType.Net: _NET_FEATURES,
        DeviceType.Vsock: virtio.VSOCK.mask("VERSION_1", "IN_ORDER"),
        DeviceType.Rng: virtio.RNG.mask("VERSION_1"),
    },
    huge_pages=("None", "2M"),
    gic=GICV3_TO_1_12,
)

_V1_10: Final = replace(
    _V1_9,
    prefetches=True,
    features={
        **_V1_9.features,
        DeviceType.Net: _NET_FEATURES | virtio.NET.mask("MRG_RXBUF"),
    },
)

_V1_13: Final = replace(
    _V1_10,
    first_gsi=0,
    first_window=0x4000_3000,
    last_window=0x6FFF_FFFF,
    platform_windows=True,
    pci=True,
    prefetches=False,
    gic=GICV3_FROM_1_13,
)

_V1_14: Final = replace(
    _V1_13,
    kinds=_V1_13.kinds | {"pmem", "mem"},
    huge_balloon=True,
    features={
        **_V1_13.features,
        DeviceType.Balloon: _BALLOON_FEATURES
        | virtio.BALLOON.mask("FREE_PAGE_HINT", "PAGE_REPORTING"),
        DeviceType.Mem: virtio.MEM.mask("VERSION_1", "UNPLUGGED_INACCESSIBLE"),
        DeviceType.Pmem: virtio.PMEM.mask("VERSION_1"),
    },
)

_V1_15: Final = replace(_V1_14, vmclock=True)

_V1_16: Final = replace(
    _V1_15,
    bars_apart=True,
    features={
        **_V1_15.features,
        DeviceType.Net: _V1_15.features[DeviceType.Net] | virtio.NET.mask("MTU"),
        DeviceType.Vsock: virtio.VSOCK.mask("VERSION_1", "IN_ORDER", "EVENT_IDX"),
    },
)

_MAIN: Final = replace(_V1_16, huge_pages=("None", "Transparent", "2M"))

RELEASES: Final = {
    "firecracker-1.9": _V1_9,
    "firecracker-1.10.0": _V1_10,
    "firecracker-1.10": _V1_10,
    "firecracker-1.11": _V1_10,
    "firecracker-1.12": _V1_10,
    "firecracker-1.13": _V1_13,
    "firecracker-1.14": _V1_14,
    "firecracker-1.15": _V1_15,
    "firecracker-1.16": _V1_16,
    "firecracker-main": _MAIN,
}
"""By the id of their format."""


def release_of(format_id: str) -> Release:
    """The release that writes a format; raises `UnknownFormatError`."""
    if format_id not in RELEASES:
        raise UnknownFormatError(
            f"no realistic states can be made of {format_id}; they can of squib-0.2, "
            f"{', '.join(RELEASES)}"
        )
    return RELEASES[format_id]
