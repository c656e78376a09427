"""What may be wrong with a GIC: each fault is one edit of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emu.arch.gicv3 import ICC_SGIR_EL1
from emu.gic.bank_registers import VIEWS, View
from emu.gic.cpu_interface import CpuInterface
from emu.gic.distributor import Distributor
from emu.gic.frame import RegisterFrame
from emu.gic.gicv3 import GicV3
from emu.gic.interrupts import GROUP_0, GROUP_1, InterruptBank, InterruptLine
from emu.gic.redistributor import Redistributor
from emu.gic.state import CpuInterfaceState, DistributorState, RedistributorState

Original = Callable[..., Any]
Fault = Callable[[pytest.MonkeyPatch], None]
FAULTS: dict[str, Fault] = {}


def fault(
    owner: object, method: str, faults: dict[str, Fault] = FAULTS
) -> Callable[[Callable[[Original], Original]], None]:
    """The method is replaced by what the decorated function makes of the original."""

    def register(break_: Callable[[Original], Original]) -> None:
        def apply(monkeypatch: pytest.MonkeyPatch) -> None:
            monkeypatch.setattr(owner, method, break_(getattr(owner, method)))

        faults[break_.__name__] = apply

    return register


def view_fault(register: str, read: Original | None, write: Original | None) -> Fault:
    """One of a bank's registers is read or written otherwise."""

    def apply(monkeypatch: pytest.MonkeyPatch) -> None:
        right = VIEWS[register]
        broken = View(right.interrupts, read or right.read, write or right.write)
        monkeypatch.setitem(VIEWS, register, broken)

    return apply


# --- the life of an interrupt ---------------------------------------------------------------------


@fault(InterruptBank, "acknowledge")
def the_latch_is_not_cleared_by_an_acknowledge(original: Original) -> Original:
    def acknowledge(bank: InterruptBank, intid: int) -> None:
        latched = bank.latch
        original(bank, intid)
        bank.latch = latched

    return acknowledge


@fault(InterruptBank, "acknowledge")
def an_acknowledged_interrupt_is_not_active(original: Original) -> Original:
    def acknowledge(bank: InterruptBank, intid: int) -> None:
        active = bank.active
        original(bank, intid)
        bank.active = active

    return acknowledge


@fault(InterruptBank, "deactivate")
def a_high_line_does_not_pend_again_after_deactivation(original: Original) -> Original:
    def deactivate(bank: InterruptBank, intid: int) -> bool:
        bank.line &= ~(1 << intid - bank.first_intid)
        return bool(original(bank, intid))

    return deactivate


@fault(InterruptBank, "drive")
def a_rise_is_latched_of_a_level_sensitive_interrupt_too(original: Original) -> Original:
    def drive(bank: InterruptBank, intid: int, high: bool) -> None:
        if high:
            bank.latch |= 1 << intid - bank.first_intid
        original(bank, intid, high)

    return drive


@fault(InterruptBank, "drive")
def an_edge_that_falls_again_is_lost(original: Original) -> Original:
    def drive(bank: InterruptBank, intid: int, high: bool) -> None:
        if not high:
            bank.latch &= ~(1 << intid - bank.first_intid)
        original(bank, intid, high)

    return drive


@fault(InterruptLine, "pulse")
def a_pulse_leaves_the_line_high(_original: Original) -> Original:
    return lambda line: line.set_level(True)


@fault(InterruptBank, "highest")
def of_equal_priorities_the_highest_intid_comes_first(original: Original) -> Original:
    def highest(bank: InterruptBank, groups: int, candidates: int) -> tuple[int, int]:
        priority, intid = original(bank, groups, candidates)
        others = candidates & ~(1 << intid - bank.first_intid) if intid in bank else 0
        if others and original(bank, groups, others)[0] == priority:
            return highest(bank, groups, others)
        return priority, intid

    return highest


