"""How squib 0.2 saves a machine: the steps, and their order.

Source: `crates/snapshot/src/save.rs` and `vcpu_save.rs` of tyrchen/squib. The step
`save-extra-registers` is this project's: it carries what squib's schema has no place for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emu.arch.gicv3 import AFFINITY_MASK
from emu.arch.sysregs import BY_SQUIB_KEY, SYSREGS, Model, SysReg
from emu.errors import IncompatibleError
from emu.formats import squib, thawbench
from emu.formats.envelope import MAGIC_AARCH64
from emu.formats.thawbench import ExtraBlob, ExtraVcpu
from emu.hypervisor import HvfVcpu, HvfVm
from emu.machine import Machine
from emu.snapshot import blobs, virtio_blobs
from emu.snapshot.plan import Plan, StepRegistry
from emu.snapshot.squib_virtio import slot_of

VIA_OTHER_CALLS = {"CNTVOFF_EL2", "FPCR", "FPSR"}
"""Keys of squib's map that the framework does not count among the system registers."""

EXTRA_SYSREGS: tuple[SysReg, ...] = tuple(
    reg for reg in SYSREGS if reg.saved and reg.squib_key is None
)
"""Registers that hold state and that squib's schema has no key for."""


@dataclass(slots=True)
class SaveContext:
    """What the steps of a save plan work on, and what they have saved so far."""

    machine: Machine
    vm: HvfVm
    vcpus: list[squib.VcpuState] = field(default_factory=list)
    devices: list[squib.DeviceState] = field(default_factory=list)
    gic: squib.GicState = field(default_factory=lambda: squib.GicState(len=0, bytes=b""))
    memory: bytes = b""

    def snapshot(self) -> squib.Snapshot:
        """The value of the state file."""
        devices = sorted(self.devices, key=lambda device: (device.mmio_slot, device.id))
        return squib.Snapshot(
            header=squib.SnapshotHdr(magic=MAGIC_AARCH64, version=squib.VERSION),
            data=squib.MicrovmState(
                vm_info=_vm_info(self.machine),
                vcpu_states=self.vcpus,
                device_states=squib.DeviceStates(devices=devices),
                gic_state=self.gic,
                mmds_state=None,
            ),
        )


SAVE_STEPS: StepRegistry[SaveContext] = StepRegistry("save")

SAVE_PLAN = Plan.of(
    "quiesce",
    "save-vcpus",
    "save-devices",
    "save-gic",
    "save-extra-registers",
    "save-memory",
)

STRICT_SAVE_PLAN = SAVE_PLAN.without("save-extra-registers")
"""Nothing but what squib's own schema has a place for."""


@SAVE_STEPS.register("quiesce")
def quiesce(context: SaveContext) -> None:
    """Stop all vCPUs. What no format carries is dropped here."""
    context.machine.quiesce()


@SAVE_STEPS.register("save-vcpus")
def save_vcpus(context: SaveContext) -> None:
    """General, SIMD and system registers, and the power state, of each vCPU."""
    context.vcpus = [_save_vcpu(vcpu) for vcpu in context.vm.vcpus]


@SAVE_STEPS.register("save-devices")
def save_devices(context: SaveContext) -> None:
    """The serial console, the virtio devices with their transports, and VMGenID if there is one."""
    machine = context.machine
    blob = blobs.encode(thawbench.PL011, machine.pl011.state())
    context.devices.append(_device(thawbench.PL011_KIND, blob))
    for place, (name, connected) in zip(
        machine.equipment.virtio, machine.virtio.items(), strict=True
    ):
        kind, slot = connected.device.type.name, slot_of(machine.board, place.window.base)
        blob = virtio_blobs.encode(connected)
        context.devices.append(squib.DeviceState(kind=kind, id=name, mmio_slot=slot, blob=blob))
    if machine.vmgenid is not None:
        blob = blobs.encode(thawbench.VMGENID, machine.vmgenid.save())
        context.devices.append(_device(thawbench.VMGENID_KIND, blob))


