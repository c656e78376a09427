"""What a monitor has of virtio: types of devices, what each offers, the order of attachment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, TypeVar, runtime_checkable

from emu.arch.virtio import DeviceType
from emu.boards.command_line import Root
from emu.devices.virtio.config import DeviceConfig, Offer
from emu.errors import BoardError

Config = TypeVar("Config", bound=DeviceConfig)


class Pick(Enum):
    """Which devices of a type have their turn."""

    ONLY = "the only one: there can't be a second"
    ROOT = "the root drive"
    FIRST = "the first that is left"
    REST = "all that are left"


@dataclass(frozen=True, slots=True)
class Turn:
    """A step of the order in which a monitor attaches its devices.

    Attributes:
        type: the type of device whose turn it is.
        pick: which of them; several come in the order in which the user names them.
    """

    type: DeviceType
    pick: Pick = Pick.REST


@runtime_checkable
class Bootable(Protocol):
    """What a user chooses of a device that can hold the guest's root file system."""

    @property
    def is_root(self) -> bool:
        """Whether it does."""

    @property
    def partuuid(self) -> str | None:
        """The partition with it; None if all of the device is it."""

    @property
    def is_read_only(self) -> bool:
        """Whether the guest can't write to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtioSupport:
    """What a monitor has of virtio.

    Attributes:
        offers: what each type of device can offer; types that are not here can't be had.
        order: the turns in which devices are attached.
        can_reset: whether a driver can reset a device; if it can't, FAILED is set instead.
        counts_config_changes: whether ConfigGeneration goes up with each change of a device's
            configuration space.
        awaits_reset_ack: whether a vsock whose guest was told by a snapshot that connections are
            gone sends it nothing until it has acknowledged that.
    """

    offers: Mapping[DeviceType, Offer] = field(hash=False)
    order: tuple[Turn, ...]
    can_reset: bool
    counts_config_changes: bool
    awaits_reset_ack: bool = False

    def attach_order(self, configs: Sequence[Config]) -> list[Config]:
        """Devices in the order in which the monitor attaches them.

        Raises:
            BoardError: it has no such type, or not so many of one; two devices have the same id;
                there are two root drives.
        """
        self._check(configs)
        waiting, ordered = list(configs), []
        for turn in self.order:
            taken = _taken(turn, waiting)
            ordered += taken
            waiting = [config for config in waiting if config not in taken]
        return ordered

    def _check(self, configs: Sequence[Config]) -> None:
        for config in configs:
            if config.type not in self.offers:
                known = ", ".join(sorted(kind.name for kind in self.offers))
                raise BoardError(f"'{config.id}' is a {config.type.name}; there can be {known}")
        _check_unlike((config.id for config in configs), "have the id '{}'; give each its own")
        _check_unlike(
            (config.type.name for config in configs if Turn(config.type, Pick.ONLY) in self.order),
            "are a {}; there can be one",
        )
        roots = [config.id for config in configs if _is_root(config)]
        if len(roots) > 1:
            raise BoardError(f"{' and '.join(roots)} are root drives; there can be one")


def find_root(configs: Iterable[DeviceConfig]) -> Root | None:
    """The drive that the kernel is to mount as its root; None if there is none."""
    for config in configs:
        if isinstance(config, Bootable) and config.is_root:
            return Root(config.partuuid, config.is_read_only)
    return None


def _taken(turn: Turn, waiting: Iterable[Config]) -> list[Config]:
    """The devices whose turn it is."""
    found = [config for config in waiting if config.type == turn.type]
    match turn.pick:
        case Pick.ROOT:
            return [config for config in found if _is_root(config)]
        case Pick.FIRST:
            return found[:1]
        case _:
            return found


def _is_root(config: DeviceConfig) -> bool:
    return isinstance(config, Bootable) and config.is_root


def _check_unlike(values: Iterable[str], problem: str) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            raise BoardError(f"{count} devices {problem.format(value)}")
