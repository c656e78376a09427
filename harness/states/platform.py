"""The devices that are not virtio: serial port, clocks, VMGenID and stolen time.

Source: `device_manager/` and `devices/acpi/` of Firecracker v1.9.0 to v1.16.0; the crate vm-superio
0.8.1, `serial.rs`, and `drivers/tty/serial/8250` of Linux 6.1 for the registers of the serial port.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from emu.arch.ns16550 import IER, IIR, LCR, LSR, MCR, MSR
from emu.arch.pvtime import STOLEN_TIME_SIZE_BYTES
from emu.formats.firecracker.system_memory import (
    VMCLOCK_AT_BOOT,
    VMCLOCK_SIZE_BYTES,
    VMGENID_ALIGNMENT_BYTES,
    VMGENID_SIZE_BYTES,
)
from emu.wire.facts import Facts, Variant
from harness.states.vm import Vm


@dataclass(frozen=True, slots=True)
class Platform:
    """The devices as they were attached, after those of virtio.

    Attributes:
        serial: where the serial port is; None if there is none.
        rtc: where the real-time clock is.
        vmgenid: the fields of `VMGenIDState`.
        vmclock: the fields of `VmClockState`; None before v1.15.
        pvtime: guest address of the records of stolen time; None before v1.13.
    """

    serial: Facts | None
    rtc: Facts
    vmgenid: Facts
    vmclock: Facts | None
    pvtime: int | None

    def gsis(self) -> list[int]:
        """The interrupts that Linux has a handler for: all but the clock's."""
        found = [self.vmgenid["gsi"]]
        found += [device["gsi"] for device in (self.serial, self.vmclock) if device is not None]
        return found

    def legacy_devices(self) -> list[Facts]:
        """The devices without a state of their own: `ConnectedLegacyState`."""
        windows = {"Serial": self.serial, "Rtc": self.rtc}
        return [
            {"type_": Variant(name, {}), "device_info": window}
            for name, window in windows.items()
            if window is not None
        ]


def attach(vm: Vm) -> Platform:
    """Place them, in this order."""
    return Platform(
        serial=vm.placement.serial_window() if vm.machine.count("serial") else None,
        rtc=vm.placement.rtc_window(),
        vmgenid={
            "gsi": vm.placement.gsi(),
            "addr": vm.placement.system_memory(VMGENID_SIZE_BYTES, VMGENID_ALIGNMENT_BYTES),
        },
        vmclock=_vmclock(vm) if vm.release.vmclock else None,
        pvtime=_pvtime(vm) if vm.release.pci else None,
    )


def _pvtime(vm: Vm) -> int:
    return vm.placement.system_memory(
        vm.machine.vcpus * STOLEN_TIME_SIZE_BYTES, STOLEN_TIME_SIZE_BYTES
    )


# --- VMClock -----------------------------------------------------------------------------------


def _vmclock(vm: Vm) -> Facts:
    """Of a VM that was restored a few times, or never: each time counts."""
    restored = vm.random.choice([0, vm.random.randrange(4)])
    return {
        "guest_address": vm.placement.system_memory(VMCLOCK_SIZE_BYTES, VMCLOCK_SIZE_BYTES),
        "gsi": vm.placement.gsi(),
        "inner": {
            **VMCLOCK_AT_BOOT,
            "seq_count": 2 * restored,
            "disruption_marker": restored,
            "vm_generation_counter": restored,
        },
    }


# --- serial port -------------------------------------------------------------------------------


def serial_state(random: Random) -> Facts:
    """The fields of `SerialState`: 115200 baud of 24 MHz, 8 data bits, Linux waits for input."""
    received = random.choice([b"", b"l", b"ls\n"])
    line_status = LSR().replace(
        transmitter_empty=1, holding_register_empty=1, data_ready=bool(received)
    )
    return {
        "baud_divisor_low": 13,
        "baud_divisor_high": 0,
        "interrupt_enable": IER().replace(received_data=1, line_status=1).value,
        "interrupt_identification": IIR().replace(source=0b0100 if received else 0b0001).value,
        "line_control": LCR().replace(word_length=3).value,
        "line_status": line_status.value,
        "modem_control": MCR().replace(OUT2=1, RTS=1, DTR=1).value,
        "modem_status": MSR().replace(DCD=1, DSR=1, CTS=1).value,
        "scratch": 0,
        "in_buffer": received,
    }
