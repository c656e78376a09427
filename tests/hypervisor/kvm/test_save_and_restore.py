"""A guest that is saved and restored through KVM's calls, in Firecracker's order, goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.arch.kvm_devices import VgicGroup
from emu.arch.kvm_reg_list import HostKernel
from emu.arch.sysregs import BY_NAME as SYSREGS_BY_NAME
from emu.boards.squib import SQUIB
from emu.core.events import Event, IrqAcknowledged, IrqEnded, IrqPended, Stamped, WaitStarted
from emu.core.ram import Ram
from emu.hypervisor.kvm import KvmVm
from emu.machine import Machine, Stop
from firmware.layout import Arguments, Window
from harness.guests import read_log
from harness.trace import INSTRUCTIONS_MAX, record, trace_differences
from tests.hypervisor.kvm import firecracker_calls
from tests.hypervisor.kvm.booted import RAM_SIZE_BYTES, boot, machine_with, through_kvm
from tests.hypervisor.kvm.surface import KERNELS, initialized_vcpu

VIRTUAL_TIMER, VMGENID = 27, 47


def run_until(machine: Machine, kind: type[Event], intid: int | None = None, nth: int = 1) -> None:
    """Stop at the nth event of a kind, of this interrupt if one is given."""
    left = nth

    def stop(stamped: Stamped) -> None:
        nonlocal left
        event = stamped.event
        if isinstance(event, kind) and getattr(event, "intid", None) in (intid, None):
            left -= 1
            if left == 0:
                machine.stop()

    unsubscribe = machine.events.subscribe(stop)
    assert machine.run(INSTRUCTIONS_MAX) is Stop.REQUESTED
    unsubscribe()


def check_same_course(
    name: str,
    kernel: HostKernel,
    run: Callable[[Machine], object],
) -> None:
    """After `run`, a machine that is saved and restored does what one does that is not."""
    with boot(name, kernel) as whole, boot(name, kernel) as saved:
        for machine in (whole, saved):
            run(machine)
        whole.quiesce()
        whole.drive_timer_lines()
        with through_kvm(saved, kernel) as restored:
            expected, found = (record(m, INSTRUCTIONS_MAX) for m in (whole, restored))
    assert found.stop is Stop.SYSTEM_OFF
    assert set(trace_differences(expected, found)) <= {SANITISED}


SANITISED = "gic.distributor.propbaser: 0x0 != 0x180"
"""KVM changes the cacheability in GICR_PROPBASER when it is set. Without LPIs no guest sees it."""

MOMENTS: dict[str, Callable[[Machine], object]] = {
    "before the first instruction": lambda machine: machine.run(0),
    "in boot": lambda machine: machine.run(90),
    "in the middle": lambda machine: machine.run(2_000),
    "timer interrupt pending": lambda machine: run_until(machine, IrqPended, VIRTUAL_TIMER, 2),
    "in its handler": lambda machine: run_until(machine, IrqAcknowledged, VIRTUAL_TIMER, 3),
    "just ended": lambda machine: run_until(machine, IrqEnded, VIRTUAL_TIMER, 4),
    "idle": lambda machine: run_until(machine, WaitStarted, nth=3),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_heartbeat_goes_on_as_if_it_had_not_been_saved(moment: str) -> None:
    """Every event at its time, the console, and all state at the end, are those of a run that was
    not saved.
    """
    check_same_course("heartbeat", HostKernel.LINUX_6_1, MOMENTS[moment])


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.value)
def test_on_every_kernel(kernel: HostKernel) -> None:
    check_same_course("heartbeat", kernel, MOMENTS["in its handler"])


@settings(max_examples=6)
@given(st.integers(0, 3_000))
def test_quiet_goes_on_wherever_it_is_saved(before: int) -> None:
    """Its checksums, over all registers and memory that it works with, are among the state."""
    check_same_course("quiet", HostKernel.LINUX_6_18, lambda machine: machine.run(before))


@pytest.mark.parametrize("mode", Window)
def test_a_pending_vmgenid_interrupt_is_restored(mode: Window) -> None:
    """The edge came while the guest kept it out; the restored guest handles it once."""
    kernel = HostKernel.LINUX_6_1
    with boot("quiet", kernel, Arguments(mode=mode, ticks=10, tick_period=100, rounds=8)) as saved:
        run_until(saved, IrqAcknowledged, VIRTUAL_TIMER)
        assert saved.vmgenid is not None
        saved.vmgenid.notify_guest()
        with through_kvm(saved, kernel) as restored:
            assert restored.run(INSTRUCTIONS_MAX) is Stop.SYSTEM_OFF
            assert [entry.intid for entry in read_log(restored, "quiet")].count(VMGENID) == 1


def test_a_new_generation_is_told_to_the_restored_guest() -> None:
    """In Firecracker's order: GIC, then the id in memory, then its event."""
    kernel = HostKernel.LINUX_6_18
    with boot("heartbeat", kernel) as saved:
        saved.run(2_000)
        with through_kvm(saved, kernel) as restored:
            assert restored.vmgenid is not None
            restored.vmgenid.activate(restored.ram)
            restored.vmgenid.notify_guest()
            assert restored.run(INSTRUCTIONS_MAX) is Stop.SYSTEM_OFF
            assert restored.console.count(b"vmgenid: new generation") == 1


