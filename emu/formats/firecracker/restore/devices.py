"""Which virtio devices a state has, and where.

Devices are restored in the order of `KINDS` in every release: `restore` in
`device_manager/persist.rs` and `device_manager/pci_mngr.rs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from emu.formats import checks
from emu.formats.loader import Check


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of virtio device.

    Attributes:
        noun: what messages call it.
        field: where a transport has devices of the kind.
        virtio_id: what `device_type` is up to v1.14.
        type_name: what `device_type` is from v1.15.
        error: the variant of `DevicePersistError` for its errors.
    """

    noun: str
    field: str
    virtio_id: int
    type_name: str
    error: str


BALLOON: Final = Kind("balloon", "balloon_device", 5, "Balloon", "Balloon")
BLOCK: Final = Kind("block device", "block_devices", 2, "Block", "Block")
NET: Final = Kind("network device", "net_devices", 1, "Net", "Net")
VSOCK: Final = Kind("vsock", "vsock_device", 19, "Vsock", "Vsock")
ENTROPY: Final = Kind("entropy device", "entropy_device", 4, "Rng", "Entropy")
PMEM: Final = Kind("pmem device", "pmem_devices", 27, "Pmem", "Pmem")
MEM: Final = Kind("virtio-mem device", "memory_device", 24, "Mem", "VirtioMem")

KINDS: Final = (BALLOON, BLOCK, NET, VSOCK, ENTROPY, PMEM, MEM)
"""In the order in which they are restored; pmem and virtio-mem from v1.14."""


@dataclass(frozen=True, slots=True)
class Transport:
    """Where a release keeps the devices of a transport, and what it calls their errors.

    Attributes:
        bus: "MMIO" or "PCI".
        path: the path of what `find` finds.
        find: the devices of a state; None if it has not this transport.
        error: the name of an error, of a variant of `DevicePersistError` and what is in it.
        manager: the variant for errors of the transport itself.
    """

    bus: str
    path: str
    find: Callable[[Any], Any]
    error: Callable[[str, str], str]
    manager: str

    def devices(self, state: Any, kind: Kind) -> Iterator[tuple[str, Any]]:
        """The devices of a kind, each with its path."""
        found = getattr(self.find(state), kind.field, None)
        path = f"{self.path}.{kind.field}"
        if isinstance(found, list):
            yield from ((f"{path}[{index}]", device) for index, device in enumerate(found))
        elif found is not None:
            yield path, found

    def restorable(self, state: Any, kind: Kind) -> Iterator[tuple[str, Any]]:
        """The devices of a kind but for vhost-user ones, each with the path of its state."""
        for path, device in self.devices(state, kind):
            variant = getattr(device.device_state, "variant_name", "")
            if variant != "VhostUser":
                yield f"{path}.device_state{variant and '::' + variant}", device

    def virtio_states(self, state: Any, kind: Kind) -> Iterator[tuple[str, Any, Any]]:
        """Of each device of a kind: what it has in common with others, its path, the device."""
        for path, device in self.restorable(state, kind):
            if kind is VSOCK:
                frontend = device.device_state.frontend
                yield f"{path}.frontend.virtio_state", device, frontend.virtio_state
            else:
                yield f"{path}.virtio_state", device, device.device_state.virtio_state

    def transport_states(self, state: Any) -> Iterator[tuple[str, Any]]:
        """The state of the transport of each device, with its path."""
        for path, device in self.all_devices(state):
            yield f"{path}.transport_state", device.transport_state

    def all_devices(self, state: Any) -> Iterator[tuple[str, Any]]:
        """All devices in the order in which they are restored, each with its path."""
        for kind in KINDS:
            yield from self.devices(state, kind)


def transport_check(
    transport: Transport,
    rule: str,
    loader_error: str,
    faults_of: Callable[[str, Any], Iterator[str]],
) -> Check:
    """A check of each device's transport by itself; `faults_of` is given its path and its state."""

    def faults(state: Any) -> Iterator[str]:
        for path, transport_state in transport.transport_states(state):
            yield from faults_of(path, transport_state)

    return checks.faultless(rule, loader_error, faults)


# --- where they are ----------------------------------------------------------------------------


def _returned(variant: str, error: str) -> str:
    return f"DevicePersistError::{variant}({error})"


def _unwrapped(_variant: str, error: str) -> str:
    return f"panic: unwrap on {error}"


def _enabled_pci(state: Any) -> Any:
    pci = state.device_states.pci_state
    return pci if pci.pci_enabled else None


def _variant(name: str) -> Callable[[Any], Any]:
    """The devices of main, which are on one transport or on the other."""

    def find(state: Any) -> Any:
        devices = state.device_states.virtio_state
        return devices if devices.variant_name == name else None

    return find


_DEVICES = "data.device_states"

MMIO_V1_9: Final = Transport(
    "MMIO", _DEVICES, lambda state: state.device_states, _returned, "DeviceManager"
)
"""v1.9 to v1.12, which have no other."""

MMIO_V1_13: Final = Transport(
    "MMIO",
    f"{_DEVICES}.mmio_state",
    lambda state: state.device_states.mmio_state,
    _returned,
    "DeviceManager",
)
"""v1.13 to v1.15."""

MMIO_V1_16: Final = Transport(
    "MMIO", MMIO_V1_13.path, MMIO_V1_13.find, _returned, "MmioDeviceManager"
)

MMIO_MAIN: Final = Transport(
    "MMIO", f"{_DEVICES}.virtio_state::Mmio", _variant("Mmio"), _returned, "MmioDeviceManager"
)

PCI_V1_13: Final = Transport("PCI", f"{_DEVICES}.pci_state", _enabled_pci, _unwrapped, "")
"""v1.13 to v1.15, which panic at any error of a device on the PCI bus."""

PCI_V1_16: Final = Transport("PCI", PCI_V1_13.path, _enabled_pci, _returned, "PciDeviceManager")

PCI_MAIN: Final = Transport(
    "PCI", f"{_DEVICES}.virtio_state::Pci", _variant("Pci"), _returned, "PciDeviceManager"
)
