"""System registers whose accesses leave the core: QEMU's `ARMCPRegInfo`, filled in from Python.

Source: `qemu/target/arm/cpu.h` of Unicorn 2.1.4 (struct ARMCPRegInfo, ARM_CP_*, PL*_R, PL*_W,
CPAccessResult). A definition with ARM_CP_OVERRIDE replaces the core's own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import (
    c_bool,
    c_char_p,
    c_int,
    c_size_t,
    c_ssize_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from dataclasses import dataclass
from typing import Any, ClassVar

from emu.cpu.engine import library

_CP_REG_ARM64_SYSREG_CP = 0x13
_ARM_CP_STATE_AA64 = 1

_ARM_CP_CONST = 0x0002
_ARM_CP_OVERRIDE = 0x0010
_ARM_CP_IO = 0x0040
_ARM_CP_NO_RAW = 0x0080

_READ_BY_EL = {0: 0xAA, 1: 0xA8, 2: 0xA0, 3: 0x80}
"""PLn_R: readable from this exception level upwards."""
_WRITE_BY_EL = {0: 0x55, 1: 0x54, 2: 0x50, 3: 0x40}
"""PLn_W: writable from this exception level upwards."""

_CP_ACCESS_OK = 0
_CP_ACCESS_TRAP = 1

_EL_MASK = 0b1100
"""PSTATE.EL: not zero but at EL0."""

_ReadFunction = ctypes.CFUNCTYPE(c_uint64, c_void_p, c_void_p)
_WriteFunction = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_uint64)
_AccessFunction = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_bool)


class _RegisterInfo(ctypes.Structure):
    """struct ARMCPRegInfo."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("name", c_char_p),
        ("cp", c_uint8),
        ("crn", c_uint8),
        ("crm", c_uint8),
        ("opc0", c_uint8),
        ("opc1", c_uint8),
        ("opc2", c_uint8),
        ("state", c_int),
        ("type", c_int),
        ("access", c_int),
        ("secure", c_int),
        ("opaque", c_size_t),
        ("resetvalue", c_uint64),
        ("fieldoffset", c_ssize_t),
        ("bank_fieldoffsets", c_ssize_t * 2),
        ("accessfn", c_void_p),
        ("readfn", c_void_p),
        ("writefn", c_void_p),
        ("raw_readfn", c_void_p),
        ("raw_writefn", c_void_p),
        ("resetfn", c_void_p),
        ("orig_readfn", c_void_p),
        ("orig_writefn", c_void_p),
    ]


At = tuple[int, int, int, int, int]
"""op0, op1, CRn, CRm, op2."""


@dataclass(frozen=True, slots=True)
class RegisterModel:
    """What answers for a register in place of the core.

    Attributes:
        read: called by MRS; None makes it UNDEFINED.
        write: called by MSR; None makes it UNDEFINED.
        constant: what MRS gives, with no `read` to call.
        el: lowest exception level that may access it.
        write_el: lowest exception level that may write it.
        el0_allowed: asked for each access from EL0, with whether it is a read; a refused one traps
            to EL1. None allows all that `el` does.
    """

    read: Callable[[], int] | None = None
    write: Callable[[int], None] | None = None
    constant: int | None = None
    el: int = 1
    write_el: int = 1
    el0_allowed: Callable[[bool], bool] | None = None

    @property
    def access(self) -> int:
        """Who may access it, as ARMCPRegInfo has it."""
        readable = self.read is not None or self.constant is not None
        return (_READ_BY_EL[self.el] if readable else 0) | (
            _WRITE_BY_EL[self.write_el] if self.write else 0
        )


class _Definitions(dict[int, RegisterModel]):
    """The models by where the core keeps its copy of their definitions.

    Args:
        models: by the number that each definition carries.
    """

    def __init__(self, models: Sequence[RegisterModel]) -> None:
        super().__init__()
        self._models = models

    def __missing__(self, info: int) -> RegisterModel:
        number = c_size_t.from_address(info + _RegisterInfo.opaque.offset).value
        self[info] = model = self._models[number]
        return model


class SysRegTraps:
    """Gives registers of one core their models.

    Three C callbacks serve all of them: each definition carries the number of its model.

    Args:
        cpu: the core's `ARMCPU`.
        guarded: wraps what C code calls, so that it never raises.
        pstate: the core's PSTATE, from which its exception level is read.
    """

    def __init__(
        self,
        cpu: int,
        *,
        guarded: Callable[[Callable[..., Any]], Callable[..., Any]],
        pstate: c_uint32,
    ) -> None:
        self._cpu = cpu
        self._pstate = pstate
        self._models: list[RegisterModel] = []
        self._definitions = _Definitions(self._models)
        self._read = _ReadFunction(guarded(self._on_read))
        self._write = _WriteFunction(guarded(self._on_write))
        self._check = _AccessFunction(guarded(self._on_check))

    def define(self, name: str, at: At, model: RegisterModel) -> None:
        """Let `model` answer for the register at `at`, instead of the core's own if it has one.

        A model with neither functions nor a constant takes the register away: it is UNDEFINED.
        """
        self._models.append(model)
        opc0, opc1, crn, crm, opc2 = at
        calls_out = model.read is not None or model.write is not None
        info = _RegisterInfo(
            name=name.encode(),
            cp=_CP_REG_ARM64_SYSREG_CP,
            crn=crn,
            crm=crm,
            opc0=opc0,
            opc1=opc1,
            opc2=opc2,
            state=_ARM_CP_STATE_AA64,
            type=_ARM_CP_OVERRIDE | (_ARM_CP_IO | _ARM_CP_NO_RAW if calls_out else _ARM_CP_CONST),
            access=model.access,
            opaque=len(self._models) - 1,
            resetvalue=model.constant or 0,
        )
        if calls_out:
            info.readfn, info.writefn = (
                library.address_of(self._read),
                library.address_of(self._write),
            )
        if model.el0_allowed is not None:
            info.accessfn = library.address_of(self._check)
        # The core copies the definition.
        library.load().define_sysreg(self._cpu, ctypes.addressof(info), None)

    def _on_read(self, _env: int, info: int) -> int:
        read = self._definitions[info].read
        assert read is not None  # `access` forbids it otherwise
        return read()

    def _on_write(self, _env: int, info: int, value: int) -> None:
        write = self._definitions[info].write
        assert write is not None  # `access` forbids it otherwise
        write(value)

    def _on_check(self, _env: int, info: int, is_read: bool) -> int:
        if self._pstate.value & _EL_MASK:
            return _CP_ACCESS_OK
        allowed = self._definitions[info].el0_allowed
        refused = allowed is not None and not allowed(is_read)
        return _CP_ACCESS_TRAP if refused else _CP_ACCESS_OK
