"""Guests that boot, are saved and are restored through KVM's calls, as in Firecracker."""

from __future__ import annotations

import firmware
from emu.arch.kvm import VcpuFeature
from emu.arch.kvm_reg_list import HostKernel
from emu.arch.one_reg import BY_NAME
from emu.boards.squib import SQUIB
from emu.core.image import Image
from emu.core.ram import Ram
from emu.devices.vmgenid import VmGenId
from emu.hypervisor.kvm import KvmVm
from emu.machine import Machine
from firmware.layout import Block
from harness.entropy import SeededEntropy
from tests.hypervisor.kvm import firecracker_calls
from tests.hypervisor.kvm.surface import FIRECRACKER_INIT

RAM_SIZE_BYTES = 8 << 20
PSTATE_AT_BOOT = 0x3C5


def machine_with(ram: Ram, host_clock: int = 0, vcpu_count: int = 1) -> Machine:
    """A machine of the squib board, at reset."""
    entropy = SeededEntropy(b"trng")
    return Machine(SQUIB, ram=ram, host_clock=host_clock, entropy=entropy, vcpu_count=vcpu_count)


def boot(
    name: str, kernel: HostKernel, arguments: Block | None = None, vcpu_count: int = 1
) -> Machine:
    """vCPUs, the first of them on, then the GIC, and then PSTATE, PC, X0 and the physical count."""
    guest = firmware.load(name)
    machine = machine_with(Ram(SQUIB.dram_base, RAM_SIZE_BYTES), vcpu_count=vcpu_count)
    machine.boot(Image.parse(guest.image), entropy=SeededEntropy(b"boot"))
    entry, fdt = machine.vcpus[0].engine.pc, int(machine.vcpus[0].engine.x[0])
    vm = KvmVm(machine, kernel)
    vcpus = [vm.create_vcpu(index) for index in range(vcpu_count)]
    firecracker_calls.create_gic(vm, SQUIB, vcpu_count)
    for vcpu in vcpus:
        off = FIRECRACKER_INIT.with_feature(VcpuFeature.POWER_OFF)
        vcpu.init(off if vcpu.index else FIRECRACKER_INIT)
        vcpu.set_one_reg(BY_NAME["PSTATE"].id, PSTATE_AT_BOOT)
    for register, value in {"PC": entry, "X0": fdt, "CNTPCT_EL0": 0}.items():
        vcpus[0].set_one_reg(BY_NAME[register].id, value)
    if arguments is not None:
        machine.ram.write(guest.symbols[arguments.SYMBOL], arguments.to_bytes())
    return machine


def through_kvm(machine: Machine, kernel: HostKernel, host_clock: int | None = None) -> Machine:
    """Save, and restore into a machine that is new; devices come last, as in Firecracker."""
    machine.quiesce()
    vcpus, gic = firecracker_calls.save(KvmVm.attach(machine, kernel))
    now = machine.clock.now() if host_clock is None else host_clock
    ram = Ram(SQUIB.dram_base, RAM_SIZE_BYTES, contents=machine.ram.contents())
    restored = machine_with(ram, now, len(machine.vcpus))
    vm = KvmVm(restored, kernel)
    firecracker_calls.restore(vm, SQUIB, vcpus, gic)
    restored.pl011.load_state(machine.pl011.state())
    assert machine.vmgenid is not None
    restored.vmgenid = VmGenId.restore(
        machine.vmgenid.save(),
        entropy=SeededEntropy(b"clone"),
        irqs=vm.irqfd,
        events=restored.events,
    )
    restored.drive_timer_lines()
    return restored
