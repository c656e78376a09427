"""One Unicorn core, driven instruction by instruction at EL1 and EL0.

It runs at most so many instructions, stops exactly before the next one when told to from a
callback, enters and leaves exceptions as the architecture says, and hands out what it does not
model itself: HVC and SMC, MMIO, and the system registers that were given a model.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Mapping
from ctypes import byref, c_int32, c_uint32, c_uint64
from typing import Any, NamedTuple

from unicorn import (
    UC_HOOK_CODE,
    UC_HOOK_INTR,
    UC_HOOK_MEM_INVALID,
    UC_MEM_FETCH_PROT,
    UC_MEM_FETCH_UNMAPPED,
    UC_MEM_WRITE_PROT,
    UC_MEM_WRITE_UNMAPPED,
    UC_PROT_ALL,
    UcError,
)
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

from emu.arch.layouts import PState
from emu.core.ports import MmioWindow
from emu.cpu.engine import layout, library
from emu.cpu.engine.interrupt_entry import InterruptEntry, is_fiq
from emu.cpu.engine.layout import Core
from emu.cpu.engine.load_store import faulting_address
from emu.cpu.engine.sysreg_traps import At, RegisterModel, SysRegTraps
from emu.errors import GuestError, IncompatibleError

_UC_ERR_OK = 0
_EXCP_UNDEFINED = 1
_EXCP_PREFETCH_ABORT = 3
_EXCP_DATA_ABORT = 4
_EXCP_HVC = 11
_EXCP_SMC = 13
_NO_EXCEPTION = -1
_NO_EXCLUSIVE = (1 << 64) - 1
_UNTRANSLATED = (1 << 64) - 1
_PAGE_MASK = 0xFFF
_REGISTER_BYTES = 32 * 8
UNKNOWN_SYNDROME = 1 << 25
"""ESR_EL1 for an UNDEFINED instruction: EC 0, IL 1 (DDI 0487, D19.2.40)."""
_EC_UNKNOWN = 0
_EC_SVE = 0x19
_EC_INSTRUCTION_ABORT_LOWER = 0x20
_EC_DATA_ABORT_LOWER = 0x24
"""From a lower exception level; from the current one they are one more (DDI 0487, D19.2.40)."""
_IL = 1 << 25
_SYNCHRONOUS_EXTERNAL_ABORT = 0b010000
"""IFSC and DFSC of an external abort that is not of a translation table walk."""
_WNR = 1 << 6
_FNV = 1 << 10
_INSN_BYTES = 4
_DEBUG_OP0 = 2
_MODES = (0b00000, 0b00100, 0b00101)
"""PSTATE.M of EL0t, EL1t and EL1h."""

_FP_REGISTERS = {"FPCR": UC_ARM64_REG_FPCR, "FPSR": UC_ARM64_REG_FPSR}
_SP_REGISTERS = {0: UC_ARM64_REG_SP_EL0, 1: UC_ARM64_REG_SP_EL1}

CallHandler = Callable[[], None]
ExceptionListener = Callable[[int, int], None]
UndefinedHandler = Callable[[int], int | None]
InterruptListener = Callable[[bool, int], None]
InstructionListener = Callable[[int], None]


class _Refused(NamedTuple):
    """An access to where there is nothing, as it was made."""

    access: int
    physical: int
    executed: int
    pc: int
    registers: bytes


class _MappedRam(NamedTuple):
    """Guest RAM, and where the core's own numbering of RAM has it."""

    base: int
    size_bytes: int
    ram_address: int


