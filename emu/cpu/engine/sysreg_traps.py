"""System registers whose accesses leave the core: QEMU's `ARMCPRegInfo`, filled in from Python.

Source: `qemu/target/arm/cpu.h` of Unicorn 2.1.4 (struct ARMCPRegInfo, ARM_CP_*, PL*_R, PL*_W,
CPAccessResult). A definition with ARM_CP_OVERRIDE replaces the core's own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_ssize_t, c_uint8, c_uint64, c_void_p
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

_ReadFunction = ctypes.CFUNCTYPE(c_uint64, c_void_p, c_void_p)
_WriteFunction = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_uint64)
_AccessFunction = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)


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
        ("opaque", c_void_p),
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


class SysRegTraps:
    """Defines registers on one core, and keeps the C callbacks alive as long as the core."""

    def __init__(self, cpu: int) -> None:
        self._cpu = cpu
        self._kept: list[Any] = []

    def constant(self, name: str, at: At, value: int, *, el: int) -> None:
        """A read-only register with a fixed value; a write is UNDEFINED."""
        self._define(name, at, _ARM_CP_CONST, _READ_BY_EL[el], resetvalue=value)

    def undefined(self, name: str, at: At) -> None:
        """A register that does not exist: every access from EL1 or EL0 is UNDEFINED."""
        self._define(name, at, _ARM_CP_CONST, _READ_BY_EL[3])

    def modelled(
        self,
        name: str,
        at: At,
        *,
        el: int,
        read: Callable[[], int] | None,
        write: Callable[[int], None] | None,
        el0_allowed: Callable[[], bool] | None = None,
    ) -> None:
        """A register whose MRS calls `read` and whose MSR calls `write`.

        None means that this kind of access is UNDEFINED. `el0_allowed` is asked for each access
        of a register with `el` 0; a refused one traps to EL1.
        """
        functions: dict[str, Any] = {}
        if read is not None:
            functions["readfn"] = _ReadFunction(lambda _env, _info: read())
        if write is not None:
            functions["writefn"] = _WriteFunction(lambda _env, _info, value: write(value))
        if el0_allowed is not None:
            functions["accessfn"] = _AccessFunction(
                lambda _env, _info, _is_read: _CP_ACCESS_OK if el0_allowed() else _CP_ACCESS_TRAP
            )
        self._kept.append(functions)
        access = (_READ_BY_EL[el] if read else 0) | (_WRITE_BY_EL[el] if write else 0)
        addresses = {k: ctypes.cast(f, c_void_p).value for k, f in functions.items()}
        self._define(name, at, _ARM_CP_IO | _ARM_CP_NO_RAW, access, **addresses)

    def _define(self, name: str, at: At, kind: int, access: int, **rest: Any) -> None:
        opc0, opc1, crn, crm, opc2 = at
        info = _RegisterInfo(
            name=name.encode(),
            cp=_CP_REG_ARM64_SYSREG_CP,
            crn=crn,
            crm=crm,
            opc0=opc0,
            opc1=opc1,
            opc2=opc2,
            state=_ARM_CP_STATE_AA64,
            type=kind | _ARM_CP_OVERRIDE,
            access=access,
            **rest,
        )
        self._kept.append(info)
        library.load().define_sysreg(self._cpu, ctypes.addressof(info), None)
