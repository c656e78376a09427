"""One Unicorn core, driven instruction by instruction at EL1 and EL0.

It runs at most so many instructions, stops exactly before the next one when told to from a
callback, enters and leaves exceptions as the architecture says, and hands out what it does not
model itself: HVC and SMC, MMIO, and the system registers that were given a model.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_uint32, c_uint64
from typing import Any

from unicorn import UC_HOOK_INTR, UC_HOOK_MEM_INVALID, UC_PROT_ALL, UcError
from unicorn.arm64_const import (
    UC_ARM64_REG_CP_REG,
    UC_ARM64_REG_ESR_EL1,
    UC_ARM64_REG_FPCR,
    UC_ARM64_REG_FPSR,
    UC_ARM64_REG_PSTATE,
    UC_ARM64_REG_SP,
    UC_ARM64_REG_SP_EL0,
    UC_ARM64_REG_SP_EL1,
    UC_ARM64_REG_V0,
)

from emu.core.ports import MmioWindow
from emu.cpu.engine import layout, library
from emu.cpu.engine.sysreg_traps import At, SysRegTraps
from emu.errors import GuestError

_UC_ERR_OK = 0
_EXCP_HVC = 11
_EXCP_SMC = 13
_NO_EXCLUSIVE = (1 << 64) - 1
_UNKNOWN_SYNDROME = 1 << 25
"""ESR_EL1 for an UNDEFINED instruction: EC 0, IL 1 (DDI 0487, D19.2.40)."""
_INSN_BYTES = 4

_VMPIDR_EL2: At = (3, 4, 0, 0, 5)
_FP_REGISTERS = {"FPCR": UC_ARM64_REG_FPCR, "FPSR": UC_ARM64_REG_FPSR}
_SP_REGISTERS = {0: UC_ARM64_REG_SP_EL0, 1: UC_ARM64_REG_SP_EL1}

CallHandler = Callable[[], None]
ExceptionListener = Callable[[int, int], None]


class Engine:
    """The core of one vCPU.

    Attributes:
        x: X0 to X30 (and the current stack pointer in slot 31) as a writable C array.
        on_hvc: called for HVC, with the PC already behind it; None makes HVC UNDEFINED.
        on_exception: told ESR_EL1 and ELR_EL1 of each synchronous exception taken to EL1, or None.
        waiting: the last run ended in a WFI.
    """

    def __init__(self, *, mpidr: int) -> None:
        self._uc = layout.new_unicorn()
        layout.enter_aarch64_el1(self._uc)
        self._handle = layout.handle_of(self._uc)
        self._library = library.load()
        self._cpu = layout.cpu_of(self._uc)
        at = layout.discover()
        env = self._env = self._cpu + at.cpu_env
        self.x = (c_uint64 * 32).from_address(env + at.env_x0)
        self._pc = c_uint64.from_address(env + at.env_pc)
        self._pstate = c_uint32.from_address(env + at.env_pstate)
        self._syndrome = c_uint32.from_address(env + at.env_syndrome)
        self._target_el = c_uint32.from_address(env + at.env_target_el)
        self._exclusive_addr = c_uint64.from_address(env + at.env_exclusive_addr)
        self._irq = c_uint32.from_address(self._cpu + at.cpu_interrupt_request)
        self._halted = c_uint32.from_address(self._cpu + at.cpu_halted)
        self._counter = c_uint64.from_address(self._handle + at.uc_emu_counter)
        self._count = c_uint64.from_address(self._handle + at.uc_emu_count)
        self._traps = SysRegTraps(self._cpu)
        self._failure: BaseException | None = None
        self._running = False
        self.waiting = False
        self.on_hvc: CallHandler | None = None
        self.on_exception: ExceptionListener | None = None
        self._write_cp(_VMPIDR_EL2, mpidr)
        self._uc.hook_add(UC_HOOK_INTR, self._guarded(self._on_interrupt))
        self._uc.hook_add(UC_HOOK_MEM_INVALID, self._on_invalid_access)

    def close(self) -> None:
        """Free the core. It can't be used afterwards."""
        self._uc = None

    # --- running -----------------------------------------------------------------------------

    def run(self, limit: int) -> int:
        """Execute at most `limit` (≥ 1) instructions; the number executed.

        It ends earlier at a WFI with nothing to wake it, and where `stop` says.

        Raises:
            GuestError: the guest touched a physical address where there is nothing.
            BaseException: whatever a callback raised.
        """
        self._counter.value = 0
        self._running = True
        status = self._library.emu_start(self._handle, self._pc.value, 0, 0, limit)
        self._running = False
        executed = min(self._counter.value, self._count.value)
        self._counter.value = 0
        self.waiting = bool(self._halted.value)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if status != _UC_ERR_OK:
            raise GuestError(
                f"the core gave up at PC {self._pc.value:#x} with Unicorn error {status} "
                f"({UcError(status)})"
            )
        return executed

    def executed(self) -> int:
        """Instructions begun in the present run, the one that is calling back included."""
        return self._counter.value if self._running else 0

    def stop(self) -> None:
        """Called back from a run: end it exactly before the next instruction."""
        if self._running:
            self._count.value = self._counter.value

    def set_irq(self, asserted: bool) -> None:
        """Drive the IRQ input. The core takes the interrupt as soon as PSTATE.I allows."""
        if asserted:
            self._irq.value |= layout.CPU_INTERRUPT_HARD
            self.stop()
        else:
            self._irq.value &= ~layout.CPU_INTERRUPT_HARD

    @property
    def irq_asserted(self) -> bool:
        """Whether the IRQ input is driven."""
        return bool(self._irq.value & layout.CPU_INTERRUPT_HARD)

    def clear_transients(self) -> None:
        """Drop what no snapshot carries: the exclusive monitor, the wait of a WFI, the TLB."""
        self._exclusive_addr.value = _NO_EXCLUSIVE
        self._halted.value = 0
        self.waiting = False
        self._library.tlb_flush(self._cpu)

    # --- address space -----------------------------------------------------------------------

    def map_ram(self, base: int, size_bytes: int, host_address: int) -> None:
        """Let the core use host memory as guest RAM, without a copy."""
        self._uc.mem_map_ptr(base, size_bytes, UC_PROT_ALL, host_address)

    def map_mmio(self, base: int, size_bytes: int, window: MmioWindow) -> None:
        """Send loads and stores of a region to `window`; 64-bit ones come as two of 32."""

        def read(_uc: Any, offset: int, size: int, _data: Any) -> int:
            return window.read(offset, size)

        def write(_uc: Any, offset: int, size: int, value: int, _data: Any) -> None:
            window.write(offset, size, value)

        self._uc.mmio_map(base, size_bytes, self._guarded(read), None, self._guarded(write), None)

    # --- general registers -------------------------------------------------------------------

    @property
    def pc(self) -> int:
        """Program counter."""
        return self._pc.value

    @pc.setter
    def pc(self, value: int) -> None:
        self._pc.value = value

    @property
    def pstate(self) -> int:
        """PSTATE in the form of SPSR_EL1."""
        return int(self._uc.reg_read(UC_ARM64_REG_PSTATE))

    @pstate.setter
    def pstate(self, value: int) -> None:
        stack_pointers = self.get_sp(0), self.get_sp(1)
        self._uc.reg_write(UC_ARM64_REG_PSTATE, value)
        self._library.rebuild_hflags(self._env)
        for el, stack_pointer in enumerate(stack_pointers):
            self.set_sp(el, stack_pointer)

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
        op0, op1, crn, crm, op2 = at
        return int(self._uc.reg_read(UC_ARM64_REG_CP_REG, (crn, crm, op0, op1, op2)))

    def set_x(self, values: list[int]) -> None:
        """Set X0 to X30."""
        for i, value in enumerate(values):
            self.x[i] = value

    def set_sysreg(self, at: At, value: int) -> None:
        """Set a system register that the core itself models, with all that follows from it."""
        self._write_cp(at, value)

    def define_constant(self, name: str, at: At, value: int, *, el: int) -> None:
        """Give a read-only register a value. Before the first run only."""
        self._traps.constant(name, at, value, el=el)

    def define_undefined(self, name: str, at: At) -> None:
        """Take a register away from the guest. Before the first run only."""
        self._traps.undefined(name, at)

    def define_model(
        self,
        name: str,
        at: At,
        *,
        el: int,
        read: Callable[[], int] | None,
        write: Callable[[int], None] | None,
        el0_allowed: Callable[[], bool] | None = None,
    ) -> None:
        """Give a register a model outside the core. Before the first run only."""
        self._traps.modelled(
            name,
            at,
            el=el,
            read=self._guarded(read) if read else None,
            write=self._guarded(write) if write else None,
            el0_allowed=self._el0_check(el0_allowed) if el0_allowed and el == 0 else None,
        )

    def _el0_check(self, allowed: Callable[[], bool]) -> Callable[[], bool]:
        return self._guarded(lambda: self.el > 0 or allowed())

    def _write_cp(self, at: At, value: int) -> None:
        op0, op1, crn, crm, op2 = at
        self._uc.reg_write(UC_ARM64_REG_CP_REG, (crn, crm, op0, op1, op2, value))

    # --- callbacks ---------------------------------------------------------------------------

    def _guarded(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """`callback`, with its exception kept for `run` to raise: C code can't pass it on."""

        def guarded(*arguments: Any) -> Any:
            try:
                return callback(*arguments)
            except BaseException as error:  # run() raises it again
                self._failure = self._failure or error
                self.stop()
                return 0

        return guarded

    def _on_interrupt(self, _uc: Any, number: int, _data: Any) -> None:
        if number == _EXCP_HVC and self.on_hvc is not None:
            self.on_hvc()
        elif number in (_EXCP_HVC, _EXCP_SMC):
            self._pc.value -= _INSN_BYTES
            self._undefined()
        elif self._target_el.value > 1:
            self._undefined()
        else:
            self._enter_exception()

    def _undefined(self) -> None:
        """Turn the exception at hand into an UNDEFINED instruction: there is no EL2 or EL3."""
        self._syndrome.value = _UNKNOWN_SYNDROME
        self._target_el.value = 1
        self._enter_exception()

    def _enter_exception(self) -> None:
        return_address = self._pc.value
        self._library.do_interrupt(self._cpu)
        if self.on_exception is not None:
            self.on_exception(int(self._uc.reg_read(UC_ARM64_REG_ESR_EL1)), return_address)

    def _on_invalid_access(
        self, _uc: Any, _access: int, address: int, size: int, _value: int, _data: Any
    ) -> bool:
        self._failure = self._failure or GuestError(
            f"the guest accessed {size} bytes at physical address {address:#x} "
            f"(PC {self._pc.value:#x}), where the board has nothing"
        )
        return False
