"""How squib 0.2 restores a machine: the steps, and their order.

Source: `crates/snapshot/src/load.rs` and `vcpu_save.rs` of tyrchen/squib: general registers, then
SIMD, then the system registers in the order of their keys, then PSCI, normalised whatever was
saved; the GIC before any vCPU runs. Of this project: `set-extra-registers`, the VMGenID steps and
`reset-vsock` and `kick-devices`, which stand where Firecracker has them: the new id is in memory
before its interrupt pends, both before the first guest instruction, and devices are kicked last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emu.arch.gicv3 import AFFINITY_MASK
from emu.arch.sysregs import BY_ENCODING, BY_NAME, BY_SQUIB_KEY, Model
from emu.core.ports import Entropy
from emu.devices.pl011 import Pl011State
from emu.devices.virtio.vsock import Vsock
from emu.devices.vmgenid import GENERATION_ID_SIZE_BYTES, VmGenId, VmGenIdState
from emu.errors import BoardError, GuestError, IncompatibleError, PlanError
from emu.formats import squib, thawbench
from emu.formats.thawbench import ExtraBlob
from emu.hypervisor import HvfVcpu, HvfVm
from emu.machine import Machine, Power
from emu.snapshot import blobs
from emu.snapshot.plan import Plan, StepRegistry
from emu.snapshot.squib_virtio import SavedDevice


@dataclass(slots=True)
class RestoreContext:
    """What the steps of a restore plan work on.

    Attributes:
        machine: as built: reset, its RAM filled.
        vm: its hypervisor surface, with nothing created yet.
        state: what the state file says.
        entropy: draws the new generation id.
        devices: what it says of virtio devices; the machine has those, in reset.
    """

    machine: Machine
    vm: HvfVm
    state: squib.MicrovmState
    entropy: Entropy
    devices: Sequence[SavedDevice]

    def device(self, kind: str) -> squib.DeviceState | None:
        """The one device of a kind, None if there is none."""
        return find_device(self.state, kind)

    def vcpus(self) -> list[tuple[HvfVcpu, squib.VcpuState]]:
        """Each created vCPU with what was saved of it.

        Raises:
            PlanError: the plan creates no vCPUs before this step.
        """
        if len(self.vm.vcpus) != len(self.state.vcpu_states):
            raise PlanError(
                f"{len(self.vm.vcpus)} of {len(self.state.vcpu_states)} vCPUs exist at this step: "
                "the plan needs create-vcpus before it"
            )
        return list(zip(self.vm.vcpus, self.state.vcpu_states, strict=True))


RESTORE_STEPS: StepRegistry[RestoreContext] = StepRegistry("restore")

RESTORE_PLAN = Plan.of(
    "create-gic",
    "create-vcpus",
    "set-general-registers",
    "set-simd-registers",
    "set-system-registers",
    "set-extra-registers",
    "set-power-states",
    "restore-console",
    "restore-devices",
    "set-gic-state",
    "restore-vmgenid",
    "write-generation-id",
    "notify-generation-id",
    "reset-vsock",
    "kick-devices",
)


@RESTORE_STEPS.register("create-gic")
def create_gic(context: RestoreContext) -> None:
    """Create the GIC, which must exist before any vCPU."""
    context.vm.create_gic()


@RESTORE_STEPS.register("create-vcpus")
def create_vcpus(context: RestoreContext) -> None:
    """Create all vCPUs.

    Raises:
        IncompatibleError: a vCPU was saved under another affinity than it has here.
    """
    for index, saved in enumerate(context.state.vcpu_states):
        context.vm.create_vcpu(index)
        found = context.vm.vcpus[-1].mpidr & AFFINITY_MASK
        if saved.mpidr != found:
            raise IncompatibleError(
                f"data.vcpu_states[{index}].mpidr is {saved.mpidr:#x}; vCPU {index} has {found:#x}"
            )


@RESTORE_STEPS.register("set-general-registers")
def set_general_registers(context: RestoreContext) -> None:
    """X0 to X30, SP_EL1, PC and PSTATE. SP_EL1 is mostly among the system registers too.

    Raises:
        IncompatibleError: PSTATE has a mode that no vCPU here can be in.
    """
    for vcpu, saved in context.vcpus():
        for index, value in enumerate(saved.regs.x):
            vcpu.set_reg(f"X{index}", value)
        vcpu.set_sys_reg(BY_NAME["SP_EL1"], saved.regs.sp)
        vcpu.set_reg("PC", saved.regs.pc)
        vcpu.set_reg("CPSR", saved.regs.pstate)


@RESTORE_STEPS.register("set-simd-registers")
def set_simd_registers(context: RestoreContext) -> None:
    """V0 to V31, FPSR and FPCR."""
    for vcpu, saved in context.vcpus():
        vcpu.set_simd_fp_regs([low | high << 64 for low, high in saved.fp_regs.v])
        vcpu.set_reg("FPSR", saved.fp_regs.fpsr)
        vcpu.set_reg("FPCR", saved.fp_regs.fpcr)


@RESTORE_STEPS.register("set-system-registers")
def set_system_registers(context: RestoreContext) -> None:
    """Squib's map of system registers, in the order of its keys.

    Raises:
        IncompatibleError: a key is unknown, or an ID register promises what is refused here.
    """
    for index, (vcpu, saved) in enumerate(context.vcpus()):
        for key in sorted(saved.sys_regs):
            if key not in BY_SQUIB_KEY:
                raise IncompatibleError(
                    f"data.vcpu_states[{index}].sys_regs has the key {key}; squib 0.2 knows "
                    f"{min(BY_SQUIB_KEY)} to {max(BY_SQUIB_KEY)}"
                )
            _set_by_key(vcpu, key, saved.sys_regs[key])


@RESTORE_STEPS.register("set-extra-registers")
def set_extra_registers(context: RestoreContext) -> None:
    """What squib's schema has no place for; nothing if the snapshot was taken without it.

    Raises:
        IncompatibleError: it is not of the same vCPUs, or holds an unknown register.
    """
    extra = read_extra(context.state)
    if extra is None:
        return
    by_mpidr = {vcpu.mpidr: vcpu for vcpu, _ in context.vcpus()}
    found = [saved.mpidr for saved in extra.vcpus]
    if sorted(found) != sorted(by_mpidr):
        raise IncompatibleError(
            f"device '{thawbench.EXTRA_KIND}' has registers of the vCPUs "
            f"{', '.join(map(hex, found)) or '(none)'}; expected one entry for each of "
            f"{', '.join(map(hex, by_mpidr))}"
        )
    for saved in extra.vcpus:
        for encoding, value in saved.sys_regs.items():
            _set_by_encoding(by_mpidr[saved.mpidr], encoding, value)


@RESTORE_STEPS.register("set-power-states")
def set_power_states(context: RestoreContext) -> None:
    """VCPU 0 on and all others off, whatever was saved: squib normalises."""
    for index, (vcpu, _) in enumerate(context.vcpus()):
        vcpu.power = Power.OFF if index else Power.ON


@RESTORE_STEPS.register("set-gic-state")
def set_gic_state(context: RestoreContext, foreign: str = "refuse") -> None:
    """The GIC but for its CPU interfaces.

    `foreign` says what to do about a state that was not made here, above all Apple's: "refuse" it,
    or leave the GIC in "reset".

    Raises:
        IncompatibleError: the state is foreign and refused, or does not fit this machine.
    """
    if foreign not in ("refuse", "reset"):
        raise PlanError(f"set-gic-state: foreign is {foreign!r}; use 'refuse' or 'reset'")
    data = context.state.gic_state.bytes
    if foreign == "reset" and not thawbench.GIC.matches(data):
        return
    blob = thawbench.GIC.decode(data)
    mpidrs = [vcpu.mpidr for vcpu in context.machine.vcpus]
    context.vm.set_gic_state(blobs.gic_from_blob(blob, mpidrs))


@RESTORE_STEPS.register("restore-console")
def restore_console(context: RestoreContext) -> None:
    """The PL011, which drives its interrupt line again.

    This comes before the GIC's state: a line that was high already is no new edge, should the
    guest use it as edge-triggered.

    Raises:
        IncompatibleError: its state is foreign, damaged, or none that a PL011 can have.
    """
    device = context.device(thawbench.PL011_KIND)
    if device is not None:
        state = blobs.decode(thawbench.PL011, device.blob, Pl011State)
        context.machine.pl011.load_state(state)


@RESTORE_STEPS.register("restore-devices")
def restore_devices(context: RestoreContext) -> None:
    """The virtio devices and their transports, which raise no interrupt by that.

    Raises:
        IncompatibleError: a state is none that the device can have.
        BackingError: the guest may write to a disk, and it is read-only.
    """
    for saved in context.devices:
        saved.state.load_into(context.machine.virtio[saved.id])


@RESTORE_STEPS.register("restore-vmgenid")
def restore_vmgenid(context: RestoreContext) -> None:
    """Make the VMGenID device, with a fresh id; nothing if the snapshot has none.

    Raises:
        IncompatibleError: there is no such GSI, or no RAM where its id should be.
    """
    device = context.device(thawbench.VMGENID_KIND)
    if device is None:
        return
    machine = context.machine
    state = blobs.decode(thawbench.VMGENID, device.blob, VmGenIdState)
    try:
        machine.ram.read(state.addr, GENERATION_ID_SIZE_BYTES)
        machine.vmgenid = VmGenId.restore(
            state, entropy=context.entropy, irqs=machine.gsi, events=machine.events
        )
    except (BoardError, GuestError) as error:
        raise IncompatibleError(f"device '{thawbench.VMGENID_KIND}': {error}") from None


@RESTORE_STEPS.register("write-generation-id")
def write_generation_id(context: RestoreContext) -> None:
    """Write the id to guest memory; nothing without the device."""
    if context.machine.vmgenid is not None:
        context.machine.vmgenid.activate(context.machine.ram)


@RESTORE_STEPS.register("notify-generation-id")
def notify_generation_id(context: RestoreContext) -> None:
    """Pulse VMGenID's interrupt; nothing without the device."""
    if context.machine.vmgenid is not None:
        context.machine.vmgenid.notify_guest()


