"""A small guest that tries each mechanism the engine builds on, before any real guest does.

`layout.discover` finds where things are; this shows that they do what they are used for: exception
entry and return, IRQ and FIQ entry and the telling of it, the instruction limit, stopping from a
callback, modelled system registers, address translation, WFI, and taking a feature away.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from functools import cache

from emu.cpu.engine.engine import Engine
from emu.cpu.engine.sysreg_traps import RegisterModel
from emu.errors import EngineError

_RAM = 0x4000_0000
_RAM_BYTES = 0x1_0000
_RAM_LSE = _RAM + 0x400
_VBAR = _RAM + 0x800
_SYNC_VECTOR = 0x200
_IRQ_VECTOR = 0x280
_FIQ_VECTOR = 0x300
_EL1H_ALL_MASKED = 0x3C5
_EL1H_IRQ_OPEN = 0x345
_EL1H_FIQ_OPEN = 0x385
_SVC_SYNDROME = 0x15 << 26 | 1 << 25 | 0x123
_UNKNOWN_SYNDROME = 1 << 25
_MAGIC = 0x5A5A_1234
_MODELLED = (3, 0, 15, 15, 7)  # implementation defined, and unused by the core
_ESR_EL1 = (3, 0, 5, 2, 0)
_ELR_EL1 = (3, 0, 4, 0, 1)
_VBAR_EL1 = (3, 0, 12, 0, 0)

_DENIED = {"ID_AA64ISAR0_EL1": 0}
"""Without ID_AA64ISAR0_EL1.Atomic there are no atomic instructions of LSE."""

_MAIN = (
    0xD4002461,  # svc #0x123
    0xD538FFE1,  # mrs x1, s3_0_c15_c15_7
    0xD518FFE1,  # msr s3_0_c15_c15_7, x1
    0xD503201F,  # nop
    0xD503207F,  # wfi
    0xD503201F,  # nop
)
_LSE = (0xF8230024,)  # ldadd x3, x4, [x1]
_SYNC = (
    0xD5385202,  # mrs x2, esr_el1
    0xD69F03E0,  # eret
)
_INTERRUPT = (0xD503201F,)  # nop


@cache
def verify() -> None:
    """Try every mechanism, once in a process.

    Raises:
        EngineError: one does not work as it must; the message names it.
    """
    ram = mmap.mmap(-1, _RAM_BYTES)
    for offset, words in (
        (0, _MAIN),
        (_RAM_LSE - _RAM, _LSE),
        (0x800 + _SYNC_VECTOR, _SYNC),
        (0x800 + _IRQ_VECTOR, _INTERRUPT),
        (0x800 + _FIQ_VECTOR, _INTERRUPT),
    ):
        ram[offset : offset + 4 * len(words)] = struct.pack(f"<{len(words)}I", *words)
    host_address = ctypes.addressof(ctypes.c_char.from_buffer(ram))
    for attempt in (_try_all, _try_denied):
        engine = Engine()
        try:
            attempt(engine, host_address)
        finally:
            engine.close()


def _try_all(engine: Engine, host_address: int) -> None:
    written: list[tuple[int, int]] = []

    def write(value: int) -> None:
        written.append((value, engine.executed()))
        engine.stop()

    engine.map_ram(_RAM, _RAM_BYTES, host_address)
    engine.define("SELFCHECK", _MODELLED, RegisterModel(read=lambda: _MAGIC, write=write))
    engine.set_sysreg(_VBAR_EL1, _VBAR)
    engine.pc, engine.pstate = _RAM, _EL1H_ALL_MASKED

    executed = engine.run(1)
    _expect("the instruction limit", (executed, engine.pc), (1, _VBAR + _SYNC_VECTOR))
    _expect("the syndrome of an SVC", engine.get_sysreg(_ESR_EL1), _SVC_SYNDROME)
    executed = engine.run(100)
    _expect("ERET and a modelled MRS", (engine.x[1], engine.x[2]), (_MAGIC, _SVC_SYNDROME))
    _expect("a modelled MSR and its time", written, [(_MAGIC, 4)])
    _expect("stopping from a callback", (executed, engine.pc), (4, _RAM + 12))
    executed = engine.run(100)
    _expect("WFI", (executed, engine.pc, engine.waiting), (2, _RAM + 20, True))
    _expect("address translation", engine.translate(_RAM + 0x1234), _RAM + 0x1234)
    told: list[tuple[bool, int]] = []
    engine.on_interrupt = lambda is_fiq, elr: told.append((is_fiq, elr))
    engine.set_irq(True)
    engine.pstate = _EL1H_IRQ_OPEN
    executed = engine.run(1)
    _expect("IRQ entry", (executed, engine.pc), (1, _VBAR + _IRQ_VECTOR + 4))
    _expect("the return address of an IRQ", engine.get_sysreg(_ELR_EL1), _RAM + 20)
    engine.set_irq(False)
    engine.set_fiq(True)
    engine.pc, engine.pstate = _RAM + 20, _EL1H_FIQ_OPEN
    executed = engine.run(1)
    _expect("FIQ entry", (executed, engine.pc), (1, _VBAR + _FIQ_VECTOR + 4))
    _expect("the telling of interrupts", told, [(False, _RAM + 20), (True, _RAM + 20)])


def _try_denied(engine: Engine, host_address: int) -> None:
    engine.map_ram(_RAM, _RAM_BYTES, host_address)
    engine.set_isa(_DENIED)
    engine.set_sysreg(_VBAR_EL1, _VBAR)
    engine.pc, engine.pstate, engine.x[1] = _RAM_LSE, _EL1H_ALL_MASKED, _RAM + 0x200
    engine.run(1)
    found = engine.pc, engine.get_sysreg(_ESR_EL1)
    _expect("taking a feature away", found, (_VBAR + _SYNC_VECTOR, _UNKNOWN_SYNDROME))


def _expect(mechanism: str, found: object, expected: object) -> None:
    if found != expected:
        raise EngineError(
            f"Unicorn does not do {mechanism} as the CPU model needs it: found {found}, "
            f"expected {expected}. Machines can't run with this build of libunicorn"
        )
