"""Who has which address and which interrupt: what a VMM hands out when it boots a VM.

Source: `vstate/resources.rs`, `arch/aarch64/layout.rs`, `device_manager/mmio.rs`, `builder.rs` and
`devices/acpi/` of Firecracker v1.9.0 to v1.16.0 and of the main branch.
"""

from __future__ import annotations

from typing import Final

from emu.core.allocator import AddressAllocator, GsiAllocator
from emu.core.allocator_state import addresses_to_data, gsis_to_data
from emu.wire.facts import Facts
from harness.states.guest import DRAM_BASE, PAGE, SYSTEM_MEMORY_SIZE
from harness.states.releases import Release

GSI_LEGACY_COUNT: Final = 96
_GSI_MSI_LAST = 4095
_MMIO64 = (256 << 30, 256 << 30)
_PAST_MMIO64 = (512 << 30, 512 << 30)

_RTC_WINDOW = 0x4000_1000
_SERIAL_WINDOW = 0x4000_2000
_BAR_SIZE = 0x8_0000


class Placement:
    """The allocators of a VM, from which devices take in the order in which they are attached."""

    def __init__(self, release: Release) -> None:
        self._release = release
        first = release.first_gsi
        self._gsis = GsiAllocator(range(first, first + GSI_LEGACY_COUNT))
        self._msis = GsiAllocator(range(GSI_LEGACY_COUNT, _GSI_MSI_LAST + 1))
        size = release.last_window + 1 - release.first_window
        self._mmio32 = AddressAllocator(release.first_window, size)
        self._mmio64 = AddressAllocator(*_MMIO64)
        self._past_mmio64 = AddressAllocator(*_PAST_MMIO64)
        self._system = AddressAllocator(DRAM_BASE, SYSTEM_MEMORY_SIZE)

    def gsi(self) -> int:
        """An interrupt line."""
        return self._gsis.allocate()

    def msis(self, count: int) -> list[int]:
        """GSIs of message-signalled interrupts."""
        return [self._msis.allocate() for _ in range(count)]

    def window(self) -> Facts:
        """The fields of `MMIODeviceInfo` of a device on the MMIO bus."""
        gsi = self.gsi()
        return _window(self._mmio32.allocate_first(PAGE, PAGE), gsi)

    def serial_window(self) -> Facts:
        """The same of the serial port."""
        return _window(_SERIAL_WINDOW, self.gsi()) if self._has_platform else self.window()

    def rtc_window(self) -> Facts:
        """The same of the real-time clock."""
        return _window(_RTC_WINDOW, self.gsi()) if self._has_platform else self.window()

    def bar(self) -> int:
        """Guest address of a virtio device's registers on the PCI bus."""
        return self._mmio64.allocate_first(_BAR_SIZE, _BAR_SIZE)

    def memory_device(self, size: int, alignment: int) -> int:
        """Guest address of memory that is a device, of `size` bytes."""
        return self._past_mmio64.allocate_first(size, alignment)

    def system_memory(self, size: int, alignment: int) -> int:
        """Guest address of `size` bytes of RAM that the guest does not take for its own."""
        return self._system.allocate_last(size, alignment)

    def facts(self) -> Facts:
        """The fields of `ResourceAllocator`."""
        return {
            "gsi_legacy_allocator": gsis_to_data(self._gsis),
            "gsi_msi_allocator": gsis_to_data(self._msis),
            "mmio32_memory": addresses_to_data(self._mmio32),
            "mmio64_memory": addresses_to_data(self._mmio64),
            "past_mmio64_memory": addresses_to_data(self._past_mmio64),
            "system_memory": addresses_to_data(self._system),
        }

    @property
    def _has_platform(self) -> bool:
        return self._release.platform_windows


def _window(address: int, gsi: int) -> Facts:
    return {"addr": address, "len": PAGE, "irqs": [gsi], "irq": gsi, "gsi": gsi}
