"""Stolen time: who is told of it, where, and how much."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.kvm_layouts import STD_HYP_BMAP
from emu.arch.smccc import Function, Status
from emu.boards.kvm_services import KVM_FIRMWARE_REGISTERS, KVM_SERVICES, kvm_services
from emu.core.clock import CYCLES_MAX
from emu.core.events import Stamped, TimerFired
from emu.errors import BoardError, GuestError, MachineError
from emu.machine import Power
from tests import a64
from tests.cpu import bench as at
from tests.machine.conftest import Make
from tests.machine.firmware_bench import CYCLES_PER_S, FirmwareBench
from tests.machine.timer_interrupts import start_timer

RECORD = at.RAM + 0x8000
FEATURES, BEGIN = Function.PV_TIME_FEATURES, Function.PV_TIME_ST
NS_PER_CYCLE = 1_000_000_000 / CYCLES_PER_S


def bench(*, record: int | None = RECORD, vcpus: int = 1) -> FirmwareBench:
    """VCPUs with KVM's services; vCPU 0 has a record, at first without sense."""
    made = FirmwareBench(KVM_SERVICES, affinities=tuple(range(vcpus)), entropy=bytes)
    if record is not None:
        made.stolen_time.place(0, record)
        made.lone[0].ram.write(record, b"\xa5" * 64)
    return made


def record_of(made: FirmwareBench, address: int = RECORD) -> tuple[int, int, int]:
    """Revision, attributes, stolen nanoseconds; the rest is padding."""
    revision, attributes, stolen_ns = struct.unpack("<IIQ", made.lone[0].ram.read(address, 16))
    return revision, attributes, stolen_ns


# --- calls -----------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [FEATURES, BEGIN])
def test_a_vcpu_with_a_record_has_both_functions(function: Function) -> None:
    assert bench().call(FEATURES, function) == Status.SUCCESS
    assert bench(record=None).call(FEATURES, function) == Status.NOT_SUPPORTED


@pytest.mark.parametrize("function", [0, Function.KVM_PTP, 0xC500_0022])
def test_it_has_no_others(function: int) -> None:
    assert bench().call(FEATURES, function) == Status.NOT_SUPPORTED


def test_a_guest_that_asks_gets_the_place_and_a_clear_record() -> None:
    made = bench()
    assert made.call(BEGIN) == RECORD
    assert made.lone[0].ram.read(RECORD, 64) == bytes(64)


def test_without_a_place_there_is_nothing_to_get() -> None:
    assert bench(record=None).call(BEGIN) == Status.NOT_SUPPORTED


def test_the_record_is_the_caller_s_own() -> None:
    """VCPU 0 calls; the record is vCPU 1's."""
    made = bench(record=None, vcpus=2)
    made.stolen_time.place(1, RECORD)
    assert made.call(FEATURES, BEGIN) == Status.NOT_SUPPORTED
    assert made.call(BEGIN) == Status.NOT_SUPPORTED


def test_without_kvm_s_bit_there_is_no_such_function() -> None:
    masked = {"STD_HYP_BMAP": KVM_FIRMWARE_REGISTERS["STD_HYP_BMAP"] & ~STD_HYP_BMAP.PV_TIME.mask}
    made = FirmwareBench(kvm_services({**KVM_FIRMWARE_REGISTERS, **masked}), entropy=bytes)
    made.stolen_time.place(0, RECORD)
    assert made.call(FEATURES, BEGIN) == Status.NOT_SUPPORTED
    assert made.call(BEGIN) == Status.NOT_SUPPORTED


# --- time ------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**12), max_size=5))
def test_what_is_stolen_adds_up_in_nanoseconds(stolen: list[int]) -> None:
    made = bench()
    made.call(BEGIN)
    before = made.lone[0].clock.now()
    for cycles in stolen:
        made.stolen_time.steal(cycles)
    assert record_of(made) == (0, 0, sum(int(cycles * NS_PER_CYCLE) for cycles in stolen))
    assert made.lone[0].clock.now() == before + sum(stolen)


