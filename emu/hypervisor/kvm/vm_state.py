"""What the vCPUs and devices of one VM share."""

from __future__ import annotations

from dataclasses import dataclass, field

from emu.arch.gicv3 import AFFINITY_MASK
from emu.cpu import Vcpu
from emu.hypervisor.kvm.host import SERVICES_AT_FIRST, Host
from emu.machine import Machine


@dataclass(slots=True)
class VmState:
    """The part of KVM's `struct kvm` that its calls look at.

    Attributes:
        machine: what the VM is.
        host: what it runs on.
        created: indices of the vCPUs that were created.
        features: the features that all vCPUs have, None until the first is initialised.
        has_gic: whether there is an interrupt controller (`irqchip_in_kernel`).
        gic_initialized: whether it was initialised (`vgic_initialized`).
        psci_version: firmware register PSCI_VERSION.
        services: the feature bitmaps, by name.
    """

    machine: Machine
    host: Host
    created: list[int] = field(default_factory=list)
    features: int | None = None
    has_gic: bool = False
    gic_initialized: bool = False
    psci_version: int = 0
    services: dict[str, int] = field(default_factory=lambda: dict(SERVICES_AT_FIRST))

    def __post_init__(self) -> None:
        self.psci_version = self.host.psci_versions[-1]

    @property
    def has_run(self) -> bool:
        """Whether any vCPU has run: from then on, KVM holds some registers fixed."""
        return self.machine.instructions > 0

    @property
    def vcpus(self) -> list[Vcpu]:
        """The machine's vCPUs that were created."""
        return [self.machine.vcpus[index] for index in sorted(self.created)]

    def index_of(self, mpidr: int) -> int | None:
        """The created vCPU with the affinity of `mpidr`; None if there is none."""
        affinities = {vcpu.mpidr & AFFINITY_MASK: vcpu.index for vcpu in self.vcpus}
        return affinities.get(mpidr & AFFINITY_MASK)