@settings(max_examples=6)
@given(st.integers(0, 2**60))
def test_the_guests_time_goes_on_whatever_the_hosts_is(host_clock: int) -> None:
    """KVM is told counts, not offsets: the host may have been started anew."""
    kernel = HostKernel.LINUX_6_1
    with boot("heartbeat", kernel) as saved:
        saved.run(2_000)
        counts = [saved.vcpus[0].timer.read(name) for name in ("CNTVCT_EL0", "CNTPCT_EL0")]
        with through_kvm(saved, kernel, host_clock) as restored:
            timer = restored.vcpus[0].timer
            assert [timer.read(name) for name in ("CNTVCT_EL0", "CNTPCT_EL0")] == counts
            assert restored.run(INSTRUCTIONS_MAX) is Stop.SYSTEM_OFF
            assert restored.console.endswith(b"tick 11\ntick 12\nbye\n")


# --- what is lost ------------------------------------------------------------------------------


def test_a_high_line_is_lost_unless_its_level_is_saved(machine: Machine) -> None:
    """Firecracker saves no levels: its devices pulse edges. ISPENDR shows latches only."""
    spis = machine.gic.interrupts(None)
    spis.edge = 0
    machine.gic.spi(40).set_level(True)
    assert spis.pending == 1 << 8
    source = KvmVm.attach(machine)
    assert source.gic is not None
    levels = source.gic.get_device_attr(VgicGroup.LEVEL_INFO, 32)
    with machine_with(Ram(SQUIB.dram_base, RAM_SIZE_BYTES)) as restored:
        vm = KvmVm(restored)
        firecracker_calls.restore(vm, SQUIB, *firecracker_calls.save(source))
        assert restored.gic.interrupts(None).pending == 0
        assert vm.gic is not None
        vm.gic.set_device_attr(VgicGroup.LEVEL_INFO, 32, levels)
        assert restored.gic.interrupts(None).pending == 1 << 8


LOST: list[tuple[str, HostKernel, int]] = [
    ("PMCCNTR_EL0", HostKernel.LINUX_6_1, 12_345),
    ("PMCCNTR_EL0", HostKernel.LINUX_5_10, 12_345),
    ("APIAKeyLo_EL1", HostKernel.LINUX_6_18, 0xDEAD),
    ("OSLSR_EL1", HostKernel.LINUX_5_10, 0xA),
]


@pytest.mark.parametrize(("name", "kernel", "value"), LOST)
def test_registers_that_kvm_does_not_list_are_lost(
    machine: Machine, name: str, kernel: HostKernel, value: int
) -> None:
    """Those of a PMU that the vCPU has not, keys that it was not given, the OS lock on 5.10."""
    reg = SYSREGS_BY_NAME[name]
    initialized_vcpu(KvmVm(machine, kernel))
    machine.vcpus[0].set_sysreg(reg, value)
    with machine_with(Ram(SQUIB.dram_base, RAM_SIZE_BYTES)) as restored:
        saved = firecracker_calls.save(KvmVm.attach(machine, kernel))
        firecracker_calls.restore(KvmVm(restored, kernel), SQUIB, *saved)
        assert restored.vcpus[0].get_sysreg(reg) != value
