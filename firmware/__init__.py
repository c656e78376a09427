"""Bare-metal guests with their prebuilt images; docs/firmware.md tells what each one does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from emu.errors import FirmwareError

LOAD_ADDRESS = 0x8020_0000
"""Where the images are loaded and entered: the base of DRAM and 2 MiB, on the squib board."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """A guest program.

    Attributes:
        name: as given to `load`.
        image: flat binary that begins with an arm64 Linux Image header.
        load_address: guest-physical address of its first byte, which is also its entry.
        symbols: guest-physical address of every label in the sources.
    """

    name: str
    image: bytes
    load_address: int
    symbols: Mapping[str, int]

    @property
    def checks_itself(self) -> bool:
        """It makes checks of the machine, and says how they went (`firmware.layout`)."""
        return "check_results" in self.symbols


def names() -> list[str]:
    """The guests there are, sorted."""
    images = (files(__name__) / "images").iterdir()
    return sorted(each.name.removesuffix(".bin") for each in images if each.name.endswith(".bin"))


def self_checking() -> list[str]:
    """The guests that check the machine they run on, sorted."""
    return [name for name in names() if load(name).checks_itself]


@cache
def load(name: str) -> Firmware:
    """The guest called `name`.

    Raises:
        FirmwareError: there is none of that name.
    """
    if name not in names():
        raise FirmwareError(f"no guest is called {name!r}; there are: {', '.join(names())}")
    images = files(__name__) / "images"
    table: dict[str, str] = json.loads((images / f"{name}.json").read_bytes())
    symbols = MappingProxyType({label: int(address, 16) for label, address in table.items()})
    return Firmware(name, (images / f"{name}.bin").read_bytes(), LOAD_ADDRESS, symbols)
