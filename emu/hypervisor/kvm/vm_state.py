"""What the vCPUs and devices of one VM share."""

from __future__ import annotations

from dataclasses import dataclass, field

from emu.arch.gicv3 import AFFINITY_MASK
from emu.boards.kvm_services import KVM_FUNCTIONS_BY_BIT, kvm_services
from emu.boards.services import CallHandling
from emu.cpu import Vcpu
from emu.hypervisor.kvm.host import SERVICES, WORKAROUND_LEVELS, Change, Host
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
        firmware: PSCI_VERSION and the feature bitmaps, by name.
        identification: what the host's ID registers are, which those of a guest can't exceed.
    """

    machine: Machine
    host: Host
    created: list[int] = field(default_factory=list)
    features: int | None = None
    has_gic: bool = False
    gic_initialized: bool = False
    firmware: dict[str, int] = field(default_factory=dict)
    identification: dict[str, int] = field(default_factory=dict)

    def set_firmware(self, **registers: int) -> None:
        """Set firmware registers; what the guest calls is answered by them from here on.

        Raises:
            BoardError: the guest is offered a TRNG, and the machine was made without entropy.
        """
        firmware = {**self.firmware, **registers}
        smc_is_served = self.host.has(Change.SMC_IS_SERVED)
        smc = CallHandling.SERVED_AT_0 if smc_is_served else CallHandling.REFUSED
        self.machine.firmware.offer(kvm_services({**WORKAROUND_LEVELS, **firmware}, smc=smc))
        self.firmware = firmware

    def adopt_firmware(self) -> None:
        """Have the firmware registers say what the machine answers already."""
        services = self.machine.firmware.services
        self.firmware = {"PSCI_VERSION": services.psci_version, **dict.fromkeys(SERVICES, 0)}
        for name, bit, functions in KVM_FUNCTIONS_BY_BIT:
            if services.functions.issuperset(functions):
                self.firmware[name] |= bit.mask

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