def test_a_guest_that_asks_again_begins_anew() -> None:
    made = bench()
    made.call(BEGIN)
    made.stolen_time.steal(1000)
    made.call(BEGIN)
    assert record_of(made) == (0, 0, 0)


def test_what_is_in_the_record_goes_on_from_there_as_after_a_restore() -> None:
    made = bench()
    made.lone[0].ram.write(RECORD, struct.pack("<IIQ", 0, 0, 5000))
    made.stolen_time.steal(200)
    assert record_of(made) == (0, 0, 5100)


def test_the_field_wraps() -> None:
    made = bench()
    made.lone[0].ram.write(RECORD, struct.pack("<IIQ", 0, 0, (1 << 64) - 1))
    made.stolen_time.steal(4)
    assert record_of(made) == (0, 0, 1)


def test_a_vcpu_that_is_off_or_has_no_record_is_told_nothing() -> None:
    made = bench(vcpus=3)
    other = RECORD + 64
    made.stolen_time.place(1, other)  # vCPU 1 is off
    made.psci.power[2] = Power.ON
    made.stolen_time.steal(200)
    assert record_of(made, other) == (0, 0, 0)
    assert made.lone[0].ram.read(RECORD + 8, 8) != b"\xa5" * 8


# --- places ----------------------------------------------------------------------------------


def test_the_place_is_what_the_monitor_said() -> None:
    made = bench(vcpus=2)
    assert (made.stolen_time.address(0), made.stolen_time.address(1)) == (RECORD, None)


@pytest.mark.parametrize(
    ("address", "error"),
    [(RECORD + 8, BoardError), (0, GuestError), (at.RAM + at.RAM_SIZE_BYTES, GuestError)],
)
def test_a_place_that_no_record_can_have_is_refused(address: int, error: type[Exception]) -> None:
    made = bench()
    with pytest.raises(error):
        made.stolen_time.place(0, address)
    assert made.stolen_time.address(0) == RECORD


# --- in a machine ----------------------------------------------------------------------------


def test_the_machine_s_time_passes_and_its_vcpus_execute_nothing(make: Make) -> None:
    machine = make(a64.NOP, vcpu_count=2)
    first = machine.ram.base
    for vcpu in (0, 1):
        machine.stolen_time.place(vcpu, first + 64 * vcpu)
    machine.psci.power[1] = Power.OFF
    machine.run(3)
    machine.stolen_time.steal(machine.board.cycles_per_s)
    assert (machine.instructions, machine.clock.now()) == (3, 3 + machine.board.cycles_per_s)
    stolen = [machine.ram.read(first + 64 * vcpu + 8, 8) for vcpu in (0, 1)]
    assert [int.from_bytes(data, "little") for data in stolen] == [1_000_000_000, 0]


def test_a_vcpu_that_waits_is_not_kept_from_running(make: Make) -> None:
    machine = make(a64.WFI)
    machine.stolen_time.place(0, machine.ram.base)
    machine.run(10)
    machine.stolen_time.steal(1000)
    assert machine.ram.read(machine.ram.base, 64) == bytes(64)


def test_what_is_due_happens_when_it_is(make: Make) -> None:
    """A timer fires at its point of the time that is stolen, not at its end."""
    machine = make(a64.NOP)
    fired: list[Stamped] = []
    machine.events.subscribe(fired.append)
    start_timer(machine, ticks=5)
    machine.stolen_time.steal(100 * machine.board.cycles_per_tick)
    told = Stamped(5 * machine.board.cycles_per_tick, TimerFired(0, machine.board.timers.virtual))
    assert [event for event in fired if isinstance(event.event, TimerFired)] == [told]


@pytest.mark.parametrize("cycles", [-1, CYCLES_MAX + 1])
def test_time_that_there_is_not_can_not_be_stolen(make: Make, cycles: int) -> None:
    with pytest.raises(MachineError, match="shall pass"):
        make(a64.NOP).stolen_time.steal(cycles)
