"""PL011 UART, the serial console.

Source: PrimeCell UART (PL011) Technical Reference Manual r1p5, Arm DDI 0183G. Where the serial
line would take time, this model takes none, and so settles what the manual leaves to timing:

* A character written to DR is sent at once, whatever CR says: a microVM has no firmware to
  enable the UART before Linux's `earlycon` writes to it. FR.TXFE is always 1; FR.BUSY and
  FR.TXFF are always 0.
* The transmit interrupt is raised by a fall of the FIFO to its trigger level (2.8.2), so it is
  not pending at reset. Each character drains the FIFO, hence each raises it; only ICR clears it.
* The receive timeout (2.8.4) elapses at once: its interrupt is raised by whatever leaves
  characters in the FIFO, which is `receive` or a read of DR.
* Characters have 8 bits, whatever LCR_H.WLEN says (which is 5 bits at reset).
* The line has no noise, so there are no break, parity or framing errors. The modem lines are not
  connected and their interrupts never pend. There is no DMA.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from emu.arch.pl011 import (
    FIFO_DEPTH,
    IDENTIFICATION,
    PL011,
    UARTCR,
    UARTDR,
    UARTFR,
    UARTIFLS,
    UARTINT,
    UARTLCR_H,
    UARTRSR,
)
from emu.core.events import ConsoleOutput, EventStream
from emu.core.ports import CharacterSource, IrqLine
from emu.errors import IncompatibleError

_TRIGGER_EIGHTHS: Final = (1, 2, 4, 6, 7, 7, 7, 7)
"""Receive trigger level by IFLS.RXIFLSEL; the reserved selections count as the highest."""

_MASKS: Final = {
    slot.name: sum(field.mask for field in slot.layout.fields)
    for slot in PL011.slots
    if slot.layout is not None
}
"""The bits that each register has; the others read as zero."""


@dataclass(slots=True, kw_only=True)
class Pl011State:
    """All of a PL011's state; the defaults are its reset values (DDI 0183G, table 3-1).

    Attributes:
        rx_fifo: received characters, oldest first, each as DR shows it (12 bits).
        overrun: a character was lost since the last one was stored; DR.OE of the next one.
        rsr: UARTRSR, 4 bits.
        ilpr: UARTILPR, 8 bits.
        ibrd: UARTIBRD, 16 bits.
        fbrd: UARTFBRD, 6 bits.
        lcr_h: UARTLCR_H, 8 bits.
        cr: UARTCR, 16 bits.
        ifls: UARTIFLS, 6 bits.
        imsc: UARTIMSC, 11 bits.
        ris: UARTRIS, 11 bits.
        dmacr: UARTDMACR, 3 bits.
    """

    rx_fifo: tuple[int, ...] = ()
    overrun: bool = False
    rsr: int = 0
    ilpr: int = 0
    ibrd: int = 0
    fbrd: int = 0
    lcr_h: int = 0
    cr: int = 0x300
    ifls: int = 0x12
    imsc: int = 0
    ris: int = 0
    dmacr: int = 0

    @property
    def fifo_depth(self) -> int:
        """Characters that the receive FIFO holds."""
        return FIFO_DEPTH if UARTLCR_H(self.lcr_h).FEN else 1

    @property
    def trigger_level(self) -> int:
        """Characters in the receive FIFO that raise the receive interrupt."""
        return max(1, self.fifo_depth * _TRIGGER_EIGHTHS[UARTIFLS(self.ifls).RXIFLSEL] // 8)

    def check(self) -> None:
        """Raise `IncompatibleError` for a value that no PL011 can hold."""
        for name, mask in _MASKS.items():
            value = getattr(self, name.lower(), 0)
            if value & ~mask:
                raise IncompatibleError(
                    f"PL011 state: {name.lower()} is {value:#x}, and UART{name} has only the bits "
                    f"{mask:#x}"
                )
        if len(self.rx_fifo) > self.fifo_depth:
            raise IncompatibleError(
                f"PL011 state: {len(self.rx_fifo)} characters in rx_fifo, which holds "
                f"{self.fifo_depth} with lcr_h {self.lcr_h:#x}"
            )
        for character in self.rx_fifo:
            if character & ~_MASKS["DR"]:
                raise IncompatibleError(
                    f"PL011 state: {character:#x} in rx_fifo, and UARTDR has 12 bits"
                )


class Pl011:
    """A PL011 in its MMIO window of 4 KiB.

    Registers are 32 bits wide. An access within a register moves the bytes that it covers; bytes
    that a write does not cover are written as zero, and those beyond the register read as zero.
    Reserved offsets read as zero and ignore writes.

    Args:
        irq: the combined interrupt, UARTINTR (level, active high).
        output: gets each character that the guest sends.
        events: gets a `ConsoleOutput` for each of them.
    """

    def __init__(self, irq: IrqLine, output: Callable[[int], None], events: EventStream) -> None:
        self._irq = irq
        self._output = output
        self._events = events
        self._state = Pl011State()
        self._line = False
        self._source: CharacterSource | None = None

    def state(self) -> Pl011State:
        """A copy of the device's state."""
        return replace(self._state)

    def load_state(self, state: Pl011State) -> None:
        """Become `state` and drive the interrupt line accordingly.

        Raises:
            IncompatibleError: `state` has a value that no PL011 can hold.
        """
        state.check()
        self._state = replace(state)
        self._drive_irq()

    def receive(self, data: bytes) -> None:
        """Characters arrive on the serial line.

        They are lost while the receiver is disabled (CR.UARTEN or CR.RXE is 0) or looped back
        (CR.LBE is 1), as on hardware. A full FIFO keeps what it holds, loses the new character
        and records an overrun.
        """
        if self._receives:
            self._receive(data)
            self._update_irq()

    def connect(self, source: CharacterSource) -> None:
        """Let characters come from `source` when the guest is ready for them, so that none is lost.

        It is when it takes a receive interrupt (IMSC.RXIM or RTIM): Linux drains what came before.
        `source` is asked for as many as the FIFO has room for, after each access of the guest, and
        by `poll`.
        """
        self._source = source

    def poll(self) -> None:
        """Ask the source again: it may have characters that it had not when the guest was ready.

        A guest that waits for its console accesses it no more, so nothing else would ask.
        """
        self._pull()
        self._update_irq()

    def read(self, offset: int, size: int, /) -> int:
        """Load `size` bytes. A read of DR takes a character from the FIFO (0 if it is empty)."""
        found = PL011.find(offset)
        if found is None:
            return 0
        slot, index, byte = found
        value = self._read_register(slot.name, index)
        self._pull()
        self._update_irq()
        return (value >> (8 * byte)) & ((1 << (8 * size)) - 1)

    def write(self, offset: int, size: int, value: int, /) -> None:
        """Store `size` bytes."""
        found = PL011.find(offset)
        if found is None:
            return
        slot, _, byte = found
        covered = value & ((1 << (8 * size)) - 1)
        self._write_register(slot.name, (covered << (8 * byte)) & 0xFFFF_FFFF)
        self._pull()
        self._update_irq()

    def _read_register(self, name: str, index: int) -> int:
        match name:
            case "DR":
                return self._take()
            case "FR":
                return self._flags()
            case "MIS":
                return self._state.ris & self._state.imsc
            case "ICR":
                return 0
            case "ID":
                return IDENTIFICATION[index]
            case _:
                value: int = getattr(self._state, name.lower())
                return value

    def _write_register(self, name: str, value: int) -> None:
        match name:
            case "DR":
                self._transmit(value & UARTDR.DATA.mask)
            case "RSR":
                self._state.rsr = 0
            case "ICR":
                self._state.ris &= ~value
            case "LCR_H":
                self._set_line_control(value & _MASKS[name])
            case "FR" | "RIS" | "MIS" | "ID":
                pass
            case _:
                setattr(self._state, name.lower(), value & _MASKS[name])

    def _transmit(self, character: int) -> None:
        if self._events.active:
            self._events.emit(ConsoleOutput(character))
        self._output(character)
        self._state.ris |= UARTINT.TX.mask
        if UARTCR(self._state.cr).LBE:
            self._receive(bytes([character]))

    @property
    def _receives(self) -> bool:
        """The receiver is enabled, and connected to the line."""
        control = UARTCR(self._state.cr)
        return bool(control.UARTEN and control.RXE and not control.LBE)

    def _pull(self) -> None:
        state, taken = self._state, UARTINT.RX.mask | UARTINT.RT.mask
        room = state.fifo_depth - len(state.rx_fifo)
        if self._source is not None and room and state.imsc & taken and self._receives:
            self._receive(self._source(room))

    def _receive(self, data: bytes) -> None:
        for character in data:
            self._store(character)
        if data:
            self._state.ris |= UARTINT.RT.mask

    def _store(self, character: int) -> None:
        """Put one character into the FIFO. An overrun marks the next character that finds room
        (DDI 0183G, 2.4.2); RSR.OE and the interrupt come at once.
        """
        s = self._state
        if len(s.rx_fifo) >= s.fifo_depth:
            s.overrun = True
            s.rsr |= UARTRSR.OE.mask
            s.ris |= UARTINT.OE.mask
            return
        s.rx_fifo += (character | (UARTDR.OE.mask if s.overrun else 0),)
        s.overrun = False
        if len(s.rx_fifo) == s.trigger_level:
            s.ris |= UARTINT.RX.mask

    def _take(self) -> int:
        s = self._state
        if not s.rx_fifo:
            return 0
        character, *rest = s.rx_fifo
        s.rx_fifo = tuple(rest)
        if rest:
            s.ris |= UARTINT.RT.mask
        else:
            s.ris &= ~UARTINT.RT.mask
        if len(rest) < s.trigger_level:
            s.ris &= ~UARTINT.RX.mask
        return character

    def _set_line_control(self, value: int) -> None:
        """A change of FEN empties the FIFO, which becomes another one."""
        s = self._state
        if UARTLCR_H(s.lcr_h ^ value).FEN:
            s.rx_fifo = ()
            s.ris &= ~(UARTINT.RT.mask | UARTINT.RX.mask)
        s.lcr_h = value

    def _flags(self) -> int:
        received = len(self._state.rx_fifo)
        flags = UARTFR.TXFE.mask
        if received == 0:
            flags |= UARTFR.RXFE.mask
        if received >= self._state.fifo_depth:
            flags |= UARTFR.RXFF.mask
        return flags

    def _update_irq(self) -> None:
        """Tell the interrupt controller if the line's level changed."""
        if self._line != bool(self._state.ris & self._state.imsc):
            self._drive_irq()

    def _drive_irq(self) -> None:
        self._line = bool(self._state.ris & self._state.imsc)
        self._irq.set_level(self._line)
