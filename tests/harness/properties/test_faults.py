"""Each property turns red for the faults that it is there for. A fault is a restore plan.

Most of them stand for a bug that some monitor had; `origin` says whose. A fault that no property
saw would be a hole in them, and a property that saw no fault would be no property.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from emu.arch.sysregs import BY_NAME, BY_SQUIB_KEY
from emu.devices.pl011 import Pl011State
from emu.formats import thawbench
from emu.formats.thawbench import ExtraVcpu, InterruptBanks
from emu.machine import Machine
from emu.snapshot import RESTORE_PLAN, RESTORE_STEPS, Plan, Snapshot, Step, freeze, thaw
from emu.snapshot.squib_restore import RestoreContext
from firmware.layout import Window
from harness.entropy import SeededEntropy
from harness.properties import (
    QUIET_RESTORE_PLAN,
    PropertyViolation,
    check_bisimilar,
    check_delivered_once,
    check_fresh,
    check_idempotent,
    check_no_invention,
    check_no_loss,
    check_order,
    check_time_policy,
)
from harness.properties.bisimulation import Boot

Change = Callable[[RestoreContext], None]
Check = Callable[[Boot, Plan], None]


# --- where the properties look ---------------------------------------------------------------

FREEZE_AT = 1_190
"""In the window, IRQs masked (mode DAIF), a tick pending, and every register in use."""

IN_A_ROUND = 392
"""In the work before the window, where the carry flag goes from one ADCS to the next."""


@contextmanager
def frozen(boot: Boot, at: int = FREEZE_AT) -> Iterator[tuple[Machine, Snapshot]]:
    """A machine, and what it was frozen to."""
    with boot() as machine:
        machine.run(at)
        yield machine, freeze(machine)


def bisim(boot: Boot, plan: Plan) -> None:
    check_bisimilar(boot, before=FREEZE_AT, plan=plan)


def bisim_in_a_round(boot: Boot, plan: Plan) -> None:
    """Frozen within a round of work, where the flags count."""
    check_bisimilar(boot, before=IN_A_ROUND, plan=plan)


def bisim_while_handling(boot: Boot, plan: Plan) -> None:
    """Frozen while the guest handles an interrupt (the window of mode HANDLER)."""
    check_bisimilar(boot, before=950, plan=plan)


def idem(boot: Boot, plan: Plan) -> None:
    with frozen(boot) as (_, snapshot):
        check_idempotent(snapshot, plan=plan)


def no_loss(boot: Boot, plan: Plan) -> None:
    with frozen(boot) as (machine, _):
        check_no_loss(machine, plan=plan)


def no_loss_on_the_console(boot: Boot, plan: Plan) -> None:
    """Frozen with a character waiting."""
    with boot() as machine:
        machine.run(FREEZE_AT)
        gic = machine.gic.state()
        gic.distributor.spis.edge = 0
        machine.gic.load_state(gic)
        machine.pl011.load_state(Pl011State(cr=0x301, imsc=0x10, ris=0x10, rx_fifo=(0x41,)))
        check_no_loss(machine, plan=plan)


def no_invention(boot: Boot, plan: Plan) -> None:
    with frozen(boot) as (machine, _):
        check_no_invention(machine, plan=plan)


def no_invention_on_the_console(boot: Boot, plan: Plan) -> None:
    """Frozen with the line high and its interrupt, which is edge-triggered, taken."""
    with boot() as machine:
        machine.run(FREEZE_AT)
        gic = machine.gic.state()
        machine.pl011.load_state(Pl011State(cr=0x301, imsc=0x10, ris=0x10, rx_fifo=(0x41,)))
        machine.gic.load_state(gic)
        check_no_invention(machine, plan=plan)


def time_policy(boot: Boot, plan: Plan) -> None:
    with boot() as machine:
        machine.vcpus[0].set_sysreg(BY_NAME["CNTVOFF_EL2"], 1_000)
        machine.run(FREEZE_AT)
        check_time_policy(machine, elapsed_cycles=4_000, plan=plan)


def fresh(boot: Boot, plan: Plan) -> None:
    with frozen(boot) as (_, snapshot):
        check_fresh(snapshot, plan=plan)


def order(boot: Boot, plan: Plan) -> None:
    with frozen(boot) as (_, snapshot):
        check_order(snapshot, plan=plan)


def once(boot: Boot, plan: Plan) -> None:
    with frozen(boot) as (_, snapshot):
        check_delivered_once(snapshot, plan=plan)


def no_loss_of_a_generation(boot: Boot, plan: Plan) -> None:
    """Frozen while a first restore is still pending."""
    with (
        frozen(boot) as (_, snapshot),
        thaw(snapshot, entropy=SeededEntropy(b"first")) as machine,
    ):
        check_no_loss(machine, plan=plan)


def once_unmasked(boot: Boot, plan: Plan) -> None:
    """Frozen unmasked and without a tick pending, in the work before the window."""
    with frozen(boot, at=IN_A_ROUND) as (_, snapshot):
        check_delivered_once(snapshot, plan=plan)


# --- the faults ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """A bug in restoring.

    Attributes:
        origin: whose it was, or why it is here.
        caught_by: the property that turns red, and where it looks.
        plan: the restore plan with the fault.
        mode: the window that the guest runs with.
    """

    origin: str
    caught_by: Check
    plan: Plan
    mode: Window = Window.DAIF


_numbers = count()


def with_change(change: Change, *, base: Plan = QUIET_RESTORE_PLAN, last: bool = False) -> Plan:
    """`base` with one more step: first of all, as if it had been saved so, or last of all."""

    def carry_out(context: RestoreContext) -> None:
        context.state = copy.deepcopy(context.state)  # the snapshot itself stays as it is
        change(context)

    name = f"fault-{next(_numbers)}"
    RESTORE_STEPS.register(name)(carry_out)
    step = (Step(name),)
    return Plan((*base.steps, *step) if last else (*step, *base.steps))


def lose_sys_reg(name: str) -> Plan:
    """A register of squib's map is not restored."""
    (key,) = (key for key, reg in BY_SQUIB_KEY.items() if reg.name == name)

    def change(context: RestoreContext) -> None:
        del context.state.vcpu_states[0].sys_regs[key]

    return with_change(change)