@RESTORE_STEPS.register("reset-vsock")
def reset_vsock(context: RestoreContext) -> None:
    """Tell the guest that the connections of its vsock are gone; nothing without the device."""
    for connected in context.machine.virtio.values():
        if isinstance(connected.device, Vsock):
            connected.device.send_transport_reset()


@RESTORE_STEPS.register("kick-devices")
def kick_devices(context: RestoreContext) -> None:
    """Let each virtio device look at its queues: what was notified before was not saved."""
    for connected in context.machine.virtio.values():
        connected.device.kick()


def find_device(state: squib.MicrovmState, kind: str) -> squib.DeviceState | None:
    """The one device of a kind, None if there is none.

    Raises:
        IncompatibleError: there are several.
    """
    found = [device for device in state.device_states.devices if device.kind == kind]
    if len(found) > 1:
        raise IncompatibleError(
            f"data.device_states has {len(found)} devices of the kind '{kind}'; expected one"
        )
    return found[0] if found else None


def read_extra(state: squib.MicrovmState) -> ExtraBlob | None:
    """What this project added to the state; None for a state that squib itself could have made."""
    device = find_device(state, thawbench.EXTRA_KIND)
    return None if device is None else thawbench.EXTRA.decode(device.blob)


def check_modelled(state: squib.MicrovmState) -> None:
    """Raise `IncompatibleError` for what this machine does not have, and so would lose."""
    for device in state.device_states.devices:
        if device.kind not in thawbench.DEVICE_ENCODINGS:
            known = ", ".join(thawbench.DEVICE_ENCODINGS)
            raise IncompatibleError(
                f"data.device_states has a device '{device.id}' of the kind '{device.kind}', which "
                f"this machine does not model; it has {known}"
            )
    if state.mmds_state is not None:
        raise IncompatibleError(
            "data.mmds_state is set, and this machine has no metadata store; expected null"
        )
    if state.vm_info.cpu_template:
        raise IncompatibleError(
            f"data.vm_info.cpu_template is {state.vm_info.cpu_template[:80]!r}, and this machine "
            "knows no CPU templates; expected an empty string"
        )
    if state.vm_info.track_dirty_pages:
        raise IncompatibleError(
            "data.vm_info.track_dirty_pages is true, and this machine does not track them; "
            "expected false"
        )


def _set_by_key(vcpu: HvfVcpu, key: int, value: int) -> None:
    reg = BY_SQUIB_KEY[key]
    if reg.name == "CNTVOFF_EL2":
        vcpu.set_vtimer_offset(value)
    elif reg.name in ("FPCR", "FPSR"):
        vcpu.set_reg(reg.name, value)
    else:
        vcpu.set_sys_reg(reg, value)


def _set_by_encoding(vcpu: HvfVcpu, encoding: int, value: int) -> None:
    reg = BY_ENCODING.get(encoding)
    if reg is None or not reg.saved:
        raise IncompatibleError(
            f"device '{thawbench.EXTRA_KIND}' has a register with the encoding {encoding:#06x}, "
            "which this release does not know"
        )
    if reg.model is Model.GIC:
        vcpu.set_icc_reg(reg, value)
    else:
        vcpu.set_sys_reg(reg, value)
