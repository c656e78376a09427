"""Types of several shapes that the tests of both codecs use."""

from __future__ import annotations

import enum

from emu.wire.schema import Struct, u8, u32


class Tree(Struct):
    value: u8
    kids: list[Tree]
    named: dict[str, Tree]
    other: Tree | None


class Power(enum.Enum):
    ON = "On"
    OFF = "Off"


class Device(Struct):
    id: str
    slot: u32
    irqs: dict[u8, list[bool]]
    power: Power


class Board(Struct):
    devices: list[Device]