def edit_extra(edit: Callable[[ExtraVcpu], None]) -> Plan:
    """What squib has no place for is not as it was."""

    def change(context: RestoreContext) -> None:
        device = context.device(thawbench.EXTRA_KIND)
        assert device is not None
        extra = thawbench.EXTRA.decode(device.blob)
        edit(extra.vcpus[0])
        device.blob = thawbench.EXTRA.encode(extra)

    return with_change(change)


def lose_extra(name: str) -> Plan:
    """A register that squib has no place for is not restored."""
    return edit_extra(lambda vcpu: vcpu.sys_regs.__delitem__(BY_NAME[name].encoding))


def edit_gic(part: str, edit: Callable[[InterruptBanks], None]) -> Plan:
    """The GIC's state is not as it was."""

    def change(context: RestoreContext) -> None:
        blob = thawbench.GIC.decode(context.state.gic_state.bytes)
        edit(blob.spis if part == "spis" else blob.redistributors[0].privates)
        context.state.gic_state.bytes = thawbench.GIC.encode(blob)

    return with_change(change)


def flip(bank: str, intid: int) -> Plan:
    """One bit of one interrupt is another one."""

    def edit(banks: InterruptBanks) -> None:
        words: list[int] = getattr(banks, bank)
        index, bit = divmod(intid - 32 if intid >= 32 else intid, 32)
        words[index] ^= 1 << bit

    return edit_gic("spis" if intid >= 32 else "privates", edit)


