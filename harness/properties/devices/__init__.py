"""Properties that every device passes, and the devices that are tried.

Each property is one function of a `DeviceUnderTest` and a seed that raises `PropertyViolation`;
`CHECKS` has them by name. `DEVICES` are the devices here; a device joins by being in a list like
it. For a virtio device `virtio.virtio` makes most of what that takes.

>>> [device.name for device in DEVICES][:3]
['PL011', 'NS16550', 'PL031']
>>> check_freeze_anywhere(DEVICES[0], seed=1)
"""

from typing import Final

from harness.properties.devices.actions import Action, Load, Outside, Store, Wait
from harness.properties.devices.boards import BOARD_DEVICES
from harness.properties.devices.checks import (
    CHECKS,
    check_capture_apply,
    check_freeze_anywhere,
    check_hostile,
    check_interrupts,
    check_reset,
    check_reset_values,
)
from harness.properties.devices.consoles import CONSOLES
from harness.properties.devices.rings import Poke
from harness.properties.devices.subject import Device, DeviceUnderTest, Step
from harness.properties.devices.virtio import virtio
from harness.properties.devices.virtio_devices import VIRTIO_DEVICES
from harness.properties.devices.virtio_driver import Request, VirtioDriver
from harness.properties.devices.world import World

DEVICES: Final = (*CONSOLES, *BOARD_DEVICES, *VIRTIO_DEVICES)

__all__ = [
    "CHECKS",
    "DEVICES",
    "Action",
    "Device",
    "DeviceUnderTest",
    "Load",
    "Outside",
    "Poke",
    "Request",
    "Step",
    "Store",
    "VirtioDriver",
    "Wait",
    "World",
    "check_capture_apply",
    "check_freeze_anywhere",
    "check_hostile",
    "check_interrupts",
    "check_reset",
    "check_reset_values",
    "virtio",
]
