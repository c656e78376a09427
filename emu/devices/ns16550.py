"""NS16550A UART, Firecracker's serial console.

It is the one of rust-vmm's crate `vm-superio`, which Firecracker v1.9 to its main branch take as
0.8.0 or 0.8.1 (both behave alike). Sources: that crate's `serial.rs`; Firecracker's
`src/vmm/src/devices/legacy/serial.rs`, v1.9.0 to v1.16.1. Where it is not what the PC16550D data
sheet says:

* The interrupt is an edge. It is pulsed when its cause comes up, is enabled in IER, and is not
  identified in IIR already; IER that is written later pulses nothing.
* The causes are bits of IIR that may be set together: transmitter empty and received data read as
  the data sheet's "line status". A read of IIR clears both; a read of data clears received data.
* The transmitter is always empty: a character is sent at once, and THRE and TEMT of LSR stay 1.
* The receive FIFO holds 64 characters and is always on: FCR is ignored. It has no trigger level and
  no timeout. A full one loses what comes, looped back or not, and LSR.OE stays 0.
* LSR, MSR and IIR are read-only. There are no errors, no break, and no change bits in MSR.

Firecracker answers accesses of one byte. Of others, and of reads beyond the first 256 bytes, it
leaves the vCPU's buffer as it is, so that a guest reads what its last MMIO access left there: here
that is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Self

from emu.arch.ns16550 import DIVISOR_LATCHES, IER, LCR, LSR, MCR, MSR, NS16550
from emu.core.events import ConsoleOutput, EventStream
from emu.core.ports import CharacterSource, IrqLine
from emu.errors import IncompatibleError

FIFO_DEPTH: Final = 64
"""Characters that the receive FIFO holds; a 16550A has 16."""

_NO_INTERRUPT: Final = 0b001
_TRANSMITTER_EMPTY: Final = 0b010
_RECEIVED_DATA: Final = 0b100
"""IIR as `vm-superio` keeps it."""

_FIFOS_ON: Final = 0b1100_0000
"""IIR says so in any case, which makes Linux take the UART for a 16550A."""

_ENABLES: Final = sum(field.mask for field in IER.fields)

_FIELDS: Final = {
    "DLL": "baud_divisor_low",
    "DLM": "baud_divisor_high",
    "IER": "interrupt_enable",
    "IIR": "interrupt_identification",
    "LCR": "line_control",
    "LSR": "line_status",
    "MCR": "modem_control",
    "MSR": "modem_status",
    "SCR": "scratch",
}
"""Where the state has each register."""

_READ_ONLY: Final = frozenset({"IIR", "LSR", "MSR"})

_BY_OFFSET: Final = {slot.offset: slot.name for slot in NS16550.slots}
_BY_OFFSET_LATCHED: Final = _BY_OFFSET | {s.offset: s.name for s in DIVISOR_LATCHES.slots}
"""Registers by offset, with LCR.DLAB 0 and 1."""


@dataclass(slots=True, kw_only=True)
class Ns16550State:
    """All of the UART's state, as Firecracker saves it from v1.16 on (`SerialState`); the defaults
    are those of a UART that is made.

    Attributes:
        baud_divisor_low: DLL, 8 bits; with the high half, 9600 baud of 1.8432 MHz.
        baud_divisor_high: DLM, 8 bits.
        interrupt_enable: IER, 8 bits.
        interrupt_identification: IIR without the FIFO bits, 8 bits.
        line_control: LCR, 8 bits.
        line_status: LSR, 8 bits.
        modem_control: MCR, 8 bits.
        modem_status: MSR, 8 bits; what it reads as when not looped back.
        scratch: SCR, 8 bits.
        in_buffer: received characters, oldest first, at most 64.
    """

    baud_divisor_low: int = 12
    baud_divisor_high: int = 0
    interrupt_enable: int = 0
    interrupt_identification: int = _NO_INTERRUPT
    line_control: int = int(LCR().replace(word_length=3))
    line_status: int = int(LSR().replace(transmitter_empty=1, holding_register_empty=1))
    modem_control: int = int(MCR().replace(OUT2=1))
    modem_status: int = int(MSR().replace(DSR=1, CTS=1, DCD=1))
    scratch: int = 0
    in_buffer: bytes = b""

    @classmethod
    def unsaved(cls) -> Self:
        """What a restore makes of a snapshot that does not have this state, as Firecracker's do not
        before v1.16: a UART as it is made, with the interrupt for received data enabled
        (`emulate_serial_init` of v1.9 to v1.15).
        """
        return cls(interrupt_enable=IER.received_data.mask)

    @property
    def room(self) -> int:
        """Characters that the FIFO can take."""
        return FIFO_DEPTH - len(self.in_buffer)

    @property
    def loops_back(self) -> bool:
        """MCR connects the transmitter to the receiver, and both to nothing else."""
        return bool(MCR(self.modem_control).loop)

    def check(self) -> None:
        """Raise `IncompatibleError` for a value that the UART can't hold."""
        for register, name in _FIELDS.items():
            value = getattr(self, name)
            if not 0 <= value <= 0xFF:
                raise IncompatibleError(
                    f"NS16550 state: {name} is {value:#x}, and {register} has 8 bits"
                )
        if self.room < 0:
            raise IncompatibleError(
                f"NS16550 state: {len(self.in_buffer)} characters in in_buffer, which holds "
                f"{FIFO_DEPTH}"
            )


