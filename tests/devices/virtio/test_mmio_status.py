"""The status state machine: Virtio 1.2, 2.1 and 3.1.1."""

from __future__ import annotations

import pytest

from emu.devices.virtio.mmio import MmioTransportState
from tests.devices.virtio.echo import CONFIG, OFFERED
from tests.devices.virtio.echo_bench import (
    ACKNOWLEDGE,
    CONFIGURATION,
    DRIVER,
    DRIVER_OK,
    FAILED,
    FEATURES_OK,
    NEEDS_RESET,
    Bench,
)

LADDER = {0: 1, 1: 3, 3: 11, 11: 15}
"""The steps of initialization, as numbers: the model that the device is compared with."""


def after(status: int, written: int) -> int:
    """Which status follows, of a device that accepts all and whose queues are not set up."""
    if written == 0:
        return 0
    if written & 0x80:
        return status | 0x80
    return written if LADDER.get(status) == written else status


def is_told(status: int, written: int) -> bool:
    """Whether the driver broke a rule: it did not set exactly the bit that comes next."""
    return not (
        written == 0 or written & 0x80 or written == status or LADDER.get(status) == written
    )


@pytest.mark.parametrize("status", range(256))
def test_every_transition_is_what_a_small_model_says(status: int) -> None:
    """All 256 values that a driver may write, at each of the 256 that the register may have."""
    bench = Bench()
    for written in range(256):
        bench.device.reset()
        bench.device.acked_features = OFFERED
        bench.mmio.load_state(MmioTransportState(device_status=status))
        bench.world.take_notes()
        bench["Status"] = written
        assert bench["Status"] == after(status, written), (status, written)
        assert bool(bench.violations) is is_told(status, written), (status, written)


def test_bits_above_the_status_are_no_step() -> None:
    bench = Bench()
    bench["Status"] = 0x100 | ACKNOWLEDGE
    assert bench["Status"] == 0


def test_a_device_starts_with_the_last_step_alone() -> None:
    bench = Bench().to(FEATURES_OK)
    assert not bench.device.activated
    bench.set_up(0)
    bench["Status"] = DRIVER_OK
    assert bench.device.activated
    assert not bench.violations
    assert bench.ask(b"abc") == b"cba"


def test_reset_takes_all_back_but_the_generation() -> None:
    bench = Bench().to(DRIVER_OK)
    bench.mmio.write(0x100, 4, 0)
    bench.mmio.notify_configuration()
    bench.ask(b"abc")
    bench["DeviceFeaturesSel"] = bench["QueueSel"] = 1
    bench["Status"] = 0
    assert bench.mmio.state() == MmioTransportState(config_generation=1)
    assert bench.device.state() == Bench().device.state()
    assert bench.device.config_space == CONFIG
    assert bench.to(DRIVER_OK).ask(b"again") == b"niaga"


def test_reset_takes_back_what_was_selected_before_the_first_step() -> None:
    bench = Bench()
    for name in ("DeviceFeaturesSel", "DriverFeaturesSel", "QueueSel"):
        bench[name] = 7
    bench["Status"] = 0
    assert bench.mmio.state() == MmioTransportState()


def test_a_device_that_can_not_be_reset_says_failed_once_it_was_started() -> None:
    """Firecracker to v1.16: `reset` of its devices gives None, which leaves FAILED, for good."""
    bench = Bench(options={"can_reset": False}).to(FEATURES_OK)
    bench["Status"] = 0
    assert bench["Status"] == 0
    bench.to(DRIVER_OK)["Status"] = 0
    assert bench["Status"] == DRIVER_OK | FAILED
    bench["Status"] = 0
    assert bench["Status"] == DRIVER_OK | FAILED
    assert bench.device.activated


def test_a_driver_that_gave_up_can_not_go_on_before_a_reset() -> None:
    bench = Bench().to(DRIVER)
    bench["Status"] = DRIVER | FAILED
    bench.accept(0)
    bench["Status"] = FEATURES_OK
    assert bench["Status"] == DRIVER | FAILED
    assert len(bench.violations) == 3
    bench["Status"] = 0
    assert bench["Status"] == 0


def test_a_queue_that_can_not_be_used_asks_for_a_reset_at_the_last_step() -> None:
    """The configuration interrupt tells of it, as DRIVER_OK is set (2.1.2)."""
    bench = Bench().to(FEATURES_OK)
    bench.set_up(0, QueueDescLow=0x10)
    bench.world.take_notes()
    bench["Status"] = DRIVER_OK
    assert bench["Status"] == DRIVER_OK | NEEDS_RESET
    assert bench["InterruptStatus"] == CONFIGURATION
    notes = bench.world.take_notes()
    assert notes.interrupts == ["pulse"]
    assert "needs_reset=True" in notes.events[0]
    assert "queue 0" in notes.events[0]
    bench["QueueNotify"] = 0
    assert bench.device.served == []
    bench["Status"] = 0
    assert bench.to(DRIVER_OK).ask(b"ab") == b"ba"


def test_a_device_that_fails_before_it_was_started_interrupts_nobody() -> None:
    bench = Bench().to(FEATURES_OK)
    bench.device.fail("on purpose")
    assert bench["Status"] == FEATURES_OK | NEEDS_RESET
    assert bench.interrupts == 0
