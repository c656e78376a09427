"""One vCPU of KVM: what a VMM does with its file descriptor.

Sources: kvm_arch_vcpu_ioctl and kvm_arch_vcpu_ioctl_vcpu_init in arch/arm64/kvm/arm.c of Linux
5.10, 6.1 and 6.16; kvm_arm_vcpu_finalize in reset.c.
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.arch.id_layouts import ID_AA64ISAR1_EL1
from emu.arch.kvm import MpState, Target, VcpuFeature
from emu.arch.kvm_reg_list import HostKernel
from emu.arch.layouts import OSLSR_EL1, PState
from emu.arch.sysregs import BY_NAME
from emu.cpu import Vcpu
from emu.errors import Errno, IncompatibleError, KvmError
from emu.hypervisor.kvm.cache_registers import make_up_caches
from emu.hypervisor.kvm.host import Change
from emu.hypervisor.kvm.kept import KeptRegisters
from emu.hypervisor.kvm.one_regs import OneRegs
from emu.hypervisor.kvm.vcpu_attributes import VcpuAttributes
from emu.hypervisor.kvm.vm_state import VmState
from emu.machine import Power

FEATURE_WORDS = 7
_POWER_OFF = 1 << VcpuFeature.POWER_OFF
_POINTER_AUTHENTICATION = 1 << VcpuFeature.PTRAUTH_ADDRESS | 1 << VcpuFeature.PTRAUTH_GENERIC

_PSTATE_AT_RESET = PState().replace(M=0b0101, D=1, A=1, I=1, F=1).value
"""EL1h, all interrupts masked (VCPU_RESET_PSTATE_EL1)."""

_FPEXC32_AT_RESET = 0x700


@dataclass(frozen=True, slots=True)
class VcpuInit:
    """`struct kvm_vcpu_init`.

    Attributes:
        target: type of the vCPU (`Target`).
        features: seven words of 32 bits; bits of the first are `VcpuFeature`s.
    """

    target: int = Target.GENERIC_V8
    features: tuple[int, ...] = (1 << VcpuFeature.PSCI_0_2, *[0] * (FEATURE_WORDS - 1))

    def with_feature(self, feature: VcpuFeature) -> VcpuInit:
        """The same with one more feature."""
        first, *others = self.features
        return VcpuInit(self.target, (first | 1 << feature, *others))


class KvmVcpu:
    """One vCPU. Until `init` it has no registers.

    Attributes:
        index: its id, as KVM_CREATE_VCPU got it.
    """

    def __init__(self, index: int, vm: VmState) -> None:
        self.index = index
        self._vm = vm
        self._vcpu: Vcpu = vm.machine.vcpus[index]
        self._kept = KeptRegisters()
        self._attributes = VcpuAttributes(self._vcpu, vm)
        self._features: int | None = None
        self._regs: OneRegs | None = None

    # --- KVM_ARM_VCPU_INIT and _FINALIZE --------------------------------------------------------

    def init(self, init: VcpuInit) -> None:
        """`KVM_ARM_VCPU_INIT`: give the vCPU its features, and reset it; on or off by POWER_OFF.

        Raises:
            KvmError: ENOENT for a feature that KVM does not know; EINVAL for one that the host has
                not, for another target, and for other features than before.
            IncompatibleError: the feature PSCI_0_2 is missing.
        """
        features = self._checked(init)
        self.adopt(init)
        self._vm.features = features
        self._reset()
        off = bool(init.features[0] & _POWER_OFF)
        self._vm.machine.psci.power[self.index] = Power.OFF if off else Power.ON

    def _reset(self) -> None:
        """`kvm_reset_vcpu`: the processor's own reset, but for the OS lock, which KVM releases, the
        flags, which are clear, FPEXC32_EL2, and the caches.

        Registers that the architecture leaves UNKNOWN have zeros here, not KVM's 0x1de7...c0de.
        """
        self._vcpu.reset()
        self._kept.reset()
        self._vcpu.engine.pstate = _PSTATE_AT_RESET
        lock = BY_NAME["OSLSR_EL1"]
        self._vcpu.set_sysreg(lock, self._vcpu.get_sysreg(lock) & ~OSLSR_EL1.OSLK.mask)
        self._vcpu.set_sysreg(BY_NAME["FPEXC32_EL2"], _FPEXC32_AT_RESET)
        if self._vm.host.has(Change.CACHES_BELONG_TO_THE_VCPU) and not self._vm.has_run:
            make_up_caches(self._vcpu)

    def adopt(self, init: VcpuInit) -> None:
        """Take over a vCPU as if it had been initialised so, and has run since."""
        self._features = self._relevant(init)
        features = frozenset(f for f in VcpuFeature if init.features[0] >> f & 1)
        self._regs = OneRegs(self._vcpu, self._vm, features, self._kept)

    def finalize(self, feature: int) -> None:
        """`KVM_ARM_VCPU_FINALIZE`: KVM has it for SVE only, which this host has not.

        Raises:
            KvmError: ENOEXEC before `init`, and EINVAL afterwards, for every feature.
        """
        self._initialized("KVM_ARM_VCPU_FINALIZE")
        raise KvmError(
            "EINVAL",
            "KVM_ARM_VCPU_FINALIZE",
            f"vCPU {self.index} has no feature {feature} to finalize; expected SVE "
            f"({VcpuFeature.SVE}), on a vCPU that has it",
        )

    def _relevant(self, init: VcpuInit) -> int:
        """The features that must stay the same."""
        first = init.features[0]
        once = self._vm.host.has(Change.POWER_OFF_IS_NO_FEATURE)
        return first & ~_POWER_OFF if once else first

    def _checked(self, init: VcpuInit) -> int:
        if init.target != Target.GENERIC_V8:
            raise self._init_refused("EINVAL", f"target {init.target}", "5, GENERIC_V8")
        known = _known_features(self._vm.host.kernel)
        first, *others = init.features
        if first & ~known or any(others):
            words = ", ".join(map(hex, init.features))
            raise self._init_refused(
                "ENOENT", f"features {words}", f"bits of {known:#x} in the first"
            )
        missing = first & ~(1 << VcpuFeature.PSCI_0_2 | _POWER_OFF | supported_features(self._vcpu))
        if missing or (first & _POINTER_AUTHENTICATION) not in (0, _POINTER_AUTHENTICATION):
            raise self._init_refused(
                "EINVAL", f"features {first:#x}", "those that the host has, PTRAUTH_* together"
            )
        features = self._relevant(init)
        of_the_vm = self._vm.host.has(Change.FEATURES_BELONG_TO_THE_VM)
        before = self._vm.features if of_the_vm else self._features
        if before not in (None, features):
            raise self._init_refused("EINVAL", f"features {features:#x}", f"{before:#x}, as before")
        if not first >> VcpuFeature.PSCI_0_2 & 1:
            raise IncompatibleError(
                f"vCPU {self.index}: without the feature PSCI_0_2 (bit 2) KVM offers the guest "
                "PSCI 0.1, which this machine has not"
            )
        return features

    def _init_refused(self, errno: Errno, found: str, expected: str) -> KvmError:
        message = f"vCPU {self.index}: {found}; expected {expected}"
        return KvmError(errno, "KVM_ARM_VCPU_INIT", message)

    # --- registers ------------------------------------------------------------------------------

    def get_reg_list(self, capacity: int | None = None) -> list[int]:
        """`KVM_GET_REG_LIST`: the ids of all registers, in KVM's order.

        Args:
            capacity: how many ids the caller has room for; None for as many as there are.

        Raises:
            KvmError: ENOEXEC before `init`; E2BIG if there are more, and the message says how many.
        """
        ids = self._initialized("KVM_GET_REG_LIST").ids
        if capacity is not None and capacity < len(ids):
            raise KvmError(
                "E2BIG", "KVM_GET_REG_LIST", f"room for {capacity} ids; there are {len(ids)}"
            )
        return list(ids)

    def get_one_reg(self, register: int) -> int:
        """`KVM_GET_ONE_REG`: as many bits as the id says.

        Raises:
            KvmError: ENOEXEC before `init`; ENOENT or EINVAL for an id of no register.
        """
        return self._initialized("KVM_GET_ONE_REG").get(register)

    def set_one_reg(self, register: int, value: int) -> None:
        """`KVM_SET_ONE_REG`.

        Raises:
            KvmError: ENOEXEC before `init`; ENOENT or EINVAL for an id of no register; EINVAL for
                a value that the register does not take, EBUSY for one that it does not take any
                more.
            IncompatibleError: KVM takes the value, and this machine is made for another.
            MachineError: the value has more bits than the id says.
        """
        self._initialized("KVM_SET_ONE_REG").set(register, value)

    def _initialized(self, call: str) -> OneRegs:
        if self._regs is None:
            raise KvmError(
                "ENOEXEC", call, f"vCPU {self.index} is not initialised: KVM_ARM_VCPU_INIT first"
            )
        return self._regs

    # --- power ----------------------------------------------------------------------------------

    def get_mp_state(self) -> MpState:
        """`KVM_GET_MP_STATE`."""
        off = self._vm.machine.psci.power[self.index] is Power.OFF
        return MpState.STOPPED if off else MpState.RUNNABLE

    def set_mp_state(self, state: int) -> None:
        """`KVM_SET_MP_STATE`.

        Raises:
            KvmError: EINVAL for a state that there is not on arm64.
            IncompatibleError: it is SUSPENDED, which KVM can have since Linux 5.19.
        """
        powers = {MpState.RUNNABLE: Power.ON, MpState.STOPPED: Power.OFF}
        power = powers.get(MpState(state)) if state in set(MpState) else None
        if power is not None:
            self._vm.machine.psci.power[self.index] = power
        elif state == MpState.SUSPENDED and self._vm.host.has(Change.SUSPENDED_STATE):
            raise IncompatibleError(
                f"vCPU {self.index}: the multiprocessing state is SUSPENDED (10), in which KVM "
                "leaves the guest for its monitor; this machine has RUNNABLE (0) and STOPPED (5)"
            )
        else:
            raise KvmError(
                "EINVAL",
                "KVM_SET_MP_STATE",
                f"vCPU {self.index}: state {state}; expected RUNNABLE (0) or STOPPED (5)",
            )

    # --- attributes -----------------------------------------------------------------------------

    def has_device_attr(self, group: int, attribute: int) -> None:
        """`KVM_HAS_DEVICE_ATTR`; raises `KvmError` (ENXIO) if there is none."""
        self._attributes.has(group, attribute)

    def get_device_attr(self, group: int, attribute: int) -> int:
        """`KVM_GET_DEVICE_ATTR`; raises `KvmError`."""
        return self._attributes.get(group, attribute)

    def set_device_attr(self, group: int, attribute: int, value: int) -> None:
        """`KVM_SET_DEVICE_ATTR`.

        Raises:
            KvmError: there is no such attribute, or it does not take the value, or not now.
            IncompatibleError: KVM takes the value, and this machine is made for another.
        """
        self._attributes.set(group, attribute, value)


def _known_features(kernel: HostKernel) -> int:
    """The bits below KVM_VCPU_MAX_FEATURES: nested virtualization came in between."""
    last = (
        VcpuFeature.HAS_EL2_E2H0 if kernel is HostKernel.LINUX_6_18 else VcpuFeature.PTRAUTH_GENERIC
    )
    return (2 << last) - 1


def supported_features(vcpu: Vcpu) -> int:
    """Bits of the features that need something of the processor, and have it.

    That is pointer authentication: AArch32, PMU, SVE and EL2 there are not.
    """
    isar1 = ID_AA64ISAR1_EL1(vcpu.get_sysreg(BY_NAME["ID_AA64ISAR1_EL1"]))
    both = (isar1.APA or isar1.API) and (isar1.GPA or isar1.GPI)
    return _POINTER_AUTHENTICATION if both else 0
