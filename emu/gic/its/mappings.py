"""What the commands of an ITS have mapped: devices, their events, and collections.

A real ITS keeps these in tables in guest RAM; KVM's keeps them to itself, and writes the tables
when a VMM asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from emu.gic.lpis import Lpi, Lpis
from emu.gic.state import CollectionState, DeviceState, TranslationState

TRANSLATION_COUNT_MAX: Final = 1 << 18
"""More events than there are LPIs by far; a guest could map 2^32 if its RAM held the tables."""


@dataclass(slots=True, eq=False)
class Collection:
    """Events that go to one vCPU; None if it is not mapped."""

    icid: int
    vcpu: int | None = None


@dataclass(slots=True, eq=False)
class Translation:
    """An event of a device; no collection once that was unmapped."""

    event_id: int
    lpi: Lpi
    collection: Collection | None


@dataclass(slots=True, eq=False)
class Device:
    """A device, where its interrupt translation table is to be, and its events by id."""

    device_id: int
    itt_address: int
    event_id_bits: int
    translations: dict[int, Translation] = field(default_factory=dict)


class Mappings:
    """Devices and collections, by id, in the order in which they were mapped.

    Args:
        lpis: what events are translated to.

    Attributes:
        devices: by device id.
        collections: by collection id.
        translation_count: events of all devices.
    """

    def __init__(self, lpis: Lpis) -> None:
        self._lpis = lpis
        self.devices: dict[int, Device] = {}
        self.collections: dict[int, Collection] = {}
        self.translation_count = 0

    def translation(self, device_id: int, event_id: int) -> Translation | None:
        """The event of a device, if it is mapped."""
        device = self.devices.get(device_id)
        return None if device is None else device.translations.get(event_id)

    def collection(self, icid: int) -> Collection | None:
        """The collection, if it has a target."""
        collection = self.collections.get(icid)
        return None if collection is None or collection.vcpu is None else collection

    def add_translation(
        self, device: Device, event_id: int, lpi: Lpi, collection: Collection | None
    ) -> None:
        """Map an event of a device; `lpi` counts it already."""
        device.translations[event_id] = Translation(event_id, lpi, collection)
        self.translation_count += 1

    def remove_translation(self, device: Device, event_id: int) -> None:
        """Unmap an event of a device."""
        self._lpis.unmap(device.translations.pop(event_id).lpi)
        self.translation_count -= 1

    def remove_device(self, device_id: int) -> None:
        """Unmap a device, if it is mapped, with all its events."""
        device = self.devices.pop(device_id, None)
        if device is not None:
            for event_id in list(device.translations):
                self.remove_translation(device, event_id)

    def remove_collection(self, icid: int) -> None:
        """Unmap a collection. Its events go nowhere; LPIs that are pending stay where they are."""
        collection = self.collections.pop(icid, None)
        if collection is not None:
            for translation in self._events_of(collection):
                translation.collection = None

    def retarget(self, collection: Collection, vcpu: int) -> None:
        """Let a collection's events go to a vCPU, with their LPIs."""
        collection.vcpu = vcpu
        for translation in self._events_of(collection):
            self._lpis.move(translation.lpi, vcpu)

    def remove_devices(self) -> None:
        """Unmap all devices."""
        for device_id in list(self.devices):
            self.remove_device(device_id)

    def remove_collections(self) -> None:
        """Unmap all collections."""
        for icid in list(self.collections):
            self.remove_collection(icid)

    def _events_of(self, collection: Collection) -> Iterator[Translation]:
        for device in self.devices.values():
            for translation in device.translations.values():
                if translation.collection is collection:
                    yield translation

    # --- state --------------------------------------------------------------------------------

    def collection_states(self) -> list[CollectionState]:
        """The collections."""
        return [CollectionState(each.icid, each.vcpu) for each in self.collections.values()]

    def device_states(self) -> list[DeviceState]:
        """The devices and their events."""
        return [
            DeviceState(
                device.device_id,
                device.itt_address,
                device.event_id_bits,
                [
                    TranslationState(
                        each.event_id,
                        each.lpi.intid,
                        None if each.collection is None else each.collection.icid,
                    )
                    for each in device.translations.values()
                ],
            )
            for device in self.devices.values()
        ]

    def load_state(self, collections: list[CollectionState], devices: list[DeviceState]) -> None:
        """Take on what `check_state` has found whole; the LPIs are loaded already."""
        self.collections = {each.icid: Collection(each.icid, each.vcpu) for each in collections}
        self.devices = {}
        self.translation_count = 0
        for state in devices:
            device = Device(state.device_id, state.itt_address, state.event_id_bits)
            self.devices[state.device_id] = device
            for each in state.translations:
                collection = None if each.icid is None else self.collections[each.icid]
                lpi = self._lpis.adopt(each.intid)
                self.add_translation(device, each.event_id, lpi, collection)
