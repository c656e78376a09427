"""The generic timer's output is a level: the GIC follows it across acknowledge and end."""

from __future__ import annotations

import pytest

from emu.arch.gicv3 import GICR, INTID_SPURIOUS
from emu.boards.squib import SQUIB
from emu.machine import Machine
from tests import a64
from tests.machine.conftest import Make

ENABLE, IMASK = 1, 2
INTIDS = {"CNTV": SQUIB.timers.virtual, "CNTP": SQUIB.timers.physical}


@pytest.fixture
def machine(make: Make) -> Machine:
    """Ten ticks after its start, everything open in the GIC."""
    machine = make(a64.B_SELF)
    machine.gic.distributor.write(0, 4, 0b10)
    for name, value in (("WAKER", 0), ("ISENABLER0", 0xFFFF_0000)):
        machine.gic.redistributors.write(GICR[f"GICR_{name}"], 4, value)
    for name, value in (("PMR", 0xF0), ("IGRPEN1", 1)):
        machine.gic.cpu_interface(0)[f"ICC_{name}_EL1"].write(value)
    machine.run(10 * SQUIB.cycles_per_tick)
    return machine


def asserted(machine: Machine) -> bool:
    return machine.vcpus[0].engine.irq_asserted


def acknowledge(machine: Machine) -> int:
    return machine.gic.cpu_interface(0)["ICC_IAR1_EL1"].read()


def end(machine: Machine, intid: int) -> None:
    machine.gic.cpu_interface(0)["ICC_EOIR1_EL1"].write(intid)


@pytest.mark.parametrize("timer", INTIDS)
def test_it_comes_again_after_its_end_until_the_guest_moves_the_timer(
    machine: Machine, timer: str
) -> None:
    registers = machine.vcpus[0].timer
    registers.write(f"{timer}_CTL_EL0", ENABLE)
    assert (asserted(machine), acknowledge(machine)) == (True, INTIDS[timer])
    assert not asserted(machine)
    end(machine, INTIDS[timer])
    assert (asserted(machine), acknowledge(machine)) == (True, INTIDS[timer])
    registers.write(f"{timer}_TVAL_EL0", 1000)
    end(machine, INTIDS[timer])
    assert not asserted(machine)


@pytest.mark.parametrize("timer", INTIDS)
@pytest.mark.parametrize(
    ("register", "value"), [("CVAL", 1 << 63), ("TVAL", 50), ("CTL", 0), ("CTL", ENABLE | IMASK)]
)
def test_it_is_gone_if_the_output_falls_before_it_is_acknowledged(
    machine: Machine, timer: str, register: str, value: int
) -> None:
    registers = machine.vcpus[0].timer
    registers.write(f"{timer}_CTL_EL0", ENABLE)
    assert asserted(machine)
    registers.write(f"{timer}_{register}_EL0", value)
    assert not asserted(machine)
    assert acknowledge(machine) == INTID_SPURIOUS
