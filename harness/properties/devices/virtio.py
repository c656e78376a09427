"""How a virtio device, behind the MMIO transport, is registered as a device under test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from emu.arch.virtio import DeviceType
from emu.arch.virtio_mmio import CONFIG_OFFSET, MAGIC, VERSION, VIRTIO_MMIO
from emu.devices.virtio.config import DeviceConfig, Offer
from emu.devices.virtio.device import VirtioDevice
from emu.devices.virtio.mmio import MmioTransportState, VirtioMmio
from harness.properties.devices.subject import Device, DeviceUnderTest, Step
from harness.properties.devices.virtio_driver import (
    REGISTERS,
    RESET,
    VirtioDriver,
    interrupt_faults,
)
from harness.properties.devices.world import World

QUEUE_SIZE: Final = 16

_NO_CALLS: Final[Mapping[str, Callable[[World, Any, Any], None]]] = {}


def virtio(
    name: str,
    configure: Callable[[World], DeviceConfig],
    driver: VirtioDriver,
    *,
    outside: Mapping[str, Callable[[World, Any, Any], None]] = _NO_CALLS,
    kept: Callable[[Any, Any], Any] = lambda fresh, _before: fresh,
    world: Callable[[], World] = World,
) -> DeviceUnderTest:
    """A virtio device under test, behind the MMIO transport.

    Args:
        name: what it is called in reports.
        configure: what its user chose, in a world.
        driver: its driver; the features that it knows are those that the monitor does.
        outside: what can happen at its other side, by name: a call of its world, the device and an
            argument.
        kept: what of its own state a reset keeps: for a fresh state, and that before it.
        world: makes what is around it.
    """

    def build(around: World) -> Device:
        offer = Offer(features=driver.features, queue_size=QUEUE_SIZE)
        device = configure(around).build(around.host(), offer)
        transport = VirtioMmio(device, around.line)
        return Device(
            window=transport,
            capture=lambda: (transport.state(), device.state()),
            apply=partial(_apply, transport, device),
            outside={each: partial(call, around, device) for each, call in outside.items()},
        )

    fresh = build(world())
    transport_state, state = fresh.capture()

    def after_reset(before: Any) -> Any:
        generation = before[0].config_generation
        return replace(transport_state, config_generation=generation), kept(state, before[1])

    return DeviceUnderTest(
        name=name,
        build=build,
        reset_state=(MmioTransportState(), state),
        reset_reads=_reset_reads(configure(world()).type, state.virtio.avail_features),
        drive=replace(driver, features=state.virtio.avail_features),
        interrupt_faults=interrupt_faults,
        is_alive=_is_alive,
        resets=RESET,
        kept=after_reset,
        offsets=(*REGISTERS, *range(CONFIG_OFFSET, CONFIG_OFFSET + 24)),
        world=world,
    )


def _apply(transport: VirtioMmio, device: VirtioDevice, state: Any) -> None:
    transport.load_state(state[0])
    device.load_state(state[1])


def _reset_reads(kind: DeviceType, features: int) -> dict[tuple[int, int], int]:
    """Virtio 1.2, table 4.1."""
    values = {
        "MagicValue": MAGIC,
        "Version": VERSION,
        "DeviceID": kind.id,
        "DeviceFeatures": features & 0xFFFF_FFFF,
        "QueueNumMax": QUEUE_SIZE,
        "QueueReady": 0,
        "InterruptStatus": 0,
        "Status": 0,
        "ConfigGeneration": 0,
    }
    return {(VIRTIO_MMIO[name], 4): value for name, value in values.items()}


def _is_alive(steps: list[Step]) -> bool:
    """Some buffer was given back."""
    return any("BufferUsed" in event for step in steps for event in step.notes.events)
