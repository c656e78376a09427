"""Apple's Hypervisor framework, as far as squib uses it, over a `Machine`.

Snapshot code reaches vCPUs and the GIC only through this surface, with the real access rules:

* registers are got and set one at a time (`hv_vcpu_get_reg`, `hv_vcpu_get_sys_reg`,
  `hv_vcpu_get_simd_fp_reg` and their setters);
* FPCR, FPSR and CPSR are general registers here, and CNTVOFF_EL2 is the vtimer offset: they are
  no system registers;
* the GIC's state is taken and set as a whole (`hv_gic_state_create`, `hv_gic_set_state`), without
  the ICC_* registers, which have calls of their own (`hv_gic_get_icc_reg`);
* the GIC must be created before any vCPU, and the redistributor part of a state that is set before
  its vCPU exists is dropped without a word.

Source: Apple's Hypervisor framework documentation (macOS 15, `hv_gic_*` and `hv_vcpu_*`); the last
rule was found by the authors of the ignition monitor (docs/src/features/snapshot-restore.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.arch.sysregs import BY_NAME, Model, SysReg
from emu.cpu import Vcpu
from emu.errors import IncompatibleError, MachineError
from emu.gic.state import DistributorState, RedistributorState
from emu.machine import Machine, Power

_NOT_A_SYS_REG = {"CNTVOFF_EL2": "the vtimer offset", "FPCR": "get_reg", "FPSR": "get_reg"}


@dataclass(slots=True)
class HvfGicState:
    """What `hv_gic_state_get_data` holds: the GIC but for its CPU interfaces.

    Attributes:
        redistributors: in vCPU order.
    """

    distributor: DistributorState
    redistributors: list[RedistributorState]


class HvfVcpu:
    """One vCPU (`hv_vcpu_t`)."""

    def __init__(self, machine: Machine, vcpu: Vcpu) -> None:
        self._machine = machine
        self._vcpu = vcpu
        self._engine = vcpu.engine

    @property
    def mpidr(self) -> int:
        """Its MPIDR_EL1, which is set when the vCPU is created."""
        return self._vcpu.mpidr

    def get_reg(self, name: str) -> int:
        """`hv_vcpu_get_reg`: X0 to X30, PC, CPSR, FPCR or FPSR.

        Raises:
            MachineError: there is no such register.
        """
        match name:
            case "PC":
                return self._engine.pc
            case "CPSR":
                return self._engine.pstate
            case "FPCR" | "FPSR":
                return self._engine.get_fp_status(name)
        return int(self._engine.x[_x_index(name)])

    def set_reg(self, name: str, value: int) -> None:
        """`hv_vcpu_set_reg`; raises as `get_reg`.

        Raises:
            IncompatibleError: CPSR has a mode that this vCPU can't be in.
        """
        match name:
            case "PC":
                self._engine.pc = value
            case "CPSR":
                self._engine.pstate = value
            case "FPCR" | "FPSR":
                self._engine.set_fp_status(name, value)
            case _:
                self._engine.x[_x_index(name)] = value

    def get_simd_fp_regs(self) -> list[int]:
        """`hv_vcpu_get_simd_fp_reg` for Q0 to Q31: 128 bits each."""
        return self._engine.get_v()

    def set_simd_fp_regs(self, values: list[int]) -> None:
        """`hv_vcpu_set_simd_fp_reg` for Q0 to Q31: 128 bits each."""
        self._engine.set_v(values)

    def has_sys_reg(self, reg: SysReg) -> bool:
        """Whether the vCPU's processor has the register."""
        return self._vcpu.has_sysreg(reg)

    def get_sys_reg(self, reg: SysReg) -> int:
        """`hv_vcpu_get_sys_reg`.

        Raises:
            MachineError: the framework has no such system register, or it can't be read.
        """
        _check_sys_reg(reg)
        if "R" not in reg.access:
            raise MachineError(f"{reg} is write-only: it can't be read")
        return self._vcpu.get_sysreg(reg)

    def set_sys_reg(self, reg: SysReg, value: int) -> None:
        """`hv_vcpu_set_sys_reg`.

        Raises:
            MachineError: the framework has no such system register.
            IncompatibleError: it is an ID register that promises what is refused, or differs from
                what the guest has run with.
        """
        _check_sys_reg(reg)
        self._vcpu.set_sysreg(reg, value)

    def get_icc_reg(self, reg: SysReg) -> int:
        """`hv_gic_get_icc_reg`; raises `MachineError` for any but an ICC_* register."""
        _check_icc_reg(reg)
        return self._vcpu.get_sysreg(reg)

    def set_icc_reg(self, reg: SysReg, value: int) -> None:
        """`hv_gic_set_icc_reg`; raises `MachineError` for any but an ICC_* register."""
        _check_icc_reg(reg)
        self._vcpu.set_sysreg(reg, value)

    def get_vtimer_offset(self) -> int:
        """`hv_vcpu_get_vtimer_offset`: the host's counter less CNTVCT_EL0, in ticks."""
        return self._vcpu.get_sysreg(BY_NAME["CNTVOFF_EL2"])

    def set_vtimer_offset(self, offset: int) -> None:
        """`hv_vcpu_set_vtimer_offset`."""
        self._vcpu.set_sysreg(BY_NAME["CNTVOFF_EL2"], offset)

    @property
    def power(self) -> Power:
        """The PSCI power state, which the monitor keeps for each vCPU."""
        return self._machine.psci.power[self._vcpu.index]

    @power.setter
    def power(self, value: Power) -> None:
        self._machine.psci.power[self._vcpu.index] = value


