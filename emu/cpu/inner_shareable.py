"""The Inner Shareable domain: all vCPUs of a machine, as far as caches and TLBs are concerned.

A core keeps translations of code and of addresses. A guest that changes code or page tables
invalidates them on all vCPUs by one instruction, so these instructions are carried out here, on
every core of the domain.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from emu.arch.layouts import SCTLR_EL1
from emu.arch.maintenance import MAINTENANCE, Maintenance, Scope, tlbi_address
from emu.arch.sysregs import BY_NAME
from emu.cpu.engine import Engine, RegisterModel

_SCTLR_EL1 = BY_NAME["SCTLR_EL1"].at
_OF_CODE = (Scope.CODE_LINE, Scope.ALL_CODE)


class InnerShareableDomain:
    """The cores that see each other's maintenance.

    Args:
        size: how many cores will join. A core alone needs no help with its TLB.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._engines: list[Engine] = []

    def join(self, engine: Engine, *, code_line_bytes: int) -> None:
        """Let a core take part, before it runs for the first time.

        Args:
            engine: the core.
            code_line_bytes: size of a line of its instruction cache, as its CTR_EL0 has it.
        """
        self._engines.append(engine)
        for maintenance in MAINTENANCE:
            if self._size > 1 or maintenance.scope in _OF_CODE:
                self._define(engine, maintenance, code_line_bytes)

    def forget_code(self, base: int, size_bytes: int) -> None:
        """Code at these physical addresses has changed: no core may run what was there before."""
        for engine in self._engines:
            engine.forget_code(base, size_bytes)

    def _define(self, engine: Engine, maintenance: Maintenance, code_line_bytes: int) -> None:
        actions: dict[Scope, Callable[[int], None]] = {
            Scope.CODE_LINE: partial(self._forget_line, engine, code_line_bytes),
            Scope.ALL_CODE: partial(self._forget_all_code, engine, maintenance.is_broadcast),
            Scope.TLB_PAGE: self._forget_page,
            Scope.WHOLE_TLB: self._forget_all_pages,
        }
        instruction = maintenance.instruction
        model = RegisterModel(
            write=actions[maintenance.scope],
            el=instruction.el,
            write_el=instruction.el,
            el0_allowed=None if instruction.el else partial(_user_maintenance, engine),
        )
        engine.define(instruction.name, instruction.at, model)

    def _forget_line(self, engine: Engine, size_bytes: int, address: int) -> None:
        physical = engine.translate(address)
        if physical is not None:
            self.forget_code(physical & -size_bytes, size_bytes)

    def _forget_all_code(self, engine: Engine, is_broadcast: bool, _argument: int) -> None:
        for each in self._engines if is_broadcast else [engine]:
            each.forget_all_code()

    def _forget_page(self, argument: int) -> None:
        for engine in self._engines:
            engine.forget_page(tlbi_address(argument))

    def _forget_all_pages(self, _argument: int) -> None:
        for engine in self._engines:
            engine.forget_all_pages()


def _user_maintenance(engine: Engine, _is_read: bool) -> bool:
    """SCTLR_EL1.UCI lets EL0 maintain caches (DDI 0487 K.a, D19.2.115)."""
    return bool(SCTLR_EL1(engine.get_sysreg(_SCTLR_EL1)).UCI)
