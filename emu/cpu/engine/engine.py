"""One Unicorn core, driven instruction by instruction at EL1 and EL0.

It runs at most so many instructions, stops exactly before the next one when told to from a
callback, enters and leaves exceptions as the architecture says, and hands out what it does not
model itself: HVC and SMC, MMIO, and the system registers that were given a model.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, c_uint32
from typing import Any

from unicorn import UC_HOOK_CODE, UC_HOOK_INTR, UC_HOOK_MEM_INVALID, UcError
from unicorn.arm64_const import UC_ARM64_REG_ESR_EL1

from emu.core.ports import MmioWindow
from emu.cpu.engine import layout, library, native_count
from emu.cpu.engine.external_aborts import RefusedAccess
from emu.cpu.engine.interrupt_entry import InterruptEntry, is_fiq
from emu.cpu.engine.layout import Core
from emu.cpu.engine.library import InterruptCallback, MmioReadCallback, MmioWriteCallback
from emu.cpu.engine.memory import CoreMemory
from emu.cpu.engine.sysreg_traps import At, RegisterModel, SysRegTraps
from emu.errors import GuestError

_UC_ERR_OK = 0
_EXCP_UNDEFINED = 1
_EXCP_PREFETCH_ABORT = 3
_EXCP_DATA_ABORT = 4
_EXCP_HVC = 11
_EXCP_SMC = 13
_NO_EXCEPTION = -1
UNKNOWN_SYNDROME = 1 << 25
"""ESR_EL1 for an UNDEFINED instruction: EC 0, IL 1 (DDI 0487, D19.2.40)."""
_EC_UNKNOWN = 0
_EC_SVE = 0x19
_INSN_BYTES = 4

CallHandler = Callable[[], None]
ExceptionListener = Callable[[int, int], None]
UndefinedHandler = Callable[[int], int | None]
InterruptListener = Callable[[bool, int], None]
InstructionListener = Callable[[int], None]


class Engine(CoreMemory):
    """The core of one vCPU.

    Args:
        core: which of Unicorn's CPUs it is.

    Attributes:
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
        super().__init__(core)
        native_count.install(self._handle)
        self._traps = SysRegTraps(self._cpu, guarded=self._guarded, pstate=self._pstate)
        self._failure: BaseException | None = None
        self._refused: RefusedAccess | None = None
        self._executed_before = 0
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
        self._callbacks: list[Any] = []  # C code holds no reference to them
        self._hook_interrupts()
        self._begun = False

    # --- running -----------------------------------------------------------------------------

    def run(self, limit: int) -> int:
        """Execute at most `limit` (≥ 1) instructions; the number executed.

        An instruction whose fetch, load or store is aborted counts when its exception is taken.
        It ends earlier at a WFI with nothing to wake it, and where `stop` says.

        Raises:
            GuestError: the guest has no exception vector, or went to AArch32.
            BaseException: whatever a callback raised. What the callback was to give is then zero.
        """
        if not self._begun:
            self._begin()
        self._running, self._stopped, self._executed_before = True, False, 0
        try:
            while not self._stopped and self._executed_before < limit and self._go_on(limit):
                pass
        finally:
            self._running = False
        self.waiting = bool(self._halted.value)
        if not self._aarch64.value:
            raise GuestError("the guest went to AArch32, which its ID registers deny it")
        return self.executed()

    def _begin(self) -> None:
        """Before the first instruction, when all RAM is there."""
        self._begun = True
        # Every store to a page that this hook covers takes the core's slow path: not to RAM.
        for first, last in self.gaps_in_ram():
            self._uc.hook_add(UC_HOOK_MEM_INVALID, self._on_invalid_access, None, first, last)
        if self.on_first_run is not None:
            self.on_first_run()

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
        """Run the core once; whether it came to an abort, behind which it may go on."""
        self._refused = None
        left = limit - self._executed_before
        status = self._library.emu_start(self._handle, self._pc.value, 0, 0, left)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._refused is not None:
            self._take_external_abort(self._refused, limit)
            return True
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
        self.forget_all_pages()

    # --- what it is connected to -------------------------------------------------------------

    def map_mmio(self, base: int, size_bytes: int, window: MmioWindow) -> None:
        """Send loads and stores of a region to `window`; 64-bit ones come as two of 32."""

        def read(_uc: int, offset: int, size: int, _data: int) -> int:
            return window.read(offset, size)

        def write(_uc: int, offset: int, size: int, value: int, _data: int) -> None:
            window.write(offset, size, value)

        callbacks = MmioReadCallback(self._guarded(read)), MmioWriteCallback(self._guarded(write))
        self._callbacks += callbacks
        on_read, on_write = (library.address_of(callback) for callback in callbacks)
        library.check(
            self._library.mmio_map(self._handle, base, size_bytes, on_read, None, on_write, None),
            f"mapping a device at {base:#x}",
        )

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

    def _hook_interrupts(self) -> None:
        callback = InterruptCallback(self._guarded(self._on_interrupt))
        self._callbacks.append(callback)
        library.hook_everywhere(self._handle, UC_HOOK_INTR, library.address_of(callback))

    def _on_interrupt(self, _uc: int, number: int, _data: int) -> None:
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
        pc = self._pc.value
        if self.on_undefined is None or pc % _INSN_BYTES:
            self._undefined()
            return
        syndrome = self.on_undefined(self._word_at(pc))
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

        It leaves at once from a load, and from a store before the next instruction.
        """
        if self._refused is None:
            executed = min(self._counter.value, self._count.value)
            self._refused = RefusedAccess(access, address, self._pc.value, executed, tuple(self.x))
            self._count.value = executed
        return False

    def _take_external_abort(self, refused: RefusedAccess, limit: int) -> None:
        """Take the external abort of an access to nothing, at the instruction that made it."""
        self._executed_before += refused.executed
        self._counter.value, self._pc.value, pc = 0, refused.pc, refused.pc
        self.x[:] = list(refused.x)
        if refused.is_fetch:
            if self._executed_before >= limit:
                return  # the next run fetches again
            self._executed_before += 1
            self._raise_abort(_EXCP_PREFETCH_ABORT, refused, pc)
            if self._pc.value == pc:
                raise _no_vector(pc)
        else:
            address = refused.address(self._word_at(pc))
            self._raise_abort(_EXCP_DATA_ABORT, refused, address)

    def _raise_abort(self, exception: int, refused: RefusedAccess, address: int | None) -> None:
        self._exception.value = exception
        self._fault_address.value = address or 0
        self._raise(refused.syndrome(self.el, address))
        self._exception.value = _NO_EXCEPTION

    def _word_at(self, address: int) -> int:
        """The instruction at a virtual address from which one was just executed."""
        word = c_uint32()
        self._library.access_virtual(self._cpu, address, byref(word), _INSN_BYTES, False)
        return word.value


def _no_vector(address: int) -> GuestError:
    return GuestError(
        f"the guest takes exceptions for ever without executing anything: its vector at "
        f"{address:#x} can't be fetched. Check VBAR_EL1 and the page tables"
    )