def halve_vectors(context: RestoreContext) -> None:
    (vcpu,) = context.state.vcpu_states
    vcpu.fp_regs.v = tuple((low, 0) for low, _ in vcpu.fp_regs.v)


def lose_x30(context: RestoreContext) -> None:
    (vcpu,) = context.state.vcpu_states
    vcpu.regs.x = (*vcpu.regs.x[:30], 0)


def unmask_irqs(context: RestoreContext) -> None:
    context.state.vcpu_states[0].regs.pstate &= ~0x80


def lose_a_page(context: RestoreContext) -> None:
    ram = context.machine.ram
    ram.write(ram.base + 0x20_1000, bytes(0x1000))


def lose_carry(context: RestoreContext) -> None:
    context.state.vcpu_states[0].regs.pstate ^= 1 << 29


def reuse_entropy(context: RestoreContext) -> None:
    context.entropy = bytes


def notify_another(context: RestoreContext) -> None:
    context.machine.gsi(14).pulse()


def run_guest(context: RestoreContext) -> None:
    context.machine.run(200)


def notify_again(context: RestoreContext) -> None:
    assert context.machine.vmgenid is not None
    context.machine.vmgenid.notify_guest()


UNNOTIFIED = RESTORE_PLAN.without("notify-generation-id")
EARLY_GIC = QUIET_RESTORE_PLAN.moved("set-gic-state", before="create-vcpus")

