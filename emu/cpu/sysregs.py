"""The system registers of one vCPU, wired up from the one table.

Each row of `emu.arch.sysregs` names who models it; this module binds the row to that model, both
for the guest's MRS and MSR and for a monitor's get and set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from emu.arch.layouts import SCTLR_EL1
from emu.arch.sysregs import BY_NAME, SYSREGS, Model, SysReg
from emu.core.ports import SysRegPort
from emu.cpu.engine import Engine, RegisterModel
from emu.cpu.model import ABSENT
from emu.cpu.pmu import Pmu
from emu.cpu.timer import GenericTimer
from emu.errors import IncompatibleError

_IN_CORE = (Model.CORE, Model.BANKED_SP, Model.FP)
_SCTLR_EL1 = BY_NAME["SCTLR_EL1"]


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
        id_registers: values of all ID registers, by name.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        timer: GenericTimer,
        pmu: Pmu,
        gic: Mapping[str, SysRegPort],
        id_registers: Mapping[str, int],
    ) -> None:
        self._engine = engine
        self._timer = timer
        self._pmu = pmu
        self._gic = gic
        self._id_registers = id_registers
        self._stored: dict[str, int] = {}
        self._accessors = {reg.name: self._bind(reg) for reg in SYSREGS}
        for reg in SYSREGS:
            self._define(reg)
        for name, at in ABSENT.items():
            engine.define(name, at, RegisterModel())

    def get(self, reg: SysReg) -> int:
        """What a monitor reads."""
        return self._accessors[reg.name].read()

    def set(self, reg: SysReg, value: int) -> None:
        """Set what the register holds, as a monitor does.

        Raises:
            IncompatibleError: it is an ID register of another value.
        """
        self._accessors[reg.name].load(value)

    def _bind(self, reg: SysReg) -> Accessors:
        engine, timer, pmu, name = self._engine, self._timer, self._pmu, reg.name
        match reg.model:
            case Model.CORE:
                read, write = _partials(engine.get_sysreg, engine.set_sysreg, reg.at)
            case Model.BANKED_SP:
                read, write = _partials(engine.get_sp, engine.set_sp, int(name[-1]))
            case Model.FP:
                read, write = _partials(engine.get_fp_status, engine.set_fp_status, name)
            case Model.TIMER:
                read, write = _partials(timer.read, timer.write, name)
            case Model.PMU:
                read, write = _partials(pmu.read, pmu.write, name)
            case Model.GIC:
                read, write = self._gic[name].read, self._gic[name].write
            case Model.STORED:
                read, write = _partials(self._get_stored, self._set_stored, reg)
            case Model.ID:
                read, write = _partials(self._get_id, self._check_id, reg)
        load = {Model.TIMER: timer.load, Model.PMU: pmu.load}.get(reg.model)
        return Accessors(read, write, partial(load, name) if load else write)

    def _get_stored(self, reg: SysReg) -> int:
        return self._stored.get(reg.name, 0)

    def _set_stored(self, reg: SysReg, value: int) -> None:
        self._stored[reg.name] = value & reg.writable

    def _get_id(self, reg: SysReg) -> int:
        return self._id_registers[reg.name]

    def _check_id(self, reg: SysReg, value: int) -> None:
        expected = self._get_id(reg)
        if value != expected:
            raise IncompatibleError(
                f"{reg}: the state has {value:#x}, this machine has {expected:#x}. The guest was "
                "told of other CPU features than there are here; thaw it on a board that has them"
            )

    def _define(self, reg: SysReg) -> None:
        """Replace the core's idea of a register that the core does not model."""
        if reg.model in _IN_CORE or reg.el > 1:
            return
        accessors = self._accessors[reg.name]
        constant = self._id_registers[reg.name] if reg.model is Model.ID else None
        model = RegisterModel(
            read=accessors.read if constant is None and "R" in reg.access else None,
            write=accessors.write if "W" in reg.access else None,
            constant=constant,
            el=reg.el,
            write_el=reg.write_el,
            el0_allowed=None if reg.el else self._el0_check(reg),
        )
        self._engine.define(reg.name, reg.at, model)

    def _el0_check(self, reg: SysReg) -> Callable[[bool], bool] | None:
        """Who is asked whether EL0 may read, or else write, a register; None if it always may."""
        if reg.model is Model.PMU:
            return partial(self._pmu.el0_allowed, reg.name)
        if reg.name.startswith("CNT"):
            return lambda _is_read: self._timer.el0_allowed(reg.name)
        if reg.name == "CTR_EL0":
            return lambda _is_read: bool(SCTLR_EL1(self._engine.get_sysreg(_SCTLR_EL1.at)).UCT)
        return None


_Key = TypeVar("_Key")


def _partials(
    read: Callable[[_Key], int], write: Callable[[_Key, int], None], key: _Key
) -> tuple[Callable[[], int], Callable[[int], None]]:
    return partial(read, key), partial(write, key)