def clear_latch_and_line(bank: InterruptBank, start: int, value: int) -> None:
    """What a write of ICPENDR may not do to a level-sensitive interrupt."""
    bank.latch &= ~(value << start)
    bank.line &= ~(value << start)


FAULTS["a_write_of_icpendr_ends_a_level_too"] = view_fault("ICPENDR", None, clear_latch_and_line)
FAULTS["ispendr_does_not_show_the_line"] = view_fault(
    "ISPENDR", lambda bank, start: bank.latch >> start & 0xFFFF_FFFF, None
)
FAULTS["a_write_of_icactiver_is_ignored"] = view_fault("ICACTIVER", None, lambda *_: None)
FAULTS["a_write_of_isactiver_replaces"] = view_fault(
    "ISACTIVER", None, lambda bank, start, value: setattr(bank, "active", value << start)
)


@fault(InterruptBank, "stored")
def signals_do_not_follow_a_register_write(_original: Original) -> Original:
    return lambda bank, _touched, _before: bank._normalise()


@fault(RegisterFrame, "write")
def a_byte_store_clears_the_rest_of_the_register(_original: Original) -> Original:
    def write(frame: RegisterFrame, offset: int, size: int, value: int) -> None:
        if size == 1:
            offset, size, value = offset & ~3, 4, value << 8 * (offset & 3)
        _original(frame, offset, size, value)

    return write


@fault(RegisterFrame, "read")
def a_halfword_may_be_loaded(original: Original) -> Original:
    def read(frame: RegisterFrame, offset: int, size: int) -> int:
        if size == 2:
            return int(original(frame, offset & ~3, 4)) >> 8 * (offset & 2) & 0xFFFF
        return int(original(frame, offset, size))

    return read


# --- priorities -----------------------------------------------------------------------------------


@fault(CpuInterface, "_set_pmr")
def an_interrupt_of_the_masks_priority_is_signalled(original: Original) -> Original:
    def set_pmr(interface: CpuInterface, value: int) -> None:
        original(interface, value)
        interface._pmr += 1

    return set_pmr


@fault(CpuInterface, "_group_priority_mask")
def the_binary_point_is_off_by_one(original: Original) -> Original:
    return lambda interface, group: original(interface, group) << 1 & 0xFF


@fault(CpuInterface, "_group_priority_mask")
def cbpr_is_ignored(original: Original) -> Original:
    def mask(interface: CpuInterface, group: int | None) -> int:
        cbpr, interface._cbpr = interface._cbpr, 0
        result = int(original(interface, group))
        interface._cbpr = cbpr
        return result

    return mask


@fault(CpuInterface, "highest_pending_intid")
def hppir_heeds_the_priority_mask(original: Original) -> Original:
    def highest(interface: CpuInterface, group: int) -> int:
        return int(original(interface, group)) if interface._signalled is not None else 1023

    return highest


@fault(CpuInterface, "end")
def eoi_ignores_the_group(original: Original) -> Original:
    def end(interface: CpuInterface, _group: int, value: int) -> None:
        original(interface, interface._highest_active_group() or 0, value)

    return end


@fault(CpuInterface, "end")
def eoi_deactivates_in_eoimode_1_too(original: Original) -> Original:
    def end(interface: CpuInterface, group: int, value: int) -> None:
        mode, interface._eoimode = interface._eoimode, 0
        original(interface, group, value)
        interface._eoimode = mode

    return end


@fault(CpuInterface, "end")
def eoi_does_not_drop_the_priority(original: Original) -> Original:
    def end(interface: CpuInterface, group: int, value: int) -> None:
        active = list(interface._apr)
        original(interface, group, value)
        interface._apr = active
        interface.update()

    return end


@fault(CpuInterface, "deactivate")
def dir_works_in_eoimode_0_too(original: Original) -> Original:
    def deactivate(interface: CpuInterface, value: int) -> None:
        mode, interface._eoimode = interface._eoimode, 1
        original(interface, value)
        interface._eoimode = mode

    return deactivate