class HvfVm:
    """A virtual machine of the framework.

    One made with `attach` finds the GIC and the vCPUs of a running machine; otherwise they come
    into being by `create_gic` and `create_vcpu`.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._gic_created = False
        self._vcpus: dict[int, HvfVcpu] = {}

    @classmethod
    def attach(cls, machine: Machine) -> HvfVm:
        """The surface of a machine that is set up already."""
        vm = cls(machine)
        vm.create_gic()
        for index in range(len(machine.vcpus)):
            vm.create_vcpu(index)
        return vm

    @property
    def vcpus(self) -> list[HvfVcpu]:
        """The vCPUs created so far, by index."""
        return [self._vcpus[index] for index in sorted(self._vcpus)]

    def create_gic(self) -> None:
        """`hv_gic_create`.

        Raises:
            MachineError: a vCPU exists already.
        """
        if self._vcpus:
            raise MachineError("hv_gic_create after hv_vcpu_create: the GIC must be created first")
        self._gic_created = True

    def create_vcpu(self, index: int) -> None:
        """`hv_vcpu_create`."""
        self._vcpus[index] = HvfVcpu(self._machine, self._machine.vcpus[index])

    def get_gic_state(self) -> HvfGicState:
        """`hv_gic_state_create` and `hv_gic_state_get_data`."""
        state = self._machine.gic.state()
        return HvfGicState(state.distributor, state.redistributors)

    def set_gic_state(self, state: HvfGicState) -> None:
        """`hv_gic_set_state`. Redistributors of vCPUs that do not exist yet are dropped.

        Raises:
            MachineError: the GIC was not created.
            IncompatibleError: the state has another number of SPIs or redistributors.
        """
        if not self._gic_created:
            raise MachineError("hv_gic_set_state before hv_gic_create: there is no GIC")
        if len(state.redistributors) != len(self._machine.vcpus):
            raise IncompatibleError(
                f"the GIC's state has {len(state.redistributors)} redistributors; "
                f"expected {len(self._machine.vcpus)}, one for each vCPU"
            )
        # The timers' lines are what they are before the state is: one that is high is no new edge.
        self._machine.drive_timer_lines()
        self._machine.gic.load_distributor(state.distributor)
        for index in sorted(self._vcpus):
            self._machine.gic.load_redistributor(index, state.redistributors[index])

    def set_spi(self, intid: int, level: bool) -> None:
        """`hv_gic_set_spi`: drive an SPI's line."""
        self._machine.gic.spi(intid).set_level(level)


def _x_index(name: str) -> int:
    index = name.removeprefix("X")
    if not name.startswith("X") or not index.isdecimal() or int(index) > 30:
        raise MachineError(f"no register {name!r}: use X0 to X30, PC, CPSR, FPCR or FPSR")
    return int(index)


def _check_sys_reg(reg: SysReg) -> None:
    if reg.name in _NOT_A_SYS_REG:
        raise MachineError(f"{reg} is no hv_sys_reg_t: use {_NOT_A_SYS_REG[reg.name]}")
    if reg.model is Model.GIC:
        raise MachineError(f"{reg} is no hv_sys_reg_t: use get_icc_reg and set_icc_reg")


def _check_icc_reg(reg: SysReg) -> None:
    if reg.model is not Model.GIC or not reg.saved:
        raise MachineError(f"{reg} is no hv_gic_icc_reg_t that holds state")
