"""Faults of how devices are connected, and of those that are not virtio devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from emu.formats.firecracker.restore.devices import BALLOON, BLOCK, ENTROPY, MEM, NET, VSOCK, Kind
from tests.formats.firecracker.fault import Fault, Mutate, latest, setting
from tests.formats.firecracker.state_faults import ram, slots
from tests.formats.firecracker.states import RELEASES, Built, plain, set_interrupt, struct_named

# --- serial port, VMGenID, VMClock -------------------------------------------------------------


def _platform(built: Built) -> Any:
    return built.state.device_states.mmio_platform_state


def _serial_info(built: Built) -> Any:
    if hasattr(built.state.device_states, "mmio_platform_state"):
        return _platform(built).serial
    return built.mmio.legacy_devices[0].device_info


def _no_serial_interrupt(built: Built) -> None:
    set_interrupt(_serial_info(built), None)


def _much_input(built: Built) -> None:
    serial = plain(struct_named(built.release, "SerialState"))
    serial.in_buffer = bytes(65) if isinstance(serial.in_buffer, bytes) else [0] * 65
    built.state.device_states.serial_state = serial


LEGACY = (
    Fault("DevicePersistError::Legacy(io::Error::other)", _much_input, since="1.16"),
    Fault("panic: index out of bounds: irqs[0]", _no_serial_interrupt, until="1.10"),
    Fault("panic: unwrap on None: irq", _no_serial_interrupt, "1.11", "1.12"),
    Fault("panic: unwrap on None: gsi", _no_serial_interrupt, "1.13", "1.16"),
    Fault(
        "DevicePersistError::MmioDeviceManager(MmioError::InvalidIrqConfig)",
        setting(lambda built: _platform(built).rtc, gsi=None),
        since="main",
    ),
    Fault(
        "DevicePersistError::MmioDeviceManager(MmioError::Allocator)",
        setting(lambda built: _platform(built).serial, gsi=96),
        since="main",
    ),
)


def _vmgenid(built: Built) -> Any:
    return built.acpi.vmgenid


def _vmclock(built: Built) -> Any:
    return built.acpi.vmclock


def _no_system_memory(built: Built) -> None:
    """RAM that begins behind what is kept for VMGenID and the like."""
    ram(built).base_address = 0x8020_0000


_OUTSIDE = setting(_vmgenid, addr=0x8800_0000 - 8)
_RESTORE_ERROR = "ACPIDeviceManagerRestoreError::VMGenID"
_VMGENID_ERROR = "ACPIDeviceError::VmGenId(VmGenIdError::WriteGuestMemory)"
_VMCLOCK_ERROR = "ACPIDeviceError::VmClock(VmClockError::WriteGuestMemory)"
_CLOCK_OUTSIDE = setting(_vmclock, guest_address=0x8800_0000 - 64)

ACPI_UP_TO_1_16 = (
    Fault(
        f"{_RESTORE_ERROR}(VmGenIdError::Allocator)",
        setting(_vmgenid, addr=0x8020_0000),
        until="1.12",
    ),
    Fault(f"{_RESTORE_ERROR}(VmGenIdError::GuestMemory)", _no_system_memory, until="1.12"),
    Fault(f"{_RESTORE_ERROR}(VmGenIdError::GuestMemory)", _OUTSIDE, "1.13", "1.13"),
    Fault("ACPIDeviceError::WriteGuestMemory", _OUTSIDE, "1.14", "1.14"),
    Fault(_VMGENID_ERROR, _OUTSIDE, "1.15", "1.16"),
    Fault(_VMCLOCK_ERROR, _CLOCK_OUTSIDE, "1.15", "1.16"),
)


def _unplugged(part: Callable[[Built], Any], field: str) -> Mutate:
    """Puts a device into memory that is not plugged in."""

    def mutate(built: Built) -> None:
        base = 0xA0_0000_0000 + 0x10_0000 * len(built.memory.regions)
        slots(base, 0x2000, True, False)(built)
        setattr(part(built), field, base + 0x1000)

    return mutate


ACPI_OF_MAIN = (
    Fault("ACPIDeviceError::ResourceAllocator", setting(_vmclock, gsi=90), since="main"),
    Fault(_VMGENID_ERROR, _unplugged(_vmgenid, "addr"), since="main"),
    Fault(_VMCLOCK_ERROR, _unplugged(_vmclock, "guest_address"), since="main"),
)


# --- buses -------------------------------------------------------------------------------------


def _info(kind: Kind) -> Callable[[Built], Any]:
    return lambda built: built.device("MMIO", kind).device_info


def _no_interrupt(built: Built) -> None:
    set_interrupt(_info(VSOCK)(built), None)


def _mmio(error: str, mutate: Mutate, since: str = "1.9", until: str = "main") -> Iterator[Fault]:
    if since == latest(since, "1.16"):
        yield Fault(f"DevicePersistError::MmioDeviceManager({error})", mutate, since, until, "MMIO")
        return
    end = min(until, "1.15", key=RELEASES.index)
    yield Fault(f"DevicePersistError::DeviceManager({error})", mutate, since, end, "MMIO")
    if end != until:
        yield from _mmio(error, mutate, "1.16", until)


def _same_address(built: Built) -> None:
    _info(NET)(built).addr = _info(BLOCK)(built).addr


MMIO = (
    *_mmio("MmioError::Allocator", _same_address, until="1.12"),
    *_mmio("MmioError::InvalidIrqConfig", _no_interrupt),
    Fault(
        "DevicePersistError::ResourceAllocator(vm_allocator::Error)",
        setting(_info(BLOCK), gsi=80),
        since="main",
        bus="MMIO",
    ),
    *_mmio("MmioError::RegisterIoEvent", _same_address, since="1.13"),
    *_mmio(
        "MmioError::BusInsert",
        setting(_info(ENTROPY), addr=(1 << 64) - 4096, len=4097),
        since="1.16",
    ),
    *_mmio("MmioError::BusInsert", setting(_info(BALLOON), len=0x1001)),
    Fault(
        "DevicePersistError::DeviceActivation(ActivateError::RequiredFeatureNotAcked)",
        lambda built: setattr(built.virtio("MMIO", MEM), "acked_features", 0),
        since="1.14",
        bus="MMIO",
    ),
)


def _transport(kind: Kind) -> Callable[[Built], Any]:
    return lambda built: built.device("PCI", kind).transport_state


def _configuration(kind: Kind) -> Callable[[Built], Any]:
    return lambda built: _transport(kind)(built).pci_configuration_state


def _msix(kind: Kind) -> Callable[[Built], Any]:
    return lambda built: _transport(kind)(built).msix_state


def _on_ecam(built: Built) -> None:
    _serial_info(built).addr = 0x700F_F800


def _same_bar(built: Built) -> None:
    one, other = _transport(VSOCK)(built), _transport(NET)(built)
    if hasattr(one, "bar_configuration"):
        one.bar_configuration.addr = other.bar_configuration.addr
    elif hasattr(one, "bar_address"):
        one.bar_address = other.bar_address
    else:
        one.bars = other.bars


def _bar_inside(built: Built) -> None:
    _transport(BLOCK)(built).bar_address = _transport(NET)(built).bar_address + 0x1000


def _bar_type(built: Built) -> None:
    bar = _transport(NET)(built).bar_configuration
    bar.region_type = type(bar.region_type)("IoRegion")


def _not_accepting(built: Built) -> None:
    built.virtio("PCI", MEM).acked_features = 0


_VECTORS = {
    "1.13": setting(_transport(NET), msi_vector_group=[96]),
    "1.14": setting(_msix(NET), vectors=[96]),
}


def _pci(error: str, mutate: Mutate, since: str = "1.16", until: str = "main") -> Fault:
    return Fault(f"DevicePersistError::PciDeviceManager({error})", mutate, since, until, "PCI")


def _panic(what: str, mutate: Mutate, since: str = "1.13", until: str = "1.15") -> Fault:
    return Fault(f"panic: {what}", mutate, since, until, "PCI")


_SHORT = [0] * 1023

PCI_BUS = (
    Fault("DevicePersistError::PciRestore(PciManagerError::Bus)", _on_ecam, "1.13", "1.15", "PCI"),
    _pci("PciManagerError::Bus", _on_ecam),
)
PCI = (
    _panic(
        "assertion failed: msix_vectors <= MAX_MSIX_VECTORS_PER_DEVICE",
        setting(_transport(BLOCK), msi_vector_group=[96] * 2049),
        until="1.13",
    ),
    _panic("unwrap on MsixError::UpdateInterruptRoute", _VECTORS["1.13"], until="1.13"),
    _panic("unwrap on InterruptError::InvalidVectorIndex", _VECTORS["1.14"], since="1.14"),
    _pci("InterruptError::InvalidVectorIndex", _VECTORS["1.14"], until="1.16"),
    _pci("InterruptError::MsixStateSizeMismatch", setting(_msix(NET), pba_entries=[]), "main"),
    _pci(
        "InterruptError::Allocator", setting(_msix(VSOCK), vectors=[4093, 4094, 4095, 4096]), "main"
    ),
    _pci(
        "VirtioPciDeviceError::UnexpectedMsixVectorCount",
        setting(_msix(BLOCK), vectors=[4000], table_entries=[None]),
        "main",
    ),
    _panic("unwrap on Vec::try_into: registers", setting(_configuration(NET), registers=_SHORT)),
    _panic(
        "unwrap on Vec::try_into: writable_bits", setting(_configuration(NET), writable_bits=_SHORT)
    ),
    _panic("unwrap on Vec::try_into: bars", setting(_configuration(NET), bars=[])),
    _pci(
        "PciConfigurationError::InvalidRegistersLength",
        setting(_configuration(NET), registers=_SHORT),
    ),
    _pci(
        "PciConfigurationError::InvalidWritableBitsLength",
        setting(_configuration(NET), writable_bits=_SHORT),
    ),
    _pci(
        "VirtioPciDeviceError::InvalidRestoreState",
        setting(lambda built: _transport(BLOCK)(built).pci_dev_state, driver_status=7),
    ),
    _panic(
        "unwrap on None: VirtioPciCfgCap::from_slice",
        setting(_transport(NET), cap_pci_cfg=bytes(17)),
    ),
    _pci(
        "PciConfigurationError::InvalidCapPciCfgLength",
        setting(_transport(NET), cap_pci_cfg=bytes(19)),
    ),
    _panic("assertion failed: bar.region_type", _bar_type, until="1.13"),
    _pci("VirtioPciDeviceError::Activate", _not_accepting, since="main"),
    _pci("PciManagerError::Kvm", _same_bar, since="main"),
    _pci(
        "PciRootError::DuplicateDeviceId", setting(lambda built: _transport(NET)(built).sbdf, _0=7)
    ),
    _panic("unwrap on PciManagerError::Bus", _same_bar),
    _pci("PciManagerError::Bus", _same_bar, until="1.16"),
    _pci("PciManagerError::Bus", _bar_inside, since="main"),
)