@fault(CpuInterface, "deactivate")
def dir_does_nothing(_original: Original) -> Original:
    return lambda _interface, _value: None


# --- groups, routing, sleep -----------------------------------------------------------------------


@fault(CpuInterface, "__init__")
def group_0_comes_as_irq(original: Original) -> Original:
    def init(interface: CpuInterface, **arguments: Any) -> None:
        original(interface, **{**arguments, "fiq": arguments["irq"]})

    return init


@fault(CpuInterface, "acknowledge")
def either_iar_acknowledges_either_group(original: Original) -> Original:
    def acknowledge(interface: CpuInterface, group: int) -> int:
        signalled = interface._signalled
        return int(original(interface, group if signalled is None else signalled))

    return acknowledge


@fault(Distributor, "_write_ctlr")
def gicd_ctlr_enables_both_groups_or_none(original: Original) -> Original:
    return lambda distributor, index, value: original(distributor, index, 3 * bool(value & 3))


@fault(Distributor, "_write_irouter")
def irouter_is_ignored(original: Original) -> Original:
    def write(distributor: Distributor, index: int, value: int) -> None:
        routed = list(distributor.routed)
        original(distributor, index, value)
        distributor.routed = routed
        distributor._update_all()

    return write


@fault(Distributor, "_spis_changed")
def all_but_the_first_vcpu_miss_changes_of_spis(_original: Original) -> Original:
    return lambda distributor, _spis: distributor._update(0)


@fault(GicV3, "_forwarded_groups")
def a_sleeping_redistributor_forwards(_original: Original) -> Original:
    return lambda gic, _vcpu: gic._distributor.groups


@fault(Redistributor, "_write_waker")
def waking_up_signals_nothing(_original: Original) -> Original:
    return lambda redistributor, _, value: setattr(redistributor, "asleep", bool(value & 2))


# --- SGIs -----------------------------------------------------------------------------------------


@fault(GicV3, "_sgi_targets")
def an_sgi_to_all_but_self_includes_self(original: Original) -> Original:
    def targets(gic: GicV3, sender: int, request: ICC_SGIR_EL1) -> Iterator[int]:
        yield from original(gic, sender, request)
        if request.IRM:
            yield sender

    return targets


@fault(GicV3, "_sgi_targets")
def the_range_selector_is_ignored(original: Original) -> Original:
    return lambda gic, sender, request: original(gic, sender, request.replace(RS=0))


@fault(GicV3, "_sgi_targets")
def the_cluster_of_an_sgi_is_ignored(original: Original) -> Original:
    return lambda gic, sender, request: original(gic, sender, request.replace(Aff1=0))


@fault(GicV3, "_send_sgi")
def sgi0r_reaches_group_1(original: Original) -> Original:
    return lambda gic, sender, value, _groups: original(gic, sender, value, GROUP_0 | GROUP_1)


# --- state ----------------------------------------------------------------------------------------


@fault(CpuInterface, "load_state")
def the_active_priorities_are_not_loaded(original: Original) -> Original:
    def load(interface: CpuInterface, state: CpuInterfaceState) -> None:
        original(interface, state)
        interface._apr = [0, 0]

    return load


@fault(Distributor, "load_state")
def the_latches_of_spis_are_not_loaded(original: Original) -> Original:
    def load(distributor: Distributor, state: DistributorState) -> None:
        original(distributor, state)
        distributor.bank.latch = 0

    return load


@fault(Redistributor, "load_state")
def a_redistributor_wakes_up_by_a_load(original: Original) -> Original:
    def load(redistributor: Redistributor, state: RedistributorState) -> None:
        original(redistributor, state)
        redistributor.asleep = False

    return load


@fault(GicV3, "_update_all")
def a_load_signals_nothing(_original: Original) -> Original:
    return lambda _gic: None