FAULTS: dict[str, Fault] = {
    # the order of steps
    "GIC before vCPUs": Fault("ignition: HVF drops the redistributor's part", no_loss, EARLY_GIC),
    "GIC before vCPUs, seen by the guest": Fault(
        "its symptom: the timer's interrupt never comes", bisim, EARLY_GIC
    ),
    "console after GIC": Fault(
        "a line that was high looks like an edge",
        no_invention_on_the_console,
        QUIET_RESTORE_PLAN.moved("set-gic-state", before="restore-console"),
    ),
    "notify before the id": Fault(
        "mutant of Firecracker 3e1c56ac0",
        order,
        RESTORE_PLAN.moved("notify-generation-id", before="write-generation-id"),
    ),
    # steps that are left out
    "no general registers": Fault(
        "the largest part", bisim, QUIET_RESTORE_PLAN.without("set-general-registers")
    ),
    "no SIMD registers": Fault("ignition", bisim, QUIET_RESTORE_PLAN.without("set-simd-registers")),
    "no system registers": Fault(
        "squib leaves out what its host can't read",
        idem,
        QUIET_RESTORE_PLAN.without("set-system-registers"),
    ),
    "no GIC state": Fault("crosvm 35bd2439e", no_loss, QUIET_RESTORE_PLAN.without("set-gic-state")),
    "no console": Fault(
        "Firecracker 25d7066a8: the UART",
        no_loss_on_the_console,
        QUIET_RESTORE_PLAN.without("restore-console"),
    ),
    "console is not given back": Fault(
        "Firecracker 25d7066a8: the UART", idem, QUIET_RESTORE_PLAN.without("restore-console")
    ),
    "no extra registers": Fault(
        "what squib's own format loses", bisim, QUIET_RESTORE_PLAN.without("set-extra-registers")
    ),
    # registers
    "V registers of 64 bits": Fault("Firecracker before 1.2", bisim, with_change(halve_vectors)),
    "X30 lost": Fault("an off-by-one over X0 to X30", bisim, with_change(lose_x30)),
    "PSTATE.I lost": Fault("an interrupt gets into the window", bisim, with_change(unmask_irqs)),
    "PSTATE.C lost": Fault("flags are state", bisim_in_a_round, with_change(lose_carry)),
    "SP_EL0 lost": Fault("not in squib's map", bisim, lose_extra("SP_EL0")),
    "PAC keys lost": Fault(
        "ignition",
        idem,
        edit_extra(lambda vcpu: vcpu.sys_regs.update({BY_NAME["APIAKeyLo_EL1"].encoding: 1})),
    ),
    "TPIDR_EL1 lost": Fault("the guest's per-CPU data", bisim, lose_sys_reg("TPIDR_EL1")),
    "VBAR_EL1 lost": Fault("the next exception goes astray", bisim, lose_sys_reg("VBAR_EL1")),
    "FPCR lost": Fault("ignition", idem, QUIET_RESTORE_PLAN.without("set-simd-registers")),
    # interrupts
    "ICC_PMR lost": Fault("not in Apple's blob", bisim, lose_extra("ICC_PMR_EL1")),
    "ICC_AP1R0 lost": Fault(
        "KVM 9b87e7a8bfb5", bisim_while_handling, lose_extra("ICC_AP1R0_EL1"), Window.HANDLER
    ),
    "ICC_IGRPEN1 lost": Fault("not in Apple's blob", bisim, lose_extra("ICC_IGRPEN1_EL1")),
    "timer disabled": Fault("what the wrong order does to PPI 27", no_loss, flip("enabled", 27)),
    "an enable is invented": Fault("KVM 41ee52ecbcdc", no_invention, flip("enabled", 48)),
    "a pending SGI is invented": Fault(
        "ignition: rollback with the live GIC", no_invention, flip("pending", 3)
    ),
    "last SPI active": Fault("QEMU 910e20484195: the last SPIs", no_invention, flip("active", 127)),
    "a latch of VMGenID is invented": Fault("an edge that nobody sent", bisim, flip("pending", 47)),
    # time
    "CNTVOFF clobbered": Fault("fcvm#663", time_policy, lose_sys_reg("CNTVOFF_EL2")),
    "timer's compare value lost": Fault(
        "every deadline is due at once", bisim, lose_sys_reg("CNTV_CVAL_EL0")
    ),
    "timer's control lost": Fault(
        "KVM 1a74847885cc: timer saved masked", bisim, lose_sys_reg("CNTV_CTL_EL0")
    ),
    # memory
    "a page lost": Fault("a page that nobody marked dirty", idem, with_change(lose_a_page)),
    # VMGenID
    "id not written": Fault(
        "mutant of Firecracker", fresh, RESTORE_PLAN.without("write-generation-id")
    ),
    "same id for two clones": Fault(
        "entropy that was saved with the rest", fresh, with_change(reuse_entropy, base=RESTORE_PLAN)
    ),
    "no interrupt": Fault("mutant of Firecracker", once, UNNOTIFIED),
    "no interrupt is pending": Fault("mutant of Firecracker", order, UNNOTIFIED),
    "interrupt of another device": Fault(
        "Firecracker 28139964c: an SPI counted wrongly",
        once,
        with_change(notify_another, base=UNNOTIFIED, last=True),
    ),
    "interrupt twice": Fault(
        "once more when the guest has run",
        once_unmasked,
        with_change(
            notify_again, base=with_change(run_guest, base=RESTORE_PLAN, last=True), last=True
        ),
    ),
    "an edge is lost in the second generation": Fault(
        "crosvm dcee988cd: nobody holds an edge but the latch",
        no_loss_of_a_generation,
        flip("pending", 47),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_turns_its_property_red(quiet: Any, name: str) -> None:
    fault = FAULTS[name]
    with pytest.raises(PropertyViolation):
        fault.caught_by(quiet(fault.mode), fault.plan)


CHECKS = sorted({(fault.caught_by, fault.mode) for fault in FAULTS.values()}, key=str)
TELLING = (fresh, order, once, once_unmasked)


@pytest.mark.parametrize(
    ("check", "mode"), CHECKS, ids=lambda value: getattr(value, "__name__", None)
)
def test_without_a_fault_it_is_green(quiet: Any, check: Check, mode: Window) -> None:
    """And where it looks is a place to which the guest comes."""
    check(quiet(mode), RESTORE_PLAN if check in TELLING else QUIET_RESTORE_PLAN)
