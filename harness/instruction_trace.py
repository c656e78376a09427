"""Every instruction that a machine executes, as data.

It is shown just before it is executed, with the virtual time that its events will have: so an
instruction and what it causes stand together. Watching is slow, and the guest can't tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from emu.cpu import Vcpu
from emu.machine import Machine
from emu.machine.postmortem import read_virtual

_INSTRUCTION_BYTES = 4


@dataclass(frozen=True, slots=True)
class Executed:
    """An instruction.

    Attributes:
        time: virtual time in cycles, this instruction included.
        vcpu: index of the vCPU that executes it.
        el: its exception level.
        pc: where the instruction is, a virtual address.
        word: its 32 bits; None if a load could not read them.
    """

    time: int
    vcpu: int
    el: int
    pc: int
    word: int | None


@contextmanager
def watched_instructions(machine: Machine, listener: Callable[[Executed], None]) -> Iterator[None]:
    """Have `listener` told of every instruction, from now on to the end of the context."""

    def begun(vcpu: Vcpu, pc: int) -> None:
        data = read_virtual(vcpu, machine.ram, pc, _INSTRUCTION_BYTES)
        word = None if data is None else int.from_bytes(data, "little")
        listener(Executed(machine.clock.now(), vcpu.index, vcpu.engine.el, pc, word))

    for vcpu in machine.vcpus:
        vcpu.engine.watch_instructions(partial(begun, vcpu))
    try:
        yield
    finally:
        for vcpu in machine.vcpus:
            vcpu.engine.watch_instructions(None)