class Ns16550:
    """The UART in its MMIO window: eight registers of one byte, one byte apart.

    Args:
        irq: the interrupt (edge, rising).
        output: gets each character that the guest sends.
        events: gets a `ConsoleOutput` for each of them.
    """

    def __init__(self, irq: IrqLine, output: Callable[[int], None], events: EventStream) -> None:
        self._irq = irq
        self._output = output
        self._events = events
        self._state = Ns16550State()
        self._source: CharacterSource | None = None

    def state(self) -> Ns16550State:
        """A copy of the device's state."""
        return replace(self._state)

    def load_state(self, state: Ns16550State) -> None:
        """Become `state`, and pulse the interrupt once for each cause that is identified and
        enabled.

        Raises:
            IncompatibleError: `state` has a value that the UART can't hold.
        """
        state.check()
        self._state = replace(state)
        for enable, cause in (
            (IER.transmitter_empty.mask, _TRANSMITTER_EMPTY),
            (IER.received_data.mask, _RECEIVED_DATA),
        ):
            if state.interrupt_enable & enable and state.interrupt_identification & cause:
                self._irq.pulse()

    def receive(self, data: bytes) -> None:
        """Characters arrive on the serial line.

        They are lost while it is looped back (MCR.loop is 1), and where the FIFO is full.
        """
        if not self._state.loops_back:
            self._receive(data[: self._state.room])

    def connect(self, source: CharacterSource) -> None:
        """Let characters come from `source` when the guest is ready for them, so that none is lost.

        It is when it takes the interrupt for received data (IER): Linux drains what came before.
        `source` is asked after each access of the guest that leaves the FIFO empty, for as many as
        it holds. Firecracker waits for that as well once the FIFO was full, so that a guest has one
        interrupt for 64 characters.
        """
        self._source = source

    def poll(self) -> None:
        """Ask the source again: it may have got characters since."""
        s = self._state
        takes = s.interrupt_enable & IER.received_data.mask and not s.loops_back
        if self._source is not None and s.room and takes:
            self._receive(self._source(s.room))

    def read(self, offset: int, size: int, /) -> int:
        """Load `size` bytes. A read of data takes a character from the FIFO (0 if it is empty)."""
        name = self._register_at(offset, size)
        if name is None:
            return 0
        value = self._read_register(name)
        self._poll_if_empty()
        return value

    def write(self, offset: int, size: int, value: int, /) -> None:
        """Store `size` bytes."""
        name = self._register_at(offset, size)
        if name is not None:
            self._write_register(name, value)
            self._poll_if_empty()

    def _register_at(self, offset: int, size: int) -> str | None:
        latched = self._state.line_control & LCR.DLAB.mask
        by_offset = _BY_OFFSET_LATCHED if latched else _BY_OFFSET
        return by_offset.get(offset) if size == 1 else None

    def _read_register(self, name: str) -> int:
        match name:
            case "DATA":
                return self._take()
            case "IIR":
                return self._identify()
            case "MSR":
                return self._modem_status()
            case _:
                value: int = getattr(self._state, _FIELDS[name])
                return value

    def _write_register(self, name: str, value: int) -> None:
        if name == "DATA":
            self._transmit(value)
        elif name == "IER":
            self._state.interrupt_enable = value & _ENABLES
        elif name not in _READ_ONLY:
            setattr(self._state, _FIELDS[name], value)

    def _transmit(self, character: int) -> None:
        if self._state.loops_back:
            self._receive(bytes([character])[: self._state.room])
            return
        if self._events.active:
            self._events.emit(ConsoleOutput(character))
        self._output(character)
        self._interrupt(IER.transmitter_empty.mask, _TRANSMITTER_EMPTY)

    def _poll_if_empty(self) -> None:
        if not self._state.in_buffer:
            self.poll()

    def _receive(self, data: bytes) -> None:
        if data:
            self._state.in_buffer += data
            self._state.line_status |= LSR.data_ready.mask
            self._interrupt(IER.received_data.mask, _RECEIVED_DATA)

    def _take(self) -> int:
        s = self._state
        s.interrupt_identification = s.interrupt_identification & ~_RECEIVED_DATA or _NO_INTERRUPT
        taken, s.in_buffer = s.in_buffer[:1], s.in_buffer[1:]
        if not s.in_buffer:
            s.line_status &= ~LSR.data_ready.mask
        return taken[0] if taken else 0

    def _identify(self) -> int:
        identified = self._state.interrupt_identification
        self._state.interrupt_identification = _NO_INTERRUPT
        return identified | _FIFOS_ON

    def _modem_status(self) -> int:
        """Looped back, the modem's outputs are its inputs (PC16550D, 8.7)."""
        status = MSR(self._state.modem_status)
        if self._state.loops_back:
            control = MCR(self._state.modem_control)
            status = status.replace(
                DSR=control.DTR, CTS=control.RTS, RI=control.OUT1, DCD=control.OUT2
            )
        return int(status)

    def _interrupt(self, enable: int, cause: int) -> None:
        s = self._state
        if s.interrupt_enable & enable and not s.interrupt_identification & cause:
            s.interrupt_identification = s.interrupt_identification & ~_NO_INTERRUPT | cause
            self._irq.pulse()
