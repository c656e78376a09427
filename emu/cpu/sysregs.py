"""The system registers of one vCPU, wired up from the one table.

Each row of `emu.arch.sysregs` names who models it; this module binds the row to that model, both
for the guest's MRS and MSR and for a monitor's get and set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from emu.arch.sysregs import SYSREGS, Model, SysReg
from emu.core.ports import SysRegPort
from emu.cpu.engine import Engine
from emu.cpu.model import ABSENT
from emu.cpu.pmu import Pmu
from emu.cpu.timer import GenericTimer
from emu.errors import IncompatibleError


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
            engine.define_undefined(name, at)

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
        load = {Model.TIMER: partial(timer.load, name), Model.PMU: partial(pmu.load, name)}
        return Accessors(read, write, load.get(reg.model, write))

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
        if reg.model is Model.ID:
            if reg.name != "MPIDR_EL1":  # the core shows VMPIDR_EL2, which it was given
                value = self._id_registers[reg.name]
                self._engine.define_constant(reg.name, reg.at, value, el=reg.el)
        elif reg.model in (Model.STORED, Model.TIMER, Model.PMU, Model.GIC) and reg.el < 2:
            accessors = self._accessors[reg.name]
            self._engine.define_model(
                reg.name,
                reg.at,
                el=reg.el,
                read=accessors.read if "R" in reg.access else None,
                write=accessors.write if "W" in reg.access else None,
                el0_allowed=self._el0_check(reg),
            )

    def _el0_check(self, reg: SysReg) -> Callable[[], bool]:
        owner = self._pmu if reg.model is Model.PMU else self._timer
        return lambda: owner.el0_allowed(reg.name)


_Key = TypeVar("_Key")


def _partials(
    read: Callable[[_Key], int], write: Callable[[_Key, int], None], key: _Key
) -> tuple[Callable[[], int], Callable[[int], None]]:
    return partial(read, key), partial(write, key)
