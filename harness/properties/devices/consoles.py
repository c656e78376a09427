"""The two UARTs under test."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

from emu.arch.ns16550 import IER, LCR, MCR, NS16550
from emu.arch.pl011 import IDENTIFICATION, PL011, UARTCR, UARTINT, UARTLCR_H
from emu.devices.ns16550 import Ns16550, Ns16550State
from emu.devices.pl011 import Pl011, Pl011State
from harness.properties.devices.actions import Action, Load, Outside, Store, Wait
from harness.properties.devices.subject import Device, DeviceUnderTest, Step
from harness.properties.devices.world import World


def _types(steps: list[Step]) -> bool:
    """Some character was sent."""
    return any(step.notes.output for step in steps)


def _something(random: Random) -> Action:
    """Characters arrive, or time passes."""
    arrives = Outside("receive", random.randbytes(random.choice([1, 1, 2, 20, 70])))
    return arrives if random.random() < 0.5 else Wait(10)


# --- PL011 ---------------------------------------------------------------------------------------

_ENABLED: Final = int(UARTCR().replace(UARTEN=1, RXE=1, TXE=1))
_FIFO_ON: Final = int(UARTLCR_H().replace(FEN=1, WLEN=3))
_INTERRUPTS: Final = UARTINT.RX.mask | UARTINT.TX.mask | UARTINT.RT.mask | UARTINT.OE.mask


def _build_pl011(world: World) -> Device:
    uart = Pl011(world.line, world.send, world.events)
    outside = {"receive": uart.receive}
    return Device(window=uart, capture=uart.state, apply=uart.load_state, outside=outside)


def _drive_pl011(random: Random, _world: World) -> Iterator[Action]:
    for name, value in (("CR", _ENABLED), ("LCR_H", _FIFO_ON), ("IMSC", _INTERRUPTS)):
        yield Store(PL011[name], value)
    while True:
        name = random.choice(["DR", "DR", "FR", "RIS", "MIS", "IMSC", "IFLS", "LCR_H", "CR", "RSR"])
        match random.randrange(8):
            case 0 | 1:
                yield _something(random)
            case 2:
                yield Store(PL011["DR"], random.randrange(256))
            case 3:
                yield Store(PL011["ICR"], random.getrandbits(11))
            case 4:
                yield Store(PL011["IMSC"], random.choice([_INTERRUPTS, random.getrandbits(11)]))
            case 5 if random.random() < 0.3:
                yield Store(
                    PL011[name], random.choice([_ENABLED, _FIFO_ON, random.getrandbits(16)])
                )
            case _:
                yield Load(PL011[name], random.choice([1, 2, 4, 4]))


def _pl011_interrupt_faults(step: Step) -> Iterator[str]:
    """UARTINTR is the level of any bit that is raw and enabled (DDI 0183G, 2.8)."""
    asked = bool(step.after.ris & step.after.imsc)
    if step.line_is_high is not asked:
        yield f"the line is {step.line_is_high}; RIS and IMSC have {asked}"
    if "pulse" in step.notes.interrupts:
        yield "a level is pulsed"
    changes = ["the line rises" if asked else "the line falls"]
    was_asked = bool(step.before.ris & step.before.imsc)
    if step.notes.interrupts != (changes if asked is not was_asked else []):
        yield f"{step.notes.interrupts}, and the condition went from {was_asked} to {asked}"


_PL011: Final = DeviceUnderTest(
    name="PL011",
    build=_build_pl011,
    reset_state=Pl011State(),
    reset_reads={
        # DDI 0183G, table 3-1, with an empty transmitter: FR has TXFE and RXFE.
        (PL011["DR"], 4): 0,
        (PL011["RSR"], 4): 0,
        (PL011["FR"], 4): 0x90,
        (PL011["ILPR"], 4): 0,
        (PL011["IBRD"], 4): 0,
        (PL011["FBRD"], 4): 0,
        (PL011["LCR_H"], 4): 0,
        (PL011["CR"], 4): 0x300,
        (PL011["IFLS"], 4): 0x12,
        (PL011["IMSC"], 4): 0,
        (PL011["RIS"], 4): 0,
        (PL011["MIS"], 4): 0,
        (PL011["DMACR"], 4): 0,
        **{(PL011["ID"] + 4 * n, 4): value for n, value in enumerate(IDENTIFICATION)},
    },
    drive=_drive_pl011,
    interrupt_faults=_pl011_interrupt_faults,
    is_alive=_types,
    offsets=tuple(slot.offset for slot in PL011.slots),
)

# --- NS16550 -------------------------------------------------------------------------------------

_TRANSMITTER_EMPTY, _RECEIVED_DATA = 2, 4
"""Causes, as bits of IIR."""

_CAUSES: Final = (
    (IER.transmitter_empty.mask, _TRANSMITTER_EMPTY),
    (IER.received_data.mask, _RECEIVED_DATA),
)


def _build_ns16550(world: World) -> Device:
    uart = Ns16550(world.line, world.send, world.events)
    outside = {"receive": uart.receive}
    return Device(window=uart, capture=uart.state, apply=uart.load_state, outside=outside)


def _drive_ns16550(random: Random, _world: World) -> Iterator[Action]:
    for name, value in (("LCR", 3), ("MCR", 0), ("IER", 3)):
        yield Store(NS16550[name], value, 1)
    yield Store(NS16550["DATA"], 0x41, 1)
    while True:
        match random.randrange(7):
            case 0 | 1:
                yield _something(random)
            case 2:
                yield Store(NS16550["DATA"], random.randrange(256), 1)
            case 3 if random.random() < 0.5:
                name = random.choice(["IER", "LCR", "MCR", "SCR"])
                values = [3, LCR.DLAB.mask, MCR.loop.mask, random.randrange(256)]
                yield Store(NS16550[name], random.choice(values), 1)
            case 4:
                yield from (Store(NS16550["LCR"], 3, 1), Store(NS16550["IER"], 3, 1))
            case _:
                yield Load(random.randrange(8), 1)


def _ns16550_interrupt_faults(step: Step) -> Iterator[str]:
    """A cause that comes up pulses, if it is enabled and not identified already (`serial.rs` of
    vm-superio 0.8.1).
    """
    before, expected = step.before, 0
    for enable, cause in _CAUSES:
        is_new = _comes_up(step, cause) and before.interrupt_enable & enable
        expected += bool(is_new and not before.interrupt_identification & cause)
        identified = step.after.interrupt_identification & cause
        if is_new and not identified:
            yield f"the cause {cause} came up, and IIR has {identified}"
    if step.notes.interrupts != ["pulse"] * expected:
        yield f"{step.notes.interrupts}; expected {expected} pulses"


def _comes_up(step: Step, cause: int) -> bool:
    if cause == _TRANSMITTER_EMPTY:
        return bool(step.notes.output)
    return len(step.after.in_buffer) > len(step.before.in_buffer)


def _ns16550_on_apply(state: Ns16550State) -> list[str]:
    """As `Serial::from_state` does."""
    identified = state.interrupt_identification
    return ["pulse" for e, cause in _CAUSES if state.interrupt_enable & e and identified & cause]


_NS16550: Final = DeviceUnderTest(
    name="NS16550",
    build=_build_ns16550,
    reset_state=Ns16550State(),
    reset_reads={
        # vm-superio 0.8.1, `serial.rs`; IIR says that there are FIFOs.
        (NS16550["IER"], 1): 0,
        (NS16550["IIR"], 1): 0xC1,
        (NS16550["LCR"], 1): 3,
        (NS16550["MCR"], 1): 8,
        (NS16550["LSR"], 1): 0x60,
        (NS16550["MSR"], 1): 0xB0,
        (NS16550["SCR"], 1): 0,
    },
    drive=_drive_ns16550,
    interrupt_faults=_ns16550_interrupt_faults,
    is_alive=_types,
    interrupts_on_apply=_ns16550_on_apply,
    offsets=tuple(range(8)),
)

CONSOLES: Final = (_PL011, _NS16550)
