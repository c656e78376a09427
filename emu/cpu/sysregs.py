"""The system registers of one vCPU, wired up from the one table.

Each row of `emu.arch.sysregs` names who models it; this module binds the row to that model, for a
monitor's get and set and for the guest's MRS and MSR. What the guest finds is settled when it
begins to run: until then a monitor may set the ID registers, as on KVM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from emu.arch.id_layouts import DCZID_EL0
from emu.arch.layouts import MDSCR_EL1, SCTLR_EL1
from emu.arch.sysregs import (
    BY_NAME,
    SYS_INSTRUCTIONS,
    SYSREGS,
    At,
    Model,
    SysInstruction,
    SysReg,
)
from emu.core.ports import SysRegPort
from emu.cpu.absent import ABSENT
from emu.cpu.engine import Engine, RegisterModel
from emu.cpu.identity import Identity
from emu.cpu.pmu import Pmu
from emu.cpu.timer import GenericTimer
from emu.cpu.undefined import UndefinedInstructions
from emu.errors import IncompatibleError

_Read = Callable[[Any], int]
_Write = Callable[[Any, int], None]
"""They are given what a model knows a register by, and for a write its value."""
_PSTATE_OF_THE_CORE: Final = ("SPSel", "CurrentEL", "DAIF", "NZCV", "PAN", "UAO")
_DEBUG_CHANNEL: Final = ("MDCCSR_EL0", "DBGDTR_EL0", "DBGDTRRX_EL0")


@dataclass(frozen=True, slots=True)
class Accessors:
    """How the guest (`read`, `write`) and a monitor (`read`, `load`) reach a register."""

    read: Callable[[], int]
    write: Callable[[int], None]
    load: Callable[[int], None]


class SysRegFile:
    """Every register of the table, on one vCPU.

    Args:
        gic: the GIC CPU interface's registers, by name.
        identity: the ID registers, and CCSIDR_EL1.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        identity: Identity,
        timer: GenericTimer,
        pmu: Pmu,
        gic: Mapping[str, SysRegPort],
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._timer = timer
        self._pmu = pmu
        self._gic = gic
        self._stored: dict[str, int] = {}
        self._models: dict[Model, tuple[_Read, _Write]] = {
            Model.CORE: (engine.get_sysreg, engine.set_sysreg),
            Model.BANKED_SP: (engine.get_sp, engine.set_sp),
            Model.FP: (engine.get_fp_status, engine.set_fp_status),
            Model.PSTATE: (engine.get_pstate_bits, engine.set_pstate_bits),
            Model.TIMER: (timer.read, timer.write),
            Model.PMU: (pmu.read, pmu.write),
            Model.STORED: (self._get_stored, self._set_stored),
            Model.ZERO: (_zero, _ignore),
            Model.ID: (identity.get, identity.set),
            Model.CACHE: (self._get_selected_ccsidr, self._set_selected_ccsidr),
        }
        self._loads: dict[Model, _Write] = {Model.TIMER: timer.load, Model.PMU: pmu.load}
        self._accessors = {reg.name: self._bind(reg) for reg in SYSREGS}

    # --- a monitor's view --------------------------------------------------------------------

    def has(self, reg: SysReg) -> bool:
        """Whether there is such a register to get and set.

        One that the core models is there if the ID registers promise it; any other always is.
        """
        return reg.name in self._accessors and (
            reg.model is not Model.CORE or self._identity.promises(reg.needs)
        )

    def get(self, reg: SysReg) -> int:
        """What a monitor reads.

        Raises:
            IncompatibleError: this vCPU has no such register.
        """
        return self._accessors_of(reg).read()

    def set(self, reg: SysReg, value: int) -> None:
        """Set what the register holds, as a monitor does.

        Raises:
            IncompatibleError: this vCPU has no such register; or it is an ID register that can't
                be changed to that value.
        """
        self._accessors_of(reg).load(value)

    def _accessors_of(self, reg: SysReg) -> Accessors:
        if not self.has(reg):
            raise IncompatibleError(
                f"{reg}: a vCPU of the model {self._identity.model.name} has no such register "
                "here. Leave it out, or thaw on a board that has it"
            )
        return self._accessors[reg.name]

    # --- who models what ---------------------------------------------------------------------

    def _bind(self, reg: SysReg) -> Accessors:
        if reg.model is Model.GIC:
            port = self._gic[reg.name]
            return Accessors(port.read, port.write, port.write)
        read, write = self._models[reg.model]
        load = self._loads.get(reg.model, write)
        key = _key(reg)
        return Accessors(partial(read, key), partial(write, key), partial(load, key))

    def _get_stored(self, name: str) -> int:
        return self._stored.get(name, 0)

    def _set_stored(self, name: str, value: int) -> None:
        self._stored[name] = value & BY_NAME[name].writable

    def _get_selected_ccsidr(self, _name: str) -> int:
        return self._identity.ccsidr.get(self._get_stored("CSSELR_EL1"), 0)

    def _set_selected_ccsidr(self, _name: str, value: int) -> None:
        self._identity.set_ccsidr(self._get_stored("CSSELR_EL1"), value)

    # --- the guest's view --------------------------------------------------------------------

    def settle(self) -> None:
        """Give the guest what the ID registers promise, and take away the rest."""
        self._identity.settle()
        self._engine.set_isa(self._identity.kept())
        self._engine.on_undefined = UndefinedInstructions(self._engine, self._identity)
        for reg in SYSREGS:
            if self._identity.promises(reg.needs) and not self._is_left_to_the_core(reg):
                self._engine.define(reg.name, reg.at, self._model_of(reg))
        for name, at in self._absent():
            self._engine.define(name, at, RegisterModel())

    def _is_left_to_the_core(self, reg: SysReg) -> bool:
        """Whether the core itself answers, with what is promised.

        A kernel reads DCZID_EL0 whenever it clears memory, and CTR_EL0 for each range of cache
        maintenance. The core heeds SCTLR_EL1.DZE and UCT by itself.
        """
        match reg.name:
            case "DCZID_EL0":  # another block size than the core's is refused
                return not DCZID_EL0(self._identity.get(reg.name)).DZP
            case "CTR_EL0":
                return self._identity.get(reg.name) == self._engine.get_sysreg(reg.at)
        return (
            reg.el > 1
            or reg.model in (Model.CORE, Model.BANKED_SP, Model.FP)
            or reg.name in _PSTATE_OF_THE_CORE
        )

    def _absent(self) -> Iterator[tuple[str, At]]:
        """What the core may have, and this vCPU has not."""
        yield from ABSENT.items()
        rows: tuple[SysReg | SysInstruction, ...] = (*SYSREGS, *SYS_INSTRUCTIONS)
        for row in rows:
            if not self._identity.promises(row.needs):
                yield row.name, row.at

    def _model_of(self, reg: SysReg) -> RegisterModel:
        """What answers for a register in place of the core."""
        accessors = self._accessors[reg.name]
        constant = self._constant(reg)
        return RegisterModel(
            read=accessors.read if constant is None and "R" in reg.access else None,
            write=accessors.write if "W" in reg.access else None,
            constant=constant,
            el=reg.el,
            write_el=reg.write_el,
            el0_allowed=None if reg.el else self._el0_check(reg),
        )

    def _constant(self, reg: SysReg) -> int | None:
        """What MRS gives, if it always gives the same."""
        if reg.model is Model.ZERO and reg.access == "RO":
            return 0
        return self._identity.get(reg.name) if reg.model is Model.ID else None

    def _el0_check(self, reg: SysReg) -> Callable[[bool], bool] | None:
        """Who is asked whether EL0 may read, or else write, a register; None if it always may."""
        if reg.model is Model.PMU:
            return partial(self._pmu.el0_allowed, reg.name)
        if reg.name.startswith("CNT"):
            return lambda _is_read: self._timer.el0_allowed(reg.name)
        if reg.name == "CTR_EL0":
            return lambda _is_read: bool(SCTLR_EL1(self.get(BY_NAME["SCTLR_EL1"])).UCT)
        if reg.name in _DEBUG_CHANNEL:
            return lambda _is_read: not MDSCR_EL1(self.get(BY_NAME["MDSCR_EL1"])).TDCC
        return None


def _key(reg: SysReg) -> object:
    """By what a model knows a register: by its name, in most cases."""
    match reg.model:
        case Model.CORE:
            return reg.at
        case Model.BANKED_SP:
            return int(reg.name[-1])
        case Model.PSTATE:
            return reg.writable
    return reg.name


def _zero(_name: str) -> int:
    """What reads as zero."""
    return 0


def _ignore(_name: str, _value: int) -> None:
    """A write to what reads as zero."""
