"""PSCI, as a guest calls it."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch.psci import Function, Status
from emu.arch.sysregs import BY_NAME
from emu.boards.squib import SQUIB
from emu.core.events import HypervisorCall, Stamped
from emu.core.ram import Ram
from emu.machine import Machine, Power, Stop
from tests import a64

Make = Callable[..., Machine]

HVCS = [a64.hvc()] * 2000
ON, OFF = 0, 1
SELF = 0
MASK64 = (1 << 64) - 1


def call(machine: Machine, function: int, *arguments: int) -> int:
    """Carry out one HVC; what it leaves in X0, as a signed number."""
    engine = machine.vcpus[0].engine
    engine.x[0] = function
    for number in range(3):
        engine.x[1 + number] = arguments[number] if number < len(arguments) else 0
    machine.run(1)
    result = int(engine.x[0])
    return result - (result >> 63 << 64)


@pytest.fixture
def machine(make: Make) -> Machine:
    """A machine that does nothing but call."""
    return make(*HVCS)


@pytest.fixture(scope="module")
def shared() -> Machine:
    """One for calls that change nothing: it calls at the same place again and again."""
    machine = Machine(SQUIB, ram=Ram(SQUIB.dram_base, 6 << 20))
    machine.ram.write(SQUIB.kernel_base, a64.hvc().to_bytes(4, "little"))
    machine.psci.power[0] = Power.ON
    return machine


def call_again(machine: Machine, function: int, *arguments: int) -> int:
    machine.vcpus[0].engine.pc = SQUIB.kernel_base
    return call(machine, function, *arguments)


unknown_ids = st.integers(0, 2**32 - 1).filter(lambda function: function not in set(Function)) | (
    st.integers(0, 0x1F)
    .flatmap(lambda n: st.sampled_from([0x8400_0000 + n, 0xC400_0000 + n]))
    .filter(lambda function: function not in set(Function))
)


@given(function=unknown_ids, argument=st.integers(0, MASK64))
def test_an_unknown_function_is_not_supported(
    shared: Machine, function: int, argument: int
) -> None:
    """I-AB-2: every id outside the table, with nothing changed but X0."""
    before = list(shared.vcpus[0].engine.x[4:31])
    assert call_again(shared, function, argument) == Status.NOT_SUPPORTED
    assert list(shared.vcpus[0].engine.x[4:31]) == before
    assert shared.vcpus[0].engine.x[1] == argument
    assert shared.psci.power == [Power.ON]
    assert call_again(shared, Function.PSCI_FEATURES, function) == Status.NOT_SUPPORTED


@given(high=st.integers(0, 2**32 - 1))
def test_the_function_id_is_in_w0(shared: Machine, high: int) -> None:
    """The upper half of X0 does not count."""
    assert call_again(shared, high << 32 | Function.PSCI_VERSION) == 0x1_0001


@pytest.mark.parametrize("function", Function)
def test_features_knows_every_function_of_the_table(shared: Machine, function: Function) -> None:
    assert call_again(shared, Function.PSCI_FEATURES, function) == Status.SUCCESS


def test_it_is_psci_1_1_without_a_trusted_os(machine: Machine) -> None:
    assert call(machine, Function.PSCI_VERSION) == 1 << 16 | 1
    assert call(machine, Function.MIGRATE_INFO_TYPE) == 2


def test_the_calling_vcpu_is_on(machine: Machine) -> None:
    assert call(machine, Function.AFFINITY_INFO, SELF) == ON
    assert call(machine, Function.CPU_ON, SELF, 0x8020_0000, 7) == Status.ALREADY_ON
    assert machine.psci.power == [Power.ON]


@pytest.mark.parametrize("affinity", [1, 0x100, 0x1_0000, 0x1_0000_0000])
def test_a_vcpu_that_is_not_there_is_an_invalid_parameter(machine: Machine, affinity: int) -> None:
    assert call(machine, Function.CPU_ON, affinity, 0, 0) == Status.INVALID_PARAMETERS
    assert call(machine, Function.AFFINITY_INFO, affinity) == Status.INVALID_PARAMETERS


def test_a_vcpu_that_turns_itself_off_runs_no_further(machine: Machine) -> None:
    """With the last vCPU the machine has nothing to do, for ever."""
    engine = machine.vcpus[0].engine
    engine.x[0] = Function.CPU_OFF
    assert machine.run(100) is Stop.IDLE
    assert machine.psci.power == [Power.OFF]
    assert machine.instructions == 1
    assert machine.run(100) is Stop.IDLE
    assert machine.instructions == 1


def test_each_call_is_an_event_with_its_result(machine: Machine) -> None:
    events: list[Stamped] = []
    machine.events.subscribe(events.append)
    call(machine, Function.PSCI_VERSION)
    call(machine, 0x8400_00FF)
    assert events == [
        Stamped(1, HypervisorCall(0, Function.PSCI_VERSION, 0x1_0001)),
        Stamped(2, HypervisorCall(0, 0x8400_00FF, MASK64)),
    ]


def test_smc_is_no_way_to_call(make: Make) -> None:
    """The conduit is HVC, and there is no EL3."""
    machine = make(a64.smc())
    call(machine, Function.PSCI_VERSION)
    vcpu = machine.vcpus[0]
    assert vcpu.get_sysreg(BY_NAME["ESR_EL1"]) == 1 << 25
    assert vcpu.get_sysreg(BY_NAME["ELR_EL1"]) == SQUIB.kernel_base
