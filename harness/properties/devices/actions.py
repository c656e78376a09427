"""What a guest and the world around it do to a device, one thing at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

from harness.properties.devices.rings import Poke


class Load(NamedTuple):
    """The guest loads from the device's window."""

    offset: int
    size: int = 4


class Store(NamedTuple):
    """The guest stores to the device's window."""

    offset: int
    value: int
    size: int = 4


class Wait(NamedTuple):
    """Virtual time passes, in cycles."""

    cycles: int


class Outside(NamedTuple):
    """Something happens at the device's other side: what, by name, and with which argument."""

    name: str
    argument: Any = None


Action = Load | Store | Poke | Wait | Outside
"""`Poke` is a store of the guest to its memory."""
