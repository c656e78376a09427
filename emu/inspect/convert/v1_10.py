"""v1.9 and v1.10: network devices take buffers from their queue in advance.

Source: Firecracker v1.9.0, v1.10.0 and v1.13.0, `src/vmm/src/devices/virtio/net/device.rs` and
`persist.rs`.
"""

from __future__ import annotations

from typing import Final

from emu.inspect.convert.rules import Rule, Step, feature, structs
from emu.inspect.convert.tree import Fields, items, planted
from emu.inspect.convert.work import Work, fields, leaf, put, take

_NOTHING_TAKEN = {"parsed_descriptor_chains_nr": 0, "used_descriptors": 0, "used_bytes": 0}
_NET = "tap_if_name"
_REWOUND = "gives back the buffers that the device had taken in advance; it takes them again"


def _take_nothing(work: Work) -> None:
    for net in structs(work.data, _NET):
        why = "no buffers are taken in advance until the device runs"
        put(net, "rx_buffers_state", work.add(planted(_NOTHING_TAKEN), why))


def _give_back(work: Work) -> None:
    for net in structs(work.data, _NET):
        taken = take(net, "rx_buffers_state")
        if isinstance(taken, Fields) and leaf(net, "virtio_state.activated").value:
            _rewind(work, net, taken)


def _rewind(work: Work, net: Fields, taken: Fields) -> None:
    """Undo what the device did in advance; the guest has not been told of any of it.

    A frame that is in some of the buffers already is dropped with them.
    """
    filled = leaf(taken, "used_descriptors").value
    if filled or leaf(taken, "used_bytes").value:
        work.lose(
            taken,
            "the last frame that arrived, which the guest was not told of yet, is dropped as if "
            "lost on the network",
            f"{work.release} does not keep a frame that is half delivered",
        )
    receive, *_ = items(fields(net, "virtio_state").fields["queues"])
    next_avail = leaf(receive, "next_avail")
    count = leaf(taken, "parsed_descriptor_chains_nr").value + filled
    work.change(next_avail, next_avail.value - count & 0xFFFF, _REWOUND)


BUFFERS: Final = Rule(
    "`rx_buffers_state` of network devices",
    "added: nothing is taken in advance",
    "left out: the receive queue's `next_avail` is set back by the buffers that were taken; lost "
    "if a frame is in them",
    _take_nothing,
    _give_back,
)

STEP: Final[Step] = (
    BUFFERS,
    feature(
        _NET,
        15,
        "MRG_RXBUF",
        "its driver expects the number of buffers in each frame's header, so that the network "
        "fails",
    ),
)