class Engine:
    """The core of one vCPU.

    Args:
        core: which of Unicorn's CPUs it is.

    Attributes:
        x: X0 to X30 (and the current stack pointer in slot 31) as a writable C array.
        on_hvc: called for HVC, with the PC already behind it; None makes HVC UNDEFINED.
        on_smc: the same for SMC.
        on_first_run: called once, before the guest begins to run.
        on_undefined: called with an instruction that is UNDEFINED; it carries it out and gives
            None, or gives the syndrome to raise.
        on_exception: told ESR_EL1 and ELR_EL1 of each synchronous exception taken to EL1, or None.
        on_interrupt: told of each interrupt taken whether it is an FIQ, and its ELR_EL1, or None.
        waiting: the last run ended in a WFI.
    """

    def __init__(self, core: Core = Core.MAX) -> None:
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
        self._traps = SysRegTraps(self._cpu, guarded=self._guarded, current_el=lambda: self.el)
        self._ram: list[_MappedRam] = []
        self._failure: BaseException | None = None
        self._refused: _Refused | None = None
        self._executed_before = 0
        self._running = False
        self._stopped = False
        self.waiting = False
        self.on_hvc: CallHandler | None = None
        self.on_smc: CallHandler | None = None
        self.on_first_run: CallHandler | None = None
        self.on_undefined: UndefinedHandler | None = None
        self.on_exception: ExceptionListener | None = None
        self.on_interrupt: InterruptListener | None = None
        self._code_hook: Any = None
        self._interrupt_entry = InterruptEntry(
            self._cpu, self._library.do_interrupt, self._guarded(self._enter_interrupt)
        )
        self._uc.hook_add(UC_HOOK_INTR, self._guarded(self._on_interrupt))
        self._uc.hook_add(UC_HOOK_MEM_INVALID, self._on_invalid_access)

    def close(self) -> None:
        """Free the core. It can't be used afterwards, but for being closed again."""
        if vars(self):
            layout.release(self._uc)
            vars(self).clear()

    # --- running -----------------------------------------------------------------------------

    def run(self, limit: int) -> int:
        """Execute at most `limit` (≥ 1) instructions; the number executed.

        An instruction whose fetch, load or store is aborted counts when its exception is taken.
        It ends earlier at a WFI with nothing to wake it, and where `stop` says.

        Raises:
            GuestError: the guest has no exception vector, or went to AArch32.
            BaseException: whatever a callback raised. What the callback was to give is then zero.
        """
        if self.on_first_run is not None:
            on_first_run, self.on_first_run = self.on_first_run, None
            on_first_run()
        self._running, self._stopped, self._executed_before = True, False, 0
        try:
            while self._go_on(limit - self._executed_before):
                pass
        finally:
            self._running = False
        self.waiting = bool(self._halted.value)
        if not self._aarch64.value:
            raise GuestError("the guest went to AArch32, which its ID registers deny it")
        return self.executed()

    def executed(self) -> int:
        """Instructions begun in the present run, or executed in the last one.

        In a callback the instruction that is calling back counts.
        """
        # At its limit the core counts one more, which it does not execute.
        return self._executed_before + min(self._counter.value, self._count.value)

    def stop(self) -> None:
        """Called back from a run: end it exactly before the next instruction."""
        if self._running:
            self._stopped = True
            # An interrupt is taken on the way out, when the core has counted one too many.
            self._count.value = min(self._counter.value, self._count.value)

    def _go_on(self, limit: int) -> bool:
        """Run the core once; whether there is more to execute, which only an abort leaves."""
        self._refused = None
        status = self._library.emu_start(self._handle, self._pc.value, 0, 0, limit)
        refused = self._refused
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if refused is not None:
            self._take_external_abort(refused, limit)
            return not self._stopped and refused.executed < limit
        if status != _UC_ERR_OK:
            raise GuestError(
                f"the core gave up at PC {self._pc.value:#x} with Unicorn error {status} "
                f"({UcError(status)})"
            )
        return False

    def wait(self) -> None:
        """Called back from a run: end it before the next instruction, waiting as after a WFI."""
        self._halted.value = 1
        self.stop()

    @property
    def call_immediate(self) -> int:
        """The 16-bit immediate of the HVC or SMC that is calling back (DDI 0487, D19.2.40)."""
        return self._syndrome.value & 0xFFFF

    def set_irq(self, asserted: bool) -> None:
        """Drive the IRQ input. The core takes the interrupt as soon as PSTATE.I allows."""
        self._drive(layout.CPU_INTERRUPT_HARD, asserted)

    def set_fiq(self, asserted: bool) -> None:
        """Drive the FIQ input. The core takes the interrupt as soon as PSTATE.F allows."""
        self._drive(layout.CPU_INTERRUPT_FIQ, asserted)

    def _drive(self, input_bit: int, asserted: bool) -> None:
        if asserted:
            self._inputs.value |= input_bit
            self.stop()
        else:
            self._inputs.value &= ~input_bit

    @property
    def irq_asserted(self) -> bool:
        """Whether the IRQ input is driven."""
        return bool(self._inputs.value & layout.CPU_INTERRUPT_HARD)

    @property
    def fiq_asserted(self) -> bool:
        """Whether the FIQ input is driven."""
        return bool(self._inputs.value & layout.CPU_INTERRUPT_FIQ)

    @property
    def interrupt_asserted(self) -> bool:
        """Whether the IRQ or the FIQ input is driven: either ends a WFI, masked or not."""
        return self.irq_asserted or self.fiq_asserted

    @property
    def can_go_on(self) -> bool:
        """Whether it has something to do: it does not wait, or is woken by an interrupt."""
        return not self.waiting or self.interrupt_asserted

    @property
    def has_exclusive(self) -> bool:
        """Whether the exclusive monitor is open: a load-exclusive had no store-exclusive yet."""
        return bool(self._exclusive_addr.value != _NO_EXCLUSIVE)

    def clear_exclusive(self) -> None:
        """Clear the exclusive monitor, so that a store-exclusive fails."""
        self._exclusive_addr.value = _NO_EXCLUSIVE

    def watch_instructions(self, listener: InstructionListener | None) -> None:
        """Call `listener` with the PC before each instruction; None stops it. Between runs only.

        The guest can't tell. Translations are dropped, and made without a trace of this when
        nobody watches.
        """
        if self._code_hook is not None:
            self._uc.hook_del(self._code_hook)
            self._code_hook = None
        if listener is not None:

            def begun(_uc: Any, address: int, _size: int, _data: Any) -> None:
                listener(address)

            # The core's own hook, which counts, comes first: what it keeps back is not told here.
            self._code_hook = self._uc.hook_add(UC_HOOK_CODE, self._guarded(begun))
        self._uc.ctl_flush_tb()

    def clear_transients(self) -> None:
        """Drop what no snapshot carries: the exclusive monitor, the wait of a WFI, the TLB."""
        self.clear_exclusive()
        self._halted.value = 0
        self.waiting = False
        self._library.tlb_flush(self._cpu)

    # --- address space -----------------------------------------------------------------------

    def map_ram(self, base: int, size_bytes: int, host_address: int) -> None:
        """Let the core use host memory as guest RAM, without a copy."""
        self._uc.mem_map_ptr(base, size_bytes, UC_PROT_ALL, host_address)
        ram_address = self._library.ram_addr_of(self._handle, host_address)
        self._ram.append(_MappedRam(base, size_bytes, ram_address))

    def map_mmio(self, base: int, size_bytes: int, window: MmioWindow) -> None:
        """Send loads and stores of a region to `window`; 64-bit ones come as two of 32."""

        def read(_uc: Any, offset: int, size: int, _data: Any) -> int:
            return window.read(offset, size)

        def write(_uc: Any, offset: int, size: int, value: int, _data: Any) -> None:
            window.write(offset, size, value)

        self._uc.mmio_map(base, size_bytes, self._guarded(read), None, self._guarded(write), None)

    def translate(self, address: int) -> int | None:
        """The physical address of a virtual one in the present context; None if it has none."""
        attributes = (c_uint64 * 4)()
        physical = self._library.translate(self._cpu, address, ctypes.addressof(attributes))
        if physical == _UNTRANSLATED:
            return None
        return int(physical) & ~_PAGE_MASK | address & _PAGE_MASK

    # --- what the core keeps of memory -------------------------------------------------------

    def forget_code(self, base: int, size_bytes: int) -> None:
        """Drop the translations of code in a range of physical addresses."""
        for ram in self._ram:
            start = max(base, ram.base) - ram.base
            end = min(base + size_bytes, ram.base + ram.size_bytes) - ram.base
            if start < end:
                self._library.invalidate_translations(
                    self._handle, ram.ram_address + start, ram.ram_address + end
                )

    def forget_all_code(self) -> None:
        """Drop the translations of all code."""
        self._library.flush_translations(self._cpu)

    def forget_page(self, address: int) -> None:
        """Drop what the TLB has of the page of a virtual address, for all regimes and ASIDs."""
        self._library.tlb_flush_page(self._cpu, address)

    def forget_all_pages(self) -> None:
        """Drop what the TLB has."""
        self._library.tlb_flush(self._cpu)

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

    def define(self, name: str, at: At, model: RegisterModel) -> None:
        """Let `model` answer for a register. Before the first run only."""
        self._traps.define(name, at, model)

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
        elif number == _EXCP_SMC and self.on_smc is not None:
            self.on_smc()
        elif number in (_EXCP_HVC, _EXCP_SMC):
            self._pc.value -= _INSN_BYTES
            self._undefined()
        elif number == _EXCP_PREFETCH_ABORT:
            self._abort_fetch()
        elif number == _EXCP_UNDEFINED and self._syndrome.value >> 26 == _EC_UNKNOWN:
            self._decide_undefined()
        elif self._target_el.value > 1 or self._syndrome.value >> 26 == _EC_SVE:
            self._undefined()
        else:
            self._enter_exception()

    def _decide_undefined(self) -> None:
        """Ask what an UNDEFINED instruction is to be."""
        word, pc = c_uint32(), self._pc.value
        if self.on_undefined is None or pc % _INSN_BYTES:
            self._undefined()
            return
        self._library.access_virtual(self._cpu, pc, byref(word), _INSN_BYTES, False)
        syndrome = self.on_undefined(word.value)
        if syndrome is None:
            self._pc.value += _INSN_BYTES
        else:
            self._raise(syndrome)

    def _undefined(self) -> None:
        """Turn the exception at hand into an UNDEFINED instruction: there is no EL2, EL3 or SVE."""
        self._raise(UNKNOWN_SYNDROME)

    def _raise(self, syndrome: int) -> None:
        self._syndrome.value = syndrome
        self._target_el.value = 1
        self._enter_exception()

    def _abort_fetch(self) -> None:
        """Take a fetch abort. It counts as an instruction, or one more would fit into the limit."""
        if self._counter.value >= self._count.value:
            self._uc.emu_stop()  # the next run fetches again
            return
        self._counter.value += 1
        aborted_at = self._pc.value
        self._enter_exception()
        if self._pc.value == aborted_at:
            self._uc.emu_stop()
            raise _no_vector(aborted_at)

    def _enter_exception(self) -> None:
        return_address = self._pc.value
        self._library.do_interrupt(self._cpu)
        if self.on_exception is not None:
            self.on_exception(int(self._uc.reg_read(UC_ARM64_REG_ESR_EL1)), return_address)

    def _enter_interrupt(self, cpu: int) -> None:
        return_address = self._pc.value
        self._library.do_interrupt(cpu)
        if self.on_interrupt is not None:
            self.on_interrupt(is_fiq(self._pc.value), return_address)

    def _on_invalid_access(
        self, _uc: Any, access: int, address: int, _size: int, _value: int, _data: Any
    ) -> bool:
        """Note an access to nothing, and let the core leave.

        It leaves a load before the load has changed anything, but goes on behind a store.
        """
        if self._refused is None:
            registers = ctypes.string_at(self.x, _REGISTER_BYTES)
            executed, pc = self._counter.value, self._pc.value
            self._refused = _Refused(access, address, executed, pc, registers)
        return False

    def _take_external_abort(self, refused: _Refused, limit: int) -> None:
        """Take the external abort of an access to nothing, at the instruction that made it."""
        self._counter.value = 0
        is_fetch = refused.access in (UC_MEM_FETCH_UNMAPPED, UC_MEM_FETCH_PROT)
        if is_fetch and refused.executed >= limit:
            self._executed_before += refused.executed
            return  # the next run fetches again
        self._executed_before += refused.executed + is_fetch
        ctypes.memmove(self.x, refused.registers, _REGISTER_BYTES)
        self._pc.value = refused.pc
        if is_fetch:
            self._raise_abort(_EXCP_PREFETCH_ABORT, _instruction_abort(self.el), refused.pc)
            if self._pc.value == refused.pc:
                raise _no_vector(refused.pc)
        else:
            is_write = refused.access in (UC_MEM_WRITE_UNMAPPED, UC_MEM_WRITE_PROT)
            address = self._faulting_address(refused)
            syndrome = _data_abort(self.el, is_write=is_write, has_address=address is not None)
            self._raise_abort(_EXCP_DATA_ABORT, syndrome, address or 0)

    def _raise_abort(self, exception: int, syndrome: int, address: int) -> None:
        self._exception.value = exception
        self._syndrome.value = syndrome
        self._fault_address.value = address
        self._target_el.value = 1
        self._enter_exception()
        self._exception.value = _NO_EXCEPTION

    def _faulting_address(self, refused: _Refused) -> int | None:
        word = self._read_word(refused.pc)
        if word is None:
            return None
        registers = struct.unpack("<32Q", refused.registers)
        return faulting_address(word, refused.pc, registers, refused.physical)

    def _read_word(self, address: int) -> int | None:
        physical = self.translate(address)
        if physical is None:
            return None
        return int.from_bytes(self._uc.mem_read(physical, _INSN_BYTES), "little")


def _instruction_abort(el: int) -> int:
    return (_EC_INSTRUCTION_ABORT_LOWER + el) << 26 | _IL | _SYNCHRONOUS_EXTERNAL_ABORT


def _data_abort(el: int, *, is_write: bool, has_address: bool) -> int:
    syndrome = (_EC_DATA_ABORT_LOWER + el) << 26 | _IL | _SYNCHRONOUS_EXTERNAL_ABORT
    return syndrome | (_WNR if is_write else 0) | (0 if has_address else _FNV)


def _no_vector(address: int) -> GuestError:
    return GuestError(
        f"the guest takes exceptions for ever without executing anything: its vector at "
        f"{address:#x} can't be fetched. Check VBAR_EL1 and the page tables"
    )
