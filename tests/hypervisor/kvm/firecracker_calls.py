"""Save and restore as Firecracker v1.16 does on aarch64, in calls to the KVM-shaped surface.

Sources: `KvmVcpu::save_state` and `restore_state` in src/vmm/src/arch/aarch64/vcpu.rs, `save_state`
and `restore_state` in gic/gicv3/regs/mod.rs, `create` and `init_its` in gic/gicv3/mod.rs,
`ItsRegisterState` in gic/gicv3/regs/its_regs.rs. A board without an ITS does without its part.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emu.arch.kvm import VcpuFeature
from emu.arch.kvm_devices import ITS_ADDRESS, ItsControl, VgicAddress, VgicControl, VgicGroup
from emu.arch.one_reg import BY_NAME
from emu.boards.board import Board
from emu.formats.firecracker.gic import DIST, ICC_AP, ICC_MAIN, ITS, REDIST_FROM_1_13, Entry
from emu.hypervisor.kvm import KvmIts, KvmVcpu, KvmVgic, KvmVm, VcpuInit

Chunks = list[list[int]]


@dataclass
class SavedVcpu:
    """`VcpuState`."""

    mp_state: int
    regs: list[tuple[int, int]]
    mpidr: int
    kvi: VcpuInit


@dataclass
class SavedGic:
    """`GicState` of a GICv3; of the ITS, each register's value by its offset."""

    dist: Chunks
    rdists: list[Chunks] = field(default_factory=list)
    iccs: list[Chunks] = field(default_factory=list)
    its: dict[int, int] = field(default_factory=dict)


def save_vcpu(vcpu: KvmVcpu) -> SavedVcpu:
    mp_state = vcpu.get_mp_state()
    regs = [(register, vcpu.get_one_reg(register)) for register in vcpu.get_reg_list(500)]
    return SavedVcpu(mp_state, regs, vcpu.get_one_reg(BY_NAME["MPIDR_EL1"].id), VcpuInit())


def restore_vcpu(vcpu: KvmVcpu, saved: SavedVcpu) -> None:
    vcpu.init(saved.kvi)
    if saved.kvi.features[0] >> VcpuFeature.SVE & 1:
        vcpu.finalize(VcpuFeature.SVE)
    for register, value in saved.regs:
        vcpu.set_one_reg(register, value)
    vcpu.set_mp_state(saved.mp_state)


def save_gic(gic: KvmVgic, its: KvmIts | None, mpidrs: list[int]) -> SavedGic:
    gic.set_device_attr(VgicGroup.CTRL, VgicControl.SAVE_PENDING_TABLES)
    if its is not None:
        its.set_device_attr(VgicGroup.CTRL, ItsControl.SAVE_TABLES)
    saved = SavedGic([])
    for mpidr in mpidrs:
        saved.rdists.append(_read(gic, VgicGroup.REDIST_REGS, REDIST_FROM_1_13, mpidr))
        saved.iccs.append(_read(gic, VgicGroup.CPU_SYSREGS, _icc(gic, mpidr), mpidr))
    saved.dist = _read(gic, VgicGroup.DIST_REGS, DIST, 0)
    if its is not None:
        offsets = [entry.offset + n for entry in ITS.values() for n in _offsets(entry)]
        saved.its = {at: its.get_device_attr(VgicGroup.ITS_REGS, at) for at in offsets}
    return saved


def restore_gic(gic: KvmVgic, its: KvmIts | None, mpidrs: list[int], saved: SavedGic) -> None:
    _write(gic, VgicGroup.DIST_REGS, DIST, 0, saved.dist)
    for mpidr, rdist, icc in zip(mpidrs, saved.rdists, saved.iccs, strict=True):
        _write(gic, VgicGroup.REDIST_REGS, REDIST_FROM_1_13, mpidr, rdist)
        _write(gic, VgicGroup.CPU_SYSREGS, _icc(gic, mpidr), mpidr, icc)
    if its is not None:
        restore_its(its, saved.its)


def restore_its(its: KvmIts, registers: dict[int, int]) -> None:
    """GITS_CTLR comes last, after the tables."""
    for offset, value in registers.items():
        if offset == ITS["ctlr"].offset:
            its.set_device_attr(VgicGroup.CTRL, ItsControl.RESTORE_TABLES)
        its.set_device_attr(VgicGroup.ITS_REGS, offset, value)


def create_gic(vm: KvmVm, board: Board, vcpu_count: int) -> KvmVgic:
    gic = vm.create_gic()
    gic.set_device_attr(VgicGroup.ADDR, VgicAddress.DIST, board.gicd.base)
    gic.set_device_attr(VgicGroup.ADDR, VgicAddress.REDIST, board.gicr.window(vcpu_count).base)
    place = board.its(vcpu_count)
    if place is not None:
        its = vm.create_its()
        its.set_device_attr(VgicGroup.ADDR, ITS_ADDRESS, place.base)
        its.set_device_attr(VgicGroup.CTRL, ItsControl.INIT)
    gic.set_device_attr(VgicGroup.NR_IRQS, 0, 96 + 32)
    gic.set_device_attr(VgicGroup.CTRL, VgicControl.INIT)
    return gic


def save(vm: KvmVm) -> tuple[list[SavedVcpu], SavedGic]:
    """vCPUs, then the GIC."""
    assert vm.gic is not None
    vcpus = [save_vcpu(vcpu) for vcpu in vm.vcpus]
    return vcpus, save_gic(vm.gic, vm.its, [_affinity(saved.mpidr) for saved in vcpus])


def restore(vm: KvmVm, board: Board, vcpus: list[SavedVcpu], gic: SavedGic) -> None:
    """All vCPUs are created, then the GIC; registers go in in the same order."""
    created = [vm.create_vcpu(index) for index in range(len(vcpus))]
    device = create_gic(vm, board, len(vcpus))
    for vcpu, saved in zip(created, vcpus, strict=True):
        restore_vcpu(vcpu, saved)
    restore_gic(device, vm.its, [_affinity(saved.mpidr) for saved in vcpus], gic)


def _affinity(mpidr: int) -> int:
    """Aff3 to Aff0 without a gap, in bits 63:32 of an attribute."""
    return ((mpidr & 0xFF_0000_0000) >> 8 | mpidr & 0xFF_FFFF) << 32


def _icc(gic: KvmVgic, mpidr: int) -> tuple[Entry, ...]:
    """Those of the active priorities that there are with so many bits of priority."""
    ctlr = next(entry.offset for entry in ICC_MAIN if entry.name == "ICC_CTLR_EL1")
    bits = (gic.get_device_attr(VgicGroup.CPU_SYSREGS, mpidr | ctlr) >> 8 & 7) + 1
    there = {0: True, 1: bits >= 6, 2: bits == 7, 3: bits == 7}
    return (*ICC_MAIN, *(entry for n, entry in enumerate(ICC_AP) if there[n % 4]))


def _read(gic: KvmVgic, group: VgicGroup, entries: tuple[Entry, ...], affinity: int) -> Chunks:
    return [
        [gic.get_device_attr(group, affinity | entry.offset + n) for n in _offsets(entry)]
        for entry in entries
    ]


def _write(
    gic: KvmVgic, group: VgicGroup, entries: tuple[Entry, ...], affinity: int, saved: Chunks
) -> None:
    for entry, chunks in zip(entries, saved, strict=True):
        for n, chunk in zip(_offsets(entry), chunks, strict=True):
            gic.set_device_attr(group, affinity | entry.offset + n, chunk)


def _offsets(entry: Entry) -> range:
    return range(0, entry.chunk_count * entry.chunk_size_bytes, entry.chunk_size_bytes)
