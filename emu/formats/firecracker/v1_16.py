"""Firecracker v1.16, snapshot version 10.0.0.

The serial port is saved, a network device has an MTU, and a persistent memory is rate-limited.
PCI addresses are numbers, and base address registers are kept apart from the configuration space.

Source: Firecracker v1.16.0 (v1.16.1 is the same), below `src/vmm/src`: `device_manager/`,
`devices/virtio/net/persist.rs`, `devices/virtio/pmem/persist.rs`, `vmm_config/`,
`devices/virtio/transport/pci/device.rs`, `pci/mod.rs`, `pci/configuration.rs`.
"""

from __future__ import annotations

from typing import Annotated, Final, Generic

from emu.formats.firecracker import (
    v1_9_virtio,
    v1_13,
    v1_13_pci,
    v1_14,
    v1_14_memory_devices,
    v1_15,
)
from emu.formats.firecracker.leaves import MacAddr
from emu.formats.firecracker.v1_9_devices import Device
from emu.formats.firecracker.v1_9_virtio import RateLimiterState
from emu.formats.firecracker.v1_13_pci import VirtioPciCommonConfigState
from emu.formats.firecracker.v1_14 import DeviceStates, MsixConfigState, PciDevicesState
from emu.formats.firecracker.v1_14_memory_devices import ConfigSpace
from emu.formats.firecracker.v1_15 import ACPIDeviceManagerState, VirtioDeviceState
from emu.wire.schema import Array, Struct, u8, u16, u32, u64

# --- virtio devices ----------------------------------------------------------------------------


class NetConfigSpaceState(Struct):
    """Virtio's configuration space of a network device.

    Attributes:
        mtu: Largest packet, in bytes, without its Ethernet header.
    """

    guest_mac: MacAddr | None
    mtu: u16 | None


class TokenBucketConfig(Struct):
    """A budget of tokens as it was configured.

    Attributes:
        size: Tokens of a full bucket.
        one_time_burst: Initial extra tokens.
        refill_time: Time that an empty bucket takes to fill up, in milliseconds.
    """

    size: u64
    one_time_burst: u64 | None
    refill_time: u64


class RateLimiterConfig(Struct):
    """Limits of a device's throughput as they were configured.

    Attributes:
        bandwidth: A token is a byte.
        ops: A token is an operation.
    """

    bandwidth: TokenBucketConfig | None
    ops: TokenBucketConfig | None


class PmemConfig(Struct):
    """How a persistent memory was configured.

    Attributes:
        path_on_host: The file, on the host.
        root_device: Whether the kernel is told to boot from it.
        rate_limiter: Limits of flushing.
    """

    id: str
    path_on_host: str
    root_device: bool
    read_only: bool
    rate_limiter: RateLimiterConfig | None


class PmemState(Struct):
    """A persistent memory: a file of the host as guest memory."""

    virtio_state: VirtioDeviceState
    config_space: ConfigSpace
    config: PmemConfig
    rate_limiter_state: RateLimiterState


# --- PCI transport -----------------------------------------------------------------------------


class PciSBDF(Struct):
    """A place on a PCI bus.

    Attributes:
        _0: Segment in bits 31:16, bus in 15:8, device in 7:3, function in 2:0.
    """

    _0: u32


class Bar(Struct):
    """A base address register; a 64-bit one takes two.

    Attributes:
        encoded_addr: Its half of the address, as the guest reads it.
        encoded_size: Its half of the size, as the guest reads it.
        about_to_be_read: Whether the next read gives the size.
    """

    encoded_addr: u32
    encoded_size: u32
    about_to_be_read: bool


class Bars(Struct):
    """The six base address registers of a device."""

    bars: Annotated[tuple[Bar, ...], Array(Bar, 6)]


class PciConfigurationState(Struct):
    """The configuration space.

    Attributes:
        registers: Its 1024 words.
        writable_bits: Which bits of each word the guest can write.
        last_capability: Offset and size of the last capability, in bytes.
    """

    registers: list[u32]
    writable_bits: list[u32]
    last_capability: tuple[u8, u8] | None


class VirtioPciDeviceState(Struct):
    """Virtio's transport over PCI.

    Attributes:
        cap_pci_cfg_offset: Where virtio's configuration access capability begins in the
            configuration space, in bytes.
        cap_pci_cfg: That capability.
        msix_config_cap_offset: Where the MSI-X capability begins in the configuration space, in
            bytes.
    """

    sbdf: PciSBDF
    device_activated: bool
    cap_pci_cfg_offset: u16
    cap_pci_cfg: bytes
    pci_configuration_state: PciConfigurationState
    pci_dev_state: VirtioPciCommonConfigState
    msix_state: MsixConfigState
    bars: Bars
    msix_config_cap_offset: u16


class ConnectedPci(Struct, Generic[Device]):
    """A virtio device and where it is connected: the `VirtioDeviceState<T>` of `pci_mngr.rs`."""

    device_id: str
    sbdf: PciSBDF
    device_state: Device
    transport_state: VirtioPciDeviceState


# --- other devices -----------------------------------------------------------------------------


class SerialState(Struct):
    """The registers of the serial port, a 16550A.

    Attributes:
        baud_divisor_low: DLL.
        baud_divisor_high: DLM.
        interrupt_enable: IER.
        interrupt_identification: IIR.
        line_control: LCR.
        line_status: LSR.
        modem_control: MCR.
        modem_status: MSR.
        scratch: SCR.
        in_buffer: Bytes that the guest has yet to read.
    """

    baud_divisor_low: u8
    baud_divisor_high: u8
    interrupt_enable: u8
    interrupt_identification: u8
    line_control: u8
    line_status: u8
    modem_control: u8
    modem_status: u8
    scratch: u8
    in_buffer: bytes


class DevicesState(Struct):
    """All devices.

    Attributes:
        serial_state: Present if there is a serial port.
    """

    mmio_state: DeviceStates
    acpi_state: ACPIDeviceManagerState
    pci_state: PciDevicesState
    serial_state: SerialState | None


REVISION: Final = v1_15.REVISION.revised(
    {
        v1_9_virtio.NetConfigSpaceState: NetConfigSpaceState,
        v1_14_memory_devices.PmemConfig: PmemConfig,
        v1_14_memory_devices.PmemState: PmemState,
        v1_14.PciConfigurationState: PciConfigurationState,
        v1_14.VirtioPciDeviceState: VirtioPciDeviceState,
        v1_13_pci.ConnectedPci: ConnectedPci,
        v1_13.DevicesState: DevicesState,
    }
)
