"""What Firecracker has of virtio, by release.

Sources, at the tags v1.9.0 to v1.16.1 and for `main` at commit 81b38b9d, below `src/vmm/src`: the
constructors of the devices in `devices/virtio/*/device.rs` for what they offer,
`devices/virtio/queue.rs` for the size of queues, `build_microvm_for_boot` in `builder.rs` for the
order, `BlockBuilder::insert` in `vmm_config/drive.rs` for the root drive, which becomes the first.

No release offers INDIRECT_DESC, and in none does ConfigGeneration change. Up to v1.16 no device
can be reset (`VirtioDevice::reset` in `devices/virtio/device.rs`): the transport sets FAILED.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from emu.arch.virtio import BALLOON, BLOCK, MEM, NET, PMEM, RNG, VSOCK, DeviceType
from emu.boards.virtio import Pick, Turn, VirtioSupport
from emu.devices.virtio.config import Offer


def _offering(*offers: tuple[DeviceType, tuple[str, ...]]) -> dict[DeviceType, Offer]:
    return {kind: Offer(kind.mask("VERSION_1", *names)) for kind, names in offers}


def _revised(support: VirtioSupport, *offers: tuple[DeviceType, tuple[str, ...]]) -> VirtioSupport:
    """The same, but for the types that are named."""
    changed = {**support.offers, **_offering(*offers)}
    return replace(support, offers=MappingProxyType(changed))


_NET_V1_9 = (
    *("CSUM", "GUEST_CSUM", "GUEST_TSO4", "GUEST_TSO6", "GUEST_UFO"),
    *("HOST_TSO4", "HOST_TSO6", "HOST_UFO", "EVENT_IDX", "MAC"),
)
_BALLOON_V1_9 = ("DEFLATE_ON_OOM", "STATS_VQ")

V1_9: Final = VirtioSupport(
    offers=MappingProxyType(
        _offering(
            (BALLOON, _BALLOON_V1_9),
            (BLOCK, ("EVENT_IDX", "FLUSH", "RO")),
            (NET, _NET_V1_9),
            (VSOCK, ("IN_ORDER",)),
            (RNG, ()),
        )
    ),
    order=(
        Turn(BALLOON, Pick.ONLY),
        Turn(BLOCK, Pick.ROOT),
        Turn(BLOCK),
        Turn(NET),
        Turn(PMEM),
        Turn(VSOCK, Pick.ONLY),
        Turn(RNG, Pick.ONLY),
        Turn(MEM, Pick.ONLY),
    ),
    can_reset=False,
    counts_config_changes=False,
)

_NET_V1_10 = (*_NET_V1_9, "MRG_RXBUF")

V1_10: Final = _revised(V1_9, (NET, _NET_V1_10))
"""v1.10: buffers of the receive queue can be merged."""

V1_14: Final = _revised(
    V1_10,
    (BALLOON, (*_BALLOON_V1_9, "FREE_PAGE_HINT", "PAGE_REPORTING")),
    (PMEM, ()),
    (MEM, ("UNPLUGGED_INACCESSIBLE",)),
)
"""v1.14: pmem and mem; a balloon can be told of free pages."""

V1_16: Final = replace(
    _revised(V1_14, (NET, (*_NET_V1_10, "MTU")), (VSOCK, ("IN_ORDER", "EVENT_IDX"))),
    awaits_reset_ack=True,
)
"""v1.16: the guest is told the MTU; a vsock waits until its guest knows of a reset."""

MAIN: Final = replace(V1_16, can_reset=True)
"""The main branch: all devices but those of vhost-user can be reset."""
