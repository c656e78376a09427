"""What all virtio devices have, in whatever format."""

from __future__ import annotations

from typing import Any

from emu.arch import virtio
from emu.arch.flags import bit_names, flag_names
from emu.inspect.describe.facts import facts
from emu.inspect.describe.views.devices import FlagsView, QueueView, VirtioView

_STATUS = bit_names(virtio.DeviceStatus)
_INTERRUPT_STATUS = bit_names(virtio.InterruptStatus)


def virtio_view(
    kind: virtio.DeviceType,
    common: Any,
    transport: Any,
    *,
    status: int,
    interrupt_status: int | None,
) -> VirtioView:
    """A device.

    Args:
        kind: its type, which names its features.
        common: the struct of what all types have.
        transport: the struct of its transport's registers.
        status: how far the driver has got.
        interrupt_status: why the device interrupted; None on PCI.
    """
    return VirtioView(
        activated=common.activated,
        status=FlagsView(status, tuple(flag_names(status, _STATUS))),
        interrupt_status=None if interrupt_status is None else _interrupts(interrupt_status),
        offered=_features(kind, common.avail_features),
        negotiated=_features(kind, common.acked_features),
        queues=tuple(_queue(index, queue) for index, queue in enumerate(common.queues)),
        transport=facts(transport, without=("device_status", "driver_status", "interrupt_status")),
    )


def _interrupts(status: int) -> FlagsView:
    return FlagsView(status, tuple(flag_names(status, _INTERRUPT_STATUS)))


def _features(kind: virtio.DeviceType, features: int) -> FlagsView:
    return FlagsView(features, tuple(kind.feature_names(features)))


def _queue(index: int, queue: Any) -> QueueView:
    return QueueView(
        index=index,
        max_size=queue.max_size,
        size=queue.size,
        ready=queue.ready,
        descriptors=queue.desc_table,
        available=queue.avail_ring,
        used=queue.used_ring,
        next_available=queue.next_avail,
        next_used=queue.next_used,
        added=queue.num_added,
    )
