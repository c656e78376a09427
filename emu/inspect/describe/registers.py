"""Registers by name and field, from the tables of `emu.arch`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from emu.arch.bits import Register
from emu.arch.layouts import MPIDR_EL1, PState
from emu.arch.sysregs import BY_ENCODING, BY_SQUIB_KEY, SysReg
from emu.inspect.describe.views.registers import RegisterView


def view(
    name: str,
    value: int,
    layout: type[Register] | None = None,
    key: int | None = None,
    *,
    size_bytes: int = 8,
) -> RegisterView:
    """A register called `name`, with the fields of `layout`."""
    fields = dict(layout(value).decoded()) if layout else None
    shown = value if size_bytes <= 8 else f"{value:#0{2 + 2 * size_bytes}x}"
    return RegisterView(name, shown, key, fields=fields, size_bytes=size_bytes)


def unknown(key: int, value: int, size_bytes: int = 8) -> RegisterView:
    """A register of which only its key is known."""
    return replace(view("unknown", value, key=key, size_bytes=size_bytes), known=False)


def number(register: RegisterView) -> int:
    """The value of a register, whatever its width."""
    return register.value if isinstance(register.value, int) else int(register.value, 16)


def pstate(value: int) -> RegisterView:
    """PSTATE in the form of SPSR_EL1."""
    return view("PSTATE", value, PState)


def mpidr(value: int) -> RegisterView:
    """An affinity value."""
    return view("MPIDR_EL1", value, MPIDR_EL1)


def by_squib_key(sys_regs: Mapping[int, int]) -> tuple[RegisterView, ...]:
    """The registers of squib's `sys_regs` map."""
    return _views(sys_regs, BY_SQUIB_KEY)


def by_encoding(sys_regs: Mapping[int, int]) -> tuple[RegisterView, ...]:
    """A map by `op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2`."""
    return _views(sys_regs, BY_ENCODING)


def _views(sys_regs: Mapping[int, int], table: Mapping[int, SysReg]) -> tuple[RegisterView, ...]:
    return tuple(_sys_reg(key, value, table.get(key)) for key, value in sys_regs.items())


def _sys_reg(key: int, value: int, known: SysReg | None) -> RegisterView:
    if known is None:
        return unknown(key, value)
    return view(known.name, value, known.layout, key)
