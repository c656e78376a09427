"""The state file of Firecracker v1.9, snapshot version 3.0.0.

Source: Firecracker v1.9.0 (v1.9.1 is the same), below `src/vmm/src`: `snapshot/mod.rs`,
`persist.rs`, `vstate/memory.rs`, `vstate/vm.rs`, `vstate/vcpu/aarch64.rs`,
`arch/aarch64/gic/regs.rs`, `vmm_config/`.
"""

from __future__ import annotations

import enum
from typing import Final, Generic, TypeVar

from emu.formats.firecracker.leaves import (
    Aarch64RegisterVec,
    KvmCapability,
    kvm_mp_state,
    kvm_vcpu_init,
)
from emu.formats.firecracker.v1_9_devices import ACPIDeviceManagerState, DeviceStates
from emu.wire.schema import AS_DECLARED, Revision, Struct, u32, u64
from emu.wire.semver import Semver

Chunk = TypeVar("Chunk")


class SnapshotHdr(Struct):
    """What the file is.

    Attributes:
        magic: Names the family of formats and the architecture.
        version: Version of the schema, as Firecracker counts it.
    """

    magic: u64
    version: Semver


# --- configuration -----------------------------------------------------------------------------


class StaticCpuTemplate(enum.Enum):
    """CPU template that the VM was started with; a custom one counts as None."""

    V1N1 = "V1N1"
    None_ = "None"


class HugePageConfig(enum.Enum):
    """Pages of the host that guest RAM was made of."""

    None_ = "None"
    Hugetlbfs2M = "2M"


class BootSourceConfig(Struct):
    """What was booted.

    Attributes:
        kernel_image_path: The kernel, on the host.
        initrd_path: The initial RAM disk, on the host.
        boot_args: The kernel's command line, as the user gave it; None for the default one.
    """

    kernel_image_path: str
    initrd_path: str | None
    boot_args: str | None


class VmInfo(Struct):
    """How the VM was configured when it was started.

    Attributes:
        mem_size_mib: Guest RAM, in MiB.
        smt: Simultaneous multithreading; Arm vCPUs have none.
    """

    mem_size_mib: u64
    smt: bool
    cpu_template: StaticCpuTemplate
    boot_source: BootSourceConfig
    huge_pages: HugePageConfig


# --- memory ------------------------------------------------------------------------------------


class GuestMemoryRegionState(Struct):
    """A region of guest RAM.

    Attributes:
        base_address: Its guest address.
        size: Its size, in bytes.
        offset: Where it begins in the memory file, in bytes.
    """

    base_address: u64
    size: u64
    offset: u64


class GuestMemoryState(Struct):
    """Guest RAM."""

    regions: list[GuestMemoryRegionState]


# --- interrupt controller ----------------------------------------------------------------------


class GicRegState(Struct, Generic[Chunk]):
    """A register of the interrupt controller, or a row of registers of one name.

    Attributes:
        chunks: Its words, in the order of their offsets.
    """

    chunks: list[Chunk]


class VgicSysRegsState(Struct):
    """The registers of a CPU interface.

    Attributes:
        main_icc_regs: GICv3: ICC_SRE_EL1, ICC_CTLR_EL1, ICC_IGRPEN0_EL1, ICC_IGRPEN1_EL1,
            ICC_PMR_EL1, ICC_BPR0_EL1, ICC_BPR1_EL1.
        ap_icc_regs: GICv3: ICC_AP0R0_EL1 to ICC_AP0R3_EL1, then ICC_AP1R0_EL1 to ICC_AP1R3_EL1;
            None for those that the host has not. Empty on GICv2.
    """

    main_icc_regs: list[GicRegState[u64]]
    ap_icc_regs: list[GicRegState[u64] | None]


class GicVcpuState(Struct):
    """The part of the interrupt controller that belongs to one vCPU.

    Attributes:
        rdist: Registers of its redistributor; empty on GICv2.
        icc: Registers of its CPU interface.
    """

    rdist: list[GicRegState[u32]]
    icc: VgicSysRegsState


class GicState(Struct):
    """The interrupt controller.

    Attributes:
        dist: Registers of the distributor.
        gic_vcpu_states: In the order of the vCPUs.
    """

    dist: list[GicRegState[u32]]
    gic_vcpu_states: list[GicVcpuState]


class VmState(Struct):
    """What KVM keeps for the whole VM.

    Attributes:
        kvm_cap_modifiers: Changes to the list of capabilities that Firecracker asks of KVM.
    """

    gic: GicState
    kvm_cap_modifiers: list[KvmCapability]


# --- vCPU, and the whole -----------------------------------------------------------------------


class VcpuState(Struct):
    """One vCPU.

    Attributes:
        mp_state: Whether it runs: 0 runnable, 5 stopped.
        mpidr: Its affinity: the value of MPIDR_EL1.
        kvi: Type and features that it was made with.
    """

    mp_state: kvm_mp_state
    regs: Aarch64RegisterVec
    mpidr: u64
    kvi: kvm_vcpu_init


class MicrovmState(Struct):
    """Everything but guest RAM, which is in the memory file."""

    vm_info: VmInfo
    memory_state: GuestMemoryState
    vm_state: VmState
    vcpu_states: list[VcpuState]
    device_states: DeviceStates
    acpi_dev_state: ACPIDeviceManagerState


class Snapshot(Struct):
    """The whole state file, without its checksum."""

    header: SnapshotHdr
    data: MicrovmState


REVISION: Final[Revision] = AS_DECLARED
