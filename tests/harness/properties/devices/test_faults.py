"""Each property of devices turns red for the faults that it is there for. A fault is an edit of one
method of a model; `FAULTS` has them, and which properties find each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import pytest

from emu.arch.pl011 import PL011
from emu.arch.vmclock import AT_BOOT, pack
from emu.devices.ns16550 import Ns16550
from emu.devices.pl011 import Pl011
from emu.devices.pl031 import Pl031
from emu.devices.virtio import mmio
from emu.devices.virtio.balloon import Balloon
from emu.devices.virtio.block import Block
from emu.devices.virtio.device import VirtioDevice
from emu.devices.virtio.mmio import VirtioMmio
from emu.devices.virtio.net import Net
from emu.devices.virtio.net_state import RxBufferState
from emu.devices.virtio.rate_limiter import RateLimiter
from emu.devices.virtio.virtqueue import Virtqueue
from emu.devices.vmclock import VmClock
from emu.devices.vmgenid import VmGenId
from harness.properties import PropertyViolation
from harness.properties.devices import CHECKS, DEVICES

SEEDS = range(4)
"""A fault is found with one of them at least."""

BY_NAME = {dut.name: dut for dut in DEVICES}

Edit = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Fault:
    """A bug on purpose.

    Attributes:
        what: what goes wrong; after a colon, whose bug it was.
        device: which device under test has it.
        edit: makes it.
        found_by: the properties that have to find it.
    """

    what: str
    device: str
    edit: Edit
    found_by: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.device}: {self.what}"


def instead(owner: type, name: str, method: Callable[..., Any]) -> Edit:
    """The method is another one."""
    return lambda patch: patch.setattr(owner, name, method)


def then(owner: type, name: str, extra: Callable[[Any], None]) -> Edit:
    """The method does `extra` to its object besides, at the end."""

    def edit(patch: pytest.MonkeyPatch) -> None:
        original = getattr(owner, name)

        @wraps(original)
        def method(self: Any, *arguments: Any) -> Any:
            result = original(self, *arguments)
            extra(self)
            return result

        patch.setattr(owner, name, method)

    return edit


def forgets(owner: type, name: str, **lost: Any) -> Edit:
    """What the method gives has other values in some fields."""

    def edit(patch: pytest.MonkeyPatch) -> None:
        original = getattr(owner, name)
        patch.setattr(owner, name, lambda self: replace(original(self), **lost))

    return edit


def _write_without_update(self: Any, offset: int, _size: int, value: int) -> None:
    slot = PL011.find(offset)
    if slot is not None:
        self._write_register(slot[0].name, value)


def _pulse_anyway(self: Any, _enable: int, cause: int) -> None:
    self._state.interrupt_identification |= cause
    self._irq.pulse()


def _whenever_used(self: Any) -> bool:
    news, self._has_news, self.state.num_added = self._has_news, False, 0
    return bool(news)


def _forget_selector(self: Any) -> None:
    self._state.acked_features_select = 0


def _forget_next_used(self: Any) -> None:
    self.state.next_used = 0


def _keep_needs_reset(self: Any) -> None:
    self._state.device_status = 0x40


def _accept_some_features(self: Any) -> None:
    self.acked_features = 1 << 32


def _forget_offset(self: Any) -> None:
    self._state.offset = 0


FAULTS = [
    Fault("the transmitter looks full", "PL011", instead(Pl011, "_flags", lambda _: 0), ("RESET",)),
    Fault(
        "it says that it is a legacy device",
        "virtio-rng",
        lambda patch: patch.setitem(mmio._CONSTANT, "Version", 1),
        ("RESET",),
    ),
    Fault(
        "accepted features outlast a reset: Firecracker's `MmioTransport::reset`",
        "virtio-block",
        then(VirtioDevice, "reset", _accept_some_features),
        ("RESET AGAIN",),
    ),
    Fault(
        "a reset does not end the need of one",
        "virtio-net",
        then(VirtioMmio, "_reset", _keep_needs_reset),
        ("RESET AGAIN", "HOSTILE"),
    ),
    Fault(
        "a captured state is the device's own",
        "PL011",
        instead(Pl011, "state", lambda self: self._state),
        ("SYMMETRY",),
    ),
    Fault(
        "the index of the used ring is not loaded",
        "virtio-rng",
        then(Virtqueue, "load_state", _forget_next_used),
        ("SYMMETRY", "FREEZE"),
    ),
    Fault(
        "a selector of features is not loaded",
        "virtio-vsock",
        then(VirtioMmio, "load_state", _forget_selector),
        ("SYMMETRY", "FREEZE"),
    ),
    Fault("the offset is not loaded", "PL031", then(Pl031, "load_state", _forget_offset),
          ("SYMMETRY", "FREEZE")),
    Fault("its counts are not saved", "VMClock", forgets(VmClock, "save", inner=pack(AT_BOOT)),
          ("IRQ",)),
    Fault(
        "a blocked limiter is not after a restore: Firecracker's, in every release",
        "virtio-block, limited and late",
        forgets(RateLimiter, "state", blocked_cycles=None),
        ("FREEZE",),
    ),
    Fault(
        "a notification that was not served is not saved: all monitors'",
        "virtio-rng, late",
        forgets(VirtioDevice, "virtio_state", notified=()),
        ("FREEZE",),
    ),
    Fault(
        "the buffer of statistics that it holds is not saved",
        "virtio-balloon",
        forgets(Balloon, "state", stats_desc_index=None),
        ("FREEZE",),
    ),
    Fault(
        "buffers that were taken ahead are not saved",
        "virtio-net",
        forgets(Net, "state", rx_buffers_state=RxBufferState()),
        ("FREEZE",),
    ),
    Fault("a thaw looks at the queues", "virtio-block", then(Block, "load_state", Block.kick),
          ("FREEZE",)),
    Fault("used buffers don't interrupt", "virtio-block",
          instead(Virtqueue, "should_interrupt", lambda _: False), ("IRQ",)),
    Fault("it interrupts whatever the driver asked for", "virtio-rng",
          instead(Virtqueue, "should_interrupt", _whenever_used), ("IRQ",)),
    Fault("the transport forgets to interrupt", "virtio-vsock",
          instead(VirtioMmio, "notify_used", lambda _: None), ("IRQ",)),
    Fault("what is not enabled interrupts", "NS16550",
          instead(Ns16550, "_interrupt", _pulse_anyway), ("IRQ",)),
    Fault("the line follows no store", "PL011",
          instead(Pl011, "write", _write_without_update), ("IRQ",)),
    Fault("the guest is not told", "VMGenID", instead(VmGenId, "notify_guest", lambda _: None),
          ("IRQ",)),
    Fault("the id stays: a monitor that does not know it", "VMGenID",
          instead(VmGenId, "activate", lambda *_: None), ("IRQ",)),
    Fault(
        "a hostile ring is an error of the monitor's: Firecracker's panics",
        "virtio-block",
        instead(VirtioDevice, "guarded", lambda _, call: call()),
        ("HOSTILE",),
    ),
]  # fmt: skip


def finds(check: str, device: str) -> bool:
    for seed in SEEDS:
        try:
            CHECKS[check](BY_NAME[device], seed)
        except PropertyViolation:
            return True
    return False


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each property that is there for it, which finds nothing without it."""
    assert fault.found_by
    assert not any(finds(check, fault.device) for check in fault.found_by)
    fault.edit(monkeypatch)
    assert [check for check in fault.found_by if finds(check, fault.device)] == [*fault.found_by]


def test_every_property_finds_a_fault() -> None:
    assert {check for fault in FAULTS for check in fault.found_by} == set(CHECKS)
