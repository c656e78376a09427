"""The peer: the same guests on Unicorn alone, by its public interface.

Unicorn leaves exceptions, interrupts and devices to its caller. Each class here does the least that
a caller has to do for one of them.
"""

from __future__ import annotations

from typing import Any

from unicorn import UC_ARCH_ARM64, UC_HOOK_INSN, UC_HOOK_INTR, UC_MODE_ARM, UC_PROT_ALL, Uc
from unicorn.arm64_const import (
    UC_ARM64_INS_MRS,
    UC_ARM64_INS_MSR,
    UC_ARM64_REG_CP_REG,
    UC_ARM64_REG_ELR_EL1,
    UC_ARM64_REG_ESR_EL1,
    UC_ARM64_REG_PC,
    UC_ARM64_REG_PSTATE,
    UC_ARM64_REG_VBAR_EL1,
    UC_ARM64_REG_X0,
    UC_CPU_ARM64_MAX,
)

from emu.arch.sysregs import BY_NAME
from emu.boards.squib import PL011
from emu.cpu.engine.layout import enter_aarch64_el1
from tests.bench import guests
from tests.bench.guests import Guest

_EXCP_SVC = 2
_ESR_OF_SVC_0 = 0x15 << 26 | 1 << 25
_FR = 0x90
"""UARTFR with both FIFOs empty."""
_COUNT = 1234
_HANDLED = 1
"""What a hook of MRS or MSR returns for an instruction that it has carried out."""


class Bare:
    """A guest that needs nothing of its caller. It is always run with an exact count."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.calls = 0
        self.uc: Any = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        self.uc.ctl_set_cpu_model(UC_CPU_ARM64_MAX)
        self._ram = guest.new_ram()
        self.uc.mem_map_ptr(
            self._ram.base, self._ram.size_bytes, UC_PROT_ALL, self._ram.host_address
        )
        enter_aarch64_el1(self.uc)  # else page tables are AArch32's
        self.uc.reg_write(UC_ARM64_REG_VBAR_EL1, guests.VECTORS)
        self.uc.reg_write(UC_ARM64_REG_PSTATE, guest.pstate)
        self.uc.reg_write(UC_ARM64_REG_PC, guests.CODE)
        for register, value in guest.x.items():
            self.uc.reg_write(UC_ARM64_REG_X0 + register, value)
        if guest.mmu:
            for name, value in guests.TRANSLATION.items():
                self.set(name, value)
            self.set("SCTLR_EL1", self.get("SCTLR_EL1") | 1)

    @property
    def pc(self) -> int:
        """Program counter."""
        return int(self.uc.reg_read(UC_ARM64_REG_PC))

    @property
    def x0(self) -> int:
        """X0."""
        return int(self.uc.reg_read(UC_ARM64_REG_X0))

    def run(self, rounds: int) -> None:
        """Go so often through the guest's loop."""
        self.go_on(rounds * self.guest.instructions)

    def go_on(self, instructions: int) -> None:
        """Execute so many instructions."""
        self.uc.emu_start(self.pc, 0, 0, instructions)

    def close(self) -> None:
        """Free the core."""
        del self.uc

    def get(self, name: str) -> int:
        """A system register."""
        op0, op1, crn, crm, op2 = BY_NAME[name].at
        return int(self.uc.reg_read(UC_ARM64_REG_CP_REG, (crn, crm, op0, op1, op2)))

    def set(self, name: str, value: int) -> None:
        """Set a system register."""
        op0, op1, crn, crm, op2 = BY_NAME[name].at
        self.uc.reg_write(UC_ARM64_REG_CP_REG, (crn, crm, op0, op1, op2, value))

    def enter(self, vector: int) -> None:
        """Enter an exception at EL1, by register writes."""
        self.set("SPSR_EL1", self.uc.reg_read(UC_ARM64_REG_PSTATE))
        self.uc.reg_write(UC_ARM64_REG_ELR_EL1, self.pc)
        self.uc.reg_write(UC_ARM64_REG_PSTATE, guests.EL1H)
        self.uc.reg_write(UC_ARM64_REG_PC, vector)


class BareException(Bare):
    """SVC: the hook enters the exception."""

    def __init__(self) -> None:
        super().__init__(guests.EXCEPTION)
        self.uc.hook_add(UC_HOOK_INTR, self._on_interrupt)

    def _on_interrupt(self, uc: Any, number: int, _data: Any) -> None:
        assert number == _EXCP_SVC
        self.calls += 1
        uc.reg_write(UC_ARM64_REG_ESR_EL1, _ESR_OF_SVC_0)
        self.enter(guests.SYNC_VECTOR)


class BareInterrupt(Bare):
    """An interrupt: entered between two calls, with hooks in place of ICC_IAR1 and ICC_EOIR1."""

    def __init__(self) -> None:
        super().__init__(guests.BARE_INTERRUPT)
        self.uc.hook_add(UC_HOOK_INSN, self._on_mrs, aux1=UC_ARM64_INS_MRS)
        self.uc.hook_add(UC_HOOK_INSN, self._on_msr, aux1=UC_ARM64_INS_MSR)

    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            self.go_on(self.guest.instructions)
            self.enter(guests.IRQ_VECTOR)
            self.go_on(len(self.guest.irq_handler))

    def _on_mrs(self, uc: Any, register: int, _at: Any, _data: Any) -> int:
        uc.reg_write(register, guests.SGI)
        return _HANDLED

    def _on_msr(self, _uc: Any, _register: int, _at: Any, _data: Any) -> int:
        self.calls += 1
        return _HANDLED


class BareSystemRegister(Bare):
    """MRS: a hook answers."""

    def __init__(self) -> None:
        super().__init__(guests.SYSTEM_REGISTER)
        self.uc.hook_add(UC_HOOK_INSN, self._on_mrs, aux1=UC_ARM64_INS_MRS)

    def _on_mrs(self, uc: Any, register: int, _at: Any, _data: Any) -> int:
        self.calls += 1
        uc.reg_write(register, _COUNT)
        return _HANDLED


class BareMmio(Bare):
    """A load from a device: a callback answers."""

    def __init__(self) -> None:
        super().__init__(guests.MMIO)
        window = PL011
        self.uc.mmio_map(window.base, window.size_bytes, self._read, None, None, None)

    def _read(self, _uc: Any, _offset: int, _size: int, _data: Any) -> int:
        self.calls += 1
        return _FR


class BareWait(Bare):
    """WFI: it ends a call, and the next call goes on behind it."""

    def __init__(self) -> None:
        super().__init__(guests.BARE_WAIT)

    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            self.calls += 1
            self.go_on(self.guest.instructions)


class BarePair:
    """Two cores by turns, each for one round of its loop."""

    def __init__(self, guest: Guest) -> None:
        self._cores = Bare(guest), Bare(guest)
        self.calls = 0

    def run(self, rounds: int) -> None:
        """So many turns."""
        for turn in range(rounds):
            self.calls += 1
            self._cores[turn % 2].run(1)

    def close(self) -> None:
        """Free the cores."""
        for core in self._cores:
            core.close()
