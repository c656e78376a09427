"""Tells when the core takes an interrupt, which it does by itself, without a callback.

The core's `CPUClass` has a pointer to the function that enters an exception, and only the entry of
an interrupt goes through it (`arm_cpu_exec_interrupt` in `qemu/target/arm/cpu.c`, Unicorn 2.1.4).
Each core has a class of its own, so that pointer is replaced by one to a callback.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_size_t, c_void_p
from typing import Any

from emu.cpu.engine import layout
from emu.errors import EngineError

_DoInterrupt = ctypes.CFUNCTYPE(None, c_void_p)
_CLASS_BYTES = 0x40
"""The pointer is one of the first eight of the class."""
_STRUCTURE_BYTES = 0x1_0000
"""`ARMCPU` contains its class, and is smaller than this."""


class InterruptEntry:
    """Has `callback` called in place of the function that enters an interrupt.

    Args:
        cpu: the core's `ARMCPU`.
        do_interrupt: that function, as the library exports it. The callback must call it.

    Raises:
        EngineError: the class is not where it is expected.
    """

    def __init__(self, cpu: int, do_interrupt: Any, callback: Callable[[int], None]) -> None:
        pointer = _find(cpu, ctypes.cast(do_interrupt, c_void_p).value or 0)
        self._callback = _DoInterrupt(callback)  # C code holds no reference to it
        c_size_t.from_address(pointer).value = ctypes.cast(self._callback, c_void_p).value or 0


def _find(cpu: int, function: int) -> int:
    """Where the class that `CPUState` points to holds the function."""
    memory = ctypes.string_at(cpu, layout.ARMCPU_SCANNED_BYTES)
    pointed_to = {word for _, word in layout.enumerate_words(memory)}
    inside = (at for at in pointed_to if 0 < at - cpu < _STRUCTURE_BYTES and not at % 8)
    found = {
        at + offset
        for at in inside
        for offset, word in layout.enumerate_words(ctypes.string_at(at, _CLASS_BYTES))
        if word == function
    }
    if len(found) != 1:
        raise EngineError(
            f"looking for the CPU class inside Unicorn: expected one pointer to "
            f"arm_cpu_do_interrupt, found {len(found)}. This build of libunicorn is not laid out "
            "as expected; machines can't run with it"
        )
    return found.pop()


def is_fiq(vector: int) -> bool:
    """Whether an interrupt that was taken to this address is an FIQ, and not an IRQ.

    Vectors are 0x80 apart: synchronous, IRQ, FIQ, SError (DDI 0487 K.a, D1.3.1.5).
    """
    return bool(vector & 0x100)
