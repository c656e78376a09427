"""What is on its way when a machine is frozen is there once when it has thawed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from emu import boards
from emu.devices.virtio.block import Block
from emu.devices.virtio.disk import MemoryDisk
from emu.formats import registry
from emu.machine import Machine
from emu.machine.boot_devices import attach_boot_devices
from emu.snapshot.backings import Backings
from emu.snapshot.firecracker.devices import read_devices, save_acpi, save_devices
from emu.snapshot.firecracker.prepare import prepare_devices
from emu.wire.nodes import has_field
from harness.states.releases import RELEASES
from tests.devices.virtio.block_bench import drive, pattern, read_request
from tests.devices.virtio.driver import Bench, Driver, Used

RAM_SIZE_BYTES = 8 << 20
LATENCY_CYCLES = 10_000
SECTOR = 3


def attach_clocks(machine: Machine) -> None:
    """VMGenID and VMClock, as a boot does."""
    machine.vmgenid, machine.vmclock = attach_boot_devices(
        machine.board,
        machine.resources,
        vcpu_count=1,
        ram=machine.ram,
        stolen_time=machine.stolen_time,
        entropy=bytes,
        irqs=machine.gsi,
        events=machine.events,
    )


def driver_of(bench: Bench, machine: Machine, driver: Driver[Any] | None = None) -> Driver[Any]:
    """A driver of the machine's drive; or the same one, of a machine that goes on."""
    transport = machine.virtio["rootfs"]
    driver = driver or Driver(bench, lambda _: transport.device)
    driver.device, driver.mmio = transport.device, transport
    transport.device.connect(transport)
    return driver


def frozen(format_id: str, machine: Machine) -> Any:
    """The part of a state that its devices are in."""
    form, captured = registry.get(format_id), prepare_devices(machine)
    states = SimpleNamespace(device_states=save_devices(form, machine, captured=captured))
    if has_field(form.schema, "data", "acpi_dev_state"):
        states.acpi_dev_state = save_acpi(form, machine)
    return states


@pytest.mark.parametrize("format_id", RELEASES)
@pytest.mark.parametrize("is_served", [False, True], ids=["notified", "served"])
def test_a_request_is_answered_once(format_id: str, is_served: bool) -> None:
    """Frozen before the device has looked at the queue, or after: its answer is in RAM once."""
    board, disk = boards.get(format_id), MemoryDisk(pattern())
    bench, request = Bench(ram_size_bytes=RAM_SIZE_BYTES), read_request(SECTOR)
    with Machine(
        board,
        ram=bench.ram,
        devices=[drive(disk)],
        entropy=bytes,
        virtio_latency_cycles=0 if is_served else LATENCY_CYCLES,
    ) as machine:
        attach_clocks(machine)
        driver = driver_of(bench, machine)
        driver.start()
        head = driver.queues[0].offer(request.readable, request.writable_size_bytes)
        driver.notify()
        state = frozen(format_id, machine)
    saved = read_devices(state, board, Backings(drives={"rootfs": disk}))
    configs = [device.config for device in saved.virtio]
    with Machine(
        board, ram=bench.ram, devices=configs, equipment=saved.equipment, entropy=bytes
    ) as again:
        saved.load_into(again)
        driver_of(bench, again, driver)
        assert isinstance(again.virtio["rootfs"].device, Block)
        again.virtio["rootfs"].device.kick()
        assert driver.queues[0].take_used() == [Used(head, request.writable_size_bytes)]
        assert driver.queues[0].content(head) == pattern()[512 * SECTOR :][:512] + b"\0"
        assert driver.acknowledge() == 1
        driver.notify()
        assert driver.queues[0].take_used() == []
