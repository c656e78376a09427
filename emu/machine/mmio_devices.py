"""The devices of a machine that have registers: which there are, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emu.boards.board import Board, UartKind
from emu.boards.equipment import Equipment
from emu.boards.places import Place, Window
from emu.core.bus import Bus
from emu.core.ports import IrqLine, MmioWindow
from emu.devices.boot_timer import BootTimer
from emu.devices.host import Host
from emu.devices.ns16550 import Ns16550
from emu.devices.pl011 import Pl011
from emu.devices.pl031 import Pl031
from emu.devices.virtio.config import DeviceConfig
from emu.devices.virtio.mmio import VirtioMmio
from emu.errors import BoardError

Uart = Pl011 | Ns16550
"""A serial console."""

_UARTS: dict[UartKind, type[Pl011] | type[Ns16550]] = {
    UartKind.PL011: Pl011,
    UartKind.NS16550: Ns16550,
}


class MmioDevices:
    """The devices of a machine that have registers.

    Args:
        board: says of which kind they are, and what its monitor lets them do.
        equipment: which of them there are, and where.
        configs: what its user chose of the virtio devices, in the order of `equipment`.
        host: the machine as they see it.
        irqs: the interrupt line of a GSI.
        console: gets each character that the guest sends.
        unix_time_s: the host's wall clock, in seconds since 1970.

    Attributes:
        uart: the serial console; None without it.
        rtc: the real-time clock; None without it.
        virtio: the virtio devices by id, in the order of attachment, each with its transport.

    Raises:
        BoardError: there are not as many virtio devices as places for them, or the monitor does not
            have one as it was chosen.
        BackingError: what stands behind a device can't be used.
    """

    def __init__(
        self,
        board: Board,
        equipment: Equipment,
        configs: Sequence[DeviceConfig],
        *,
        host: Host,
        irqs: Callable[[int], IrqLine],
        console: Callable[[int], None],
        unix_time_s: Callable[[], int],
    ) -> None:
        self.uart: Uart | None = None
        self.rtc: Pl031 | None = None
        self.virtio: dict[str, VirtioMmio] = {}
        self._windows: list[tuple[str, Window, MmioWindow]] = []
        _check_places(equipment, configs)
        for config, place in zip(configs, equipment.virtio, strict=True):
            self._attach_virtio(board, config, place, host, irqs(place.gsi))
        if equipment.uart is not None:
            self.uart = _UARTS[board.uart_kind](irqs(equipment.uart.gsi), console, host.events)
            self._windows.append((board.uart_kind.value, equipment.uart.window, self.uart))
        if equipment.rtc is not None:
            self.rtc = Pl031(unix_time_s)
            self._windows.append(("PL031", equipment.rtc.window, self.rtc))
        if equipment.boot_timer is not None:
            self._windows.append(("boot timer", equipment.boot_timer, BootTimer(host.events)))

    def attach_to(self, bus: Bus) -> None:
        """Put them at their places; `BoardError` if two overlap."""
        for name, window, registers in self._windows:
            bus.attach(name, window.base, window.size_bytes, registers)

    def _attach_virtio(
        self, board: Board, config: DeviceConfig, place: Place, host: Host, irq: IrqLine
    ) -> None:
        transport = VirtioMmio(
            config.build(host, board.virtio.offers[config.type]),
            irq,
            can_reset=board.virtio.can_reset,
            counts_config_changes=board.virtio.counts_config_changes,
        )
        self.virtio[config.id] = transport
        self._windows.append((f"{config.type.name} {config.id}", place.window, transport))


def _check_places(equipment: Equipment, configs: Sequence[DeviceConfig]) -> None:
    if len(equipment.virtio) != len(configs):
        raise BoardError(
            f"{len(configs)} virtio devices, and places for {len(equipment.virtio)}; "
            "expected a place for each"
        )
