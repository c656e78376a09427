"""The registers of one Unicorn core: where they are in it, and how they are read and set."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import c_int32, c_uint32, c_uint64

from unicorn.arm64_const import (
    UC_ARM64_REG_CP_REG,
    UC_ARM64_REG_FPCR,
    UC_ARM64_REG_FPSR,
    UC_ARM64_REG_PSTATE,
    UC_ARM64_REG_SP,
    UC_ARM64_REG_SP_EL0,
    UC_ARM64_REG_SP_EL1,
    UC_ARM64_REG_V0,
)

from emu.arch.layouts import PState
from emu.cpu.engine import layout, library
from emu.cpu.engine.layout import Core
from emu.cpu.engine.sysreg_traps import At
from emu.errors import IncompatibleError

_NO_EXCLUSIVE = (1 << 64) - 1
_DEBUG_OP0 = 2
_MODES = (0b00000, 0b00100, 0b00101)
"""PSTATE.M of EL0t, EL1t and EL1h."""

_FP_REGISTERS = {"FPCR": UC_ARM64_REG_FPCR, "FPSR": UC_ARM64_REG_FPSR}
_SP_REGISTERS = {0: UC_ARM64_REG_SP_EL0, 1: UC_ARM64_REG_SP_EL1}


class CoreRegisters:
    """A core, as far as its registers are concerned.

    Args:
        core: which of Unicorn's CPUs it is.

    Attributes:
        x: X0 to X30 (and the current stack pointer in slot 31) as a writable C array.
    """

    def __init__(self, core: Core) -> None:
        self._uc = layout.new_unicorn(core)
        layout.enter_aarch64_el1(self._uc)
        self._handle = layout.handle_of(self._uc)
        self._library = library.load()
        self._cpu = layout.cpu_of(self._uc)
        at = layout.discover()
        env = self._env = self._cpu + at.cpu_env
        self.x = (c_uint64 * 32).from_address(env + at.env_x0)
        self._pc = c_uint64.from_address(env + at.env_pc)
        self._pstate = c_uint32.from_address(env + at.env_pstate)
        self._aarch64 = c_uint32.from_address(env + at.env_aarch64)
        self._syndrome = c_uint32.from_address(env + at.env_syndrome)
        self._fault_address = c_uint64.from_address(env + at.env_vaddress)
        self._target_el = c_uint32.from_address(env + at.env_target_el)
        self._exclusive_addr = c_uint64.from_address(env + at.env_exclusive_addr)
        self._inputs = c_uint32.from_address(self._cpu + at.cpu_interrupt_request)
        self._isar = (c_uint64 * len(layout.ISA_REGISTERS)).from_address(env + at.env_isar)
        self._halted = c_uint32.from_address(self._cpu + at.cpu_halted)
        self._exception = c_int32.from_address(self._cpu + at.cpu_exception_index)
        self._counter = c_uint64.from_address(self._handle + at.uc_emu_counter)
        self._count = c_uint64.from_address(self._handle + at.uc_emu_count)
        self._running = False

    def close(self) -> None:
        """Free the core. It can't be used afterwards, but for being closed again."""
        if vars(self):
            layout.release(self._uc)
            vars(self).clear()

    # --- general registers -------------------------------------------------------------------

    def set_x(self, values: list[int]) -> None:
        """Set X0 to X30."""
        for i, value in enumerate(values):
            self.x[i] = value

    @property
    def pc(self) -> int:
        """Program counter."""
        return self._pc.value

    @pc.setter
    def pc(self, value: int) -> None:
        self._pc.value = value

    @property
    def pstate(self) -> int:
        """PSTATE in the form of SPSR_EL1.

        Setting another exception level than EL0 or EL1 raises `IncompatibleError`.
        """
        return int(self._uc.reg_read(UC_ARM64_REG_PSTATE))

    @pstate.setter
    def pstate(self, value: int) -> None:
        if value >> 32 or PState(value).M not in _MODES:
            raise IncompatibleError(
                f"PSTATE {value:#x} is of no exception level that a guest can be at here: expected "
                "M (bits 4:0) to be EL0t (0), EL1t (4) or EL1h (5), and bits 63:32 to be 0"
            )
        stack_pointers = self.get_sp(0), self.get_sp(1)
        self._uc.reg_write(UC_ARM64_REG_PSTATE, value)
        self._library.rebuild_hflags(self._env)
        for el, stack_pointer in enumerate(stack_pointers):
            self.set_sp(el, stack_pointer)

    def get_pstate_bits(self, mask: int) -> int:
        """Bits of PSTATE, where they are in SPSR_EL1."""
        return self.pstate & mask

    def set_pstate_bits(self, mask: int, value: int) -> None:
        """Set bits of PSTATE. Called back from a run: only such as the core itself ignores.

        Raises as setting `pstate` does.
        """
        if self._running:
            self._pstate.value = self._pstate.value & ~mask | value & mask
        else:
            self.pstate = self.pstate & ~mask | value & mask

    @property
    def el(self) -> int:
        """Current exception level."""
        return self._pstate.value >> 2 & 3

    def get_sp(self, el: int) -> int:
        """SP_EL0 or SP_EL1, whatever the exception level and PSTATE.SP are."""
        register = UC_ARM64_REG_SP if self._is_current_sp(el) else _SP_REGISTERS[el]
        return int(self._uc.reg_read(register))

    def set_sp(self, el: int, value: int) -> None:
        """Set SP_EL0 or SP_EL1, whatever the exception level and PSTATE.SP are."""
        register = UC_ARM64_REG_SP if self._is_current_sp(el) else _SP_REGISTERS[el]
        self._uc.reg_write(register, value)

    def _is_current_sp(self, el: int) -> bool:
        return el == (self.el if self._pstate.value & 1 else 0)

    # --- FP and SIMD -------------------------------------------------------------------------

    def get_v(self) -> list[int]:
        """V0 to V31, 128 bits each."""
        return [int(self._uc.reg_read(UC_ARM64_REG_V0 + i)) for i in range(32)]

    def set_v(self, values: list[int]) -> None:
        """Set V0 to V31, 128 bits each."""
        for i, value in enumerate(values):
            self._uc.reg_write(UC_ARM64_REG_V0 + i, value)

    def get_fp_status(self, name: str) -> int:
        """FPCR or FPSR."""
        return int(self._uc.reg_read(_FP_REGISTERS[name]))

    def set_fp_status(self, name: str, value: int) -> None:
        """Set FPCR or FPSR."""
        self._uc.reg_write(_FP_REGISTERS[name], value)

    # --- system registers --------------------------------------------------------------------

    def get_sysreg(self, at: At) -> int:
        """A system register that the core itself models."""
        return layout.read_sysreg(self._uc, at)

    def set_sysreg(self, at: At, value: int) -> None:
        """Set a system register that the core itself models, with all that follows from it."""
        op0, op1, crn, crm, op2 = at
        self._uc.reg_write(UC_ARM64_REG_CP_REG, (crn, crm, op0, op1, op2, value))
        if op0 == _DEBUG_OP0:
            self._library.arm_breakpoints(self._cpu)

    def set_isa(self, id_registers: Mapping[str, int]) -> None:
        """Let the core have the features that these ID registers promise, of those that it has.

        What they deny is UNDEFINED then: instructions, PSTATE bits, page-table bits. (A system
        register stays until `define` takes it away.) Before the first run only.

        Args:
            id_registers: of `layout.ISA_REGISTERS`, those to change.
        """
        for number, name in enumerate(layout.ISA_REGISTERS):
            if name in id_registers:
                self._isar[number] = id_registers[name]
        self._library.rebuild_hflags(self._env)

    # --- the exclusive monitor ---------------------------------------------------------------

    @property
    def has_exclusive(self) -> bool:
        """Whether the exclusive monitor is open: a load-exclusive had no store-exclusive yet."""
        return bool(self._exclusive_addr.value != _NO_EXCLUSIVE)

    def clear_exclusive(self) -> None:
        """Clear the exclusive monitor, so that a store-exclusive fails."""
        self._exclusive_addr.value = _NO_EXCLUSIVE