@SAVE_STEPS.register("save-gic")
def save_gic(context: SaveContext) -> None:
    """The GIC but for its CPU interfaces."""
    mpidrs = [vcpu.mpidr for vcpu in context.vm.vcpus]
    blob = thawbench.GIC.encode(blobs.gic_to_blob(context.vm.get_gic_state(), mpidrs))
    context.gic = squib.GicState(len=len(blob), bytes=blob)


@SAVE_STEPS.register("save-extra-registers")
def save_extra_registers(context: SaveContext) -> None:
    """The host clock, and the registers that squib's schema has no key for."""
    extra = ExtraBlob(
        host_cycles=context.machine.clock.now(),
        vcpus=[
            ExtraVcpu(
                mpidr=vcpu.mpidr,
                sys_regs={
                    reg.encoding: _get_extra(vcpu, reg)
                    for reg in EXTRA_SYSREGS
                    if vcpu.has_sys_reg(reg)
                },
            )
            for vcpu in context.vm.vcpus
        ],
    )
    blob = thawbench.EXTRA.encode(extra)
    context.devices.append(_device(thawbench.EXTRA_KIND, blob))


@SAVE_STEPS.register("save-memory")
def save_memory(context: SaveContext) -> None:
    """All of guest RAM."""
    context.memory = context.machine.ram.contents()


def _save_vcpu(vcpu: HvfVcpu) -> squib.VcpuState:
    sys_regs = {
        key: vcpu.get_sys_reg(reg)
        for key, reg in BY_SQUIB_KEY.items()
        if "R" in reg.access and reg.name not in VIA_OTHER_CALLS
    }
    for name, value in (
        ("CNTVOFF_EL2", vcpu.get_vtimer_offset()),
        ("FPCR", vcpu.get_reg("FPCR")),
        ("FPSR", vcpu.get_reg("FPSR")),
    ):
        sys_regs[_KEY_BY_NAME[name]] = value
    return squib.VcpuState(
        mpidr=vcpu.mpidr & AFFINITY_MASK,  # squib keeps the affinity fields alone
        regs=squib.GpRegs(
            x=tuple(vcpu.get_reg(f"X{i}") for i in range(31)),
            sp=sys_regs[_KEY_BY_NAME["SP_EL1"]],
            pc=vcpu.get_reg("PC"),
            pstate=vcpu.get_reg("CPSR"),
        ),
        fp_regs=squib.FpSimdRegs(
            v=tuple((v & _MASK64, v >> 64) for v in vcpu.get_simd_fp_regs()),
            fpsr=vcpu.get_reg("FPSR"),
            fpcr=vcpu.get_reg("FPCR"),
        ),
        sys_regs=dict(sorted(sys_regs.items())),
        psci_state=squib.PsciState(vcpu.power.value),
    )


_MASK64 = (1 << 64) - 1
_KEY_BY_NAME = {reg.name: key for key, reg in BY_SQUIB_KEY.items()}


def _get_extra(vcpu: HvfVcpu, reg: SysReg) -> int:
    return vcpu.get_icc_reg(reg) if reg.model is Model.GIC else vcpu.get_sys_reg(reg)


def _device(kind: str, blob: bytes) -> squib.DeviceState:
    return squib.DeviceState(kind=kind, id=kind, mmio_slot=thawbench.NO_MMIO_SLOT, blob=blob)


def check_ram_size(size_bytes: int) -> None:
    """Raise `IncompatibleError` for a size of RAM that squib's schema can't express."""
    if size_bytes % (1 << 20):
        raise IncompatibleError(
            f"the machine has {size_bytes} bytes of RAM; data.vm_info.mem_size_mib counts whole "
            "MiB: give it a multiple of 1048576 bytes"
        )


def _vm_info(machine: Machine) -> squib.VmInfo:
    source = machine.boot_source
    return squib.VmInfo(
        mem_size_mib=machine.ram.size_bytes >> 20,
        smt=False,
        cpu_template="",
        kernel_image_path=source.kernel_image_path,
        initrd_path=source.initrd_path,
        boot_args=source.boot_args or "",
        track_dirty_pages=False,
    )
