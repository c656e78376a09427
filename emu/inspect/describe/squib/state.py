"""All of a squib state for people."""

from __future__ import annotations

from collections.abc import Iterator

from emu.arch.layouts import FPCR, FPSR
from emu.formats import squib
from emu.formats.memory.regions import Region
from emu.inspect.describe import registers
from emu.inspect.describe.facts import facts
from emu.inspect.describe.squib import blobs
from emu.inspect.describe.views.registers import Section
from emu.inspect.describe.views.state import RegionView, StateView, VcpuView


def state_view(state: squib.MicrovmState, regions: tuple[Region, ...]) -> StateView:
    """All that a squib state says; `regions` is the guest memory that it describes."""
    return StateView(
        vm=facts(state.vm_info),
        regions=tuple(RegionView(r.base_address, r.size_bytes, {}) for r in regions),
        memory_file_size_bytes=sum(region.size_bytes for region in regions),
        vcpus=tuple(_vcpu(index, vcpu) for index, vcpu in enumerate(state.vcpu_states)),
        devices=tuple(map(blobs.device, state.device_states.devices)),
        gic=blobs.gic(state.gic_state),
        mmds=facts(state.mmds_state) if state.mmds_state else None,
    )


def _vcpu(index: int, vcpu: squib.VcpuState) -> VcpuView:
    return VcpuView(
        index=index,
        mpidr=registers.mpidr(vcpu.mpidr),
        power_state=vcpu.psci_state.value,
        groups=tuple(_groups(vcpu)),
    )


def _groups(vcpu: squib.VcpuState) -> Iterator[Section]:
    general = (registers.view(f"X{n}", value) for n, value in enumerate(vcpu.regs.x))
    yield Section(
        "general",
        (
            *general,
            registers.view("SP_EL1", vcpu.regs.sp),
            registers.view("PC", vcpu.regs.pc),
            registers.pstate(vcpu.regs.pstate),
        ),
    )
    vectors = (
        registers.view(f"V{n}", high << 64 | low, size_bytes=16)
        for n, (low, high) in enumerate(vcpu.fp_regs.v)
    )
    yield Section(
        "SIMD",
        (
            *vectors,
            registers.view("FPSR", vcpu.fp_regs.fpsr, FPSR),
            registers.view("FPCR", vcpu.fp_regs.fpcr, FPCR),
        ),
    )
    yield Section("system", registers.by_squib_key(vcpu.sys_regs))
