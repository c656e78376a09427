"""Whole states of squib.

Source: the crates squib-snapshot 0.2.0 and squib-arch 0.2.0. What is in its blobs and in the
state of the interrupt controller only their makers know: here it is random.
"""

from __future__ import annotations

from random import Random
from typing import Final

from emu.arch.sysregs import BY_SQUIB_KEY
from emu.formats import envelope, squib
from harness.states.guest import Guest, dram
from harness.states.machine import Machine
from harness.states.releases import Kind, Offer
from harness.states.vcpus import Values, running

_KINDS: Final[dict[Kind, str]] = {
    "block": "virtio-block",
    "net": "virtio-net",
    "vsock": "virtio-vsock",
    "balloon": "virtio-balloon",
    "entropy": "virtio-rng",
}
"""The devices that squib has, by what it calls them."""

OFFER: Final = Offer(kinds=frozenset(_KINDS), huge_pages=("None",), pci=False, huge_balloon=False)

_COUNTER_HZ = 24_000_000
_GIC_SIZE = 4096


def snapshot(machine: Machine, random: Random) -> squib.Snapshot:
    """The `Snapshot` of a machine."""
    guest = Guest(random, dram(machine.memory_mib, split=False))
    state = squib.MicrovmState(
        vm_info=_vm_info(machine),
        vcpu_states=[_vcpu(vcpu, guest) for vcpu in range(machine.vcpus)],
        device_states=squib.DeviceStates(devices=_devices(machine, random)),
        gic_state=squib.GicState(len=_GIC_SIZE, bytes=random.randbytes(_GIC_SIZE)),
        mmds_state=_mmds() if machine.mmds else None,
    )
    header = squib.SnapshotHdr(magic=envelope.MAGIC_AARCH64, version=squib.VERSION)
    return squib.Snapshot(header=header, data=state)


def _vm_info(machine: Machine) -> squib.VmInfo:
    return squib.VmInfo(
        mem_size_mib=machine.memory_mib,
        smt=False,
        cpu_template="None",
        kernel_image_path="/srv/vm/Image",
        initrd_path=None,
        boot_args="console=ttyAMA0 reboot=k panic=1",
        track_dirty_pages=False,
    )


def _vcpu(vcpu: int, guest: Guest) -> squib.VcpuState:
    values = running(vcpu, guest, _COUNTER_HZ)
    return squib.VcpuState(
        mpidr=vcpu,
        regs=squib.GpRegs(
            x=tuple(values[f"X{n}"] for n in range(31)),
            sp=values["SP_EL1"],
            pc=values["PC"],
            pstate=values["PSTATE"],
        ),
        fp_regs=squib.FpSimdRegs(v=_vectors(values), fpsr=0, fpcr=0),
        sys_regs=_sys_regs(values),
        psci_state=squib.PsciState.On,
    )


def _vectors(values: Values) -> tuple[tuple[int, ...], ...]:
    low = (1 << 64) - 1
    return tuple((values[f"V{n}"] & low, values[f"V{n}"] >> 64) for n in range(32))


def _sys_regs(values: Values) -> dict[int, int]:
    values = {**values, "CNTFRQ_EL0": _COUNTER_HZ}
    return {key: values.get(reg.name, 0) for key, reg in sorted(BY_SQUIB_KEY.items())}


def _devices(machine: Machine, random: Random) -> list[squib.DeviceState]:
    ids = [
        (kind, f"{name}{index}" if kind in {"block", "net"} else name)
        for kind, name in _KINDS.items()
        for index in range(machine.count(kind))
    ]
    return [
        squib.DeviceState(_KINDS[kind], name, slot, random.randbytes(random.randrange(24, 160)))
        for slot, (kind, name) in enumerate(ids)
    ]


def _mmds() -> squib.MmdsState:
    return squib.MmdsState(
        data_json='{"latest":{"meta-data":{"instance-id":"i-0123456789abcdef0"}}}',
        token_ttl_seconds=21_600,
    )
