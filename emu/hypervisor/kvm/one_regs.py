"""KVM_GET_REG_LIST, KVM_GET_ONE_REG and KVM_SET_ONE_REG of one vCPU.

Which registers there are is `emu.arch.kvm_reg_list`; how each kind behaves stands in the modules
beside this one. What is done about ids that name no register is here.

Sources: kvm_arm_get_reg and kvm_arm_set_reg in arch/arm64/kvm/guest.c, get_core_reg,
sve_reg_to_region; kvm_arm_sys_reg_get_reg in sys_regs.c; the same in Linux 5.10 to 6.18.
"""

from __future__ import annotations

from typing import Final

from emu.arch import one_reg
from emu.arch.kvm import VcpuFeature
from emu.arch.kvm_reg_list import register_list
from emu.arch.one_reg import BY_NAME, KVM_REG_ARM64, Kind
from emu.cpu import Vcpu
from emu.errors import Errno, KvmError, MachineError
from emu.hypervisor.kvm.access import Access
from emu.hypervisor.kvm.cache_registers import cache_registers
from emu.hypervisor.kvm.core_registers import core_registers
from emu.hypervisor.kvm.firmware_registers import firmware_registers
from emu.hypervisor.kvm.identification import identification_registers
from emu.hypervisor.kvm.kept import KeptRegisters
from emu.hypervisor.kvm.system_registers import system_registers
from emu.hypervisor.kvm.timer_registers import timer_registers
from emu.hypervisor.kvm.vm_state import VmState

_KIND_MASK: Final = 0x0FFF_0000
_SIZE_MASK: Final = 0xF << 52

_KVM_REGS_WORDS: Final = 216
"""`sizeof(struct kvm_regs)` in words of 32 bits."""

_VECTOR_NUMBERS: Final = range(0x400)
_PREDICATE_NUMBERS: Final = range(0x400, 0x620)
"""Of SVE: Z0 to Z31, and P0 to P15 with FFR, with 32 slices each."""


class OneRegs:
    """The registers of a vCPU, by one_reg id.

    Args:
        vcpu: whose they are.
        vm: the VM that it is part of.
        features: the features that it was initialised with.
        kept: the registers that KVM keeps for it.
    """

    def __init__(
        self, vcpu: Vcpu, vm: VmState, features: frozenset[VcpuFeature], kept: KeptRegisters
    ) -> None:
        plain = system_registers(vcpu, kept)
        by_name = {
            **plain,
            **identification_registers(vm, plain),
            **cache_registers(vcpu, vm),
            **timer_registers(vcpu, vm),
            **firmware_registers(vm),
            **core_registers(vcpu, kept),
        }
        self.ids = register_list(
            vm.host.kernel,
            pointer_authentication=VcpuFeature.PTRAUTH_ADDRESS in features,
        )
        names = {BY_NAME[name].id: name for name in by_name}
        self._accesses: dict[int, Access] = {id_: by_name[names[id_]] for id_ in self.ids}

    def get(self, register: int) -> int:
        """What the register of an id holds; raises `KvmError` if there is none."""
        return self._find(register, "KVM_GET_ONE_REG").read()

    def set(self, register: int, value: int) -> None:
        """Set the register of an id.

        Raises:
            KvmError: there is no such register, or it does not take this value.
            IncompatibleError: KVM takes the value, and this machine is made for another.
            MachineError: the value has more bits than the id says.
        """
        access = self._find(register, "KVM_SET_ONE_REG")
        size_bits = 8 * one_reg.size_bytes(register)
        if not 0 <= value < 1 << size_bits:
            raise MachineError(
                f"{value:#x} is no value of the one_reg {register:#x}: {size_bits} bits"
            )
        access.write(value)

    def _find(self, register: int, call: str) -> Access:
        access = self._accesses.get(register)
        if access is None:
            known = one_reg.find(register)
            name = f"{known.name} ({register:#018x})" if known else f"{register:#018x}"
            raise KvmError(
                _errno_of_unknown(register),
                call,
                f"no register {name} on this host; expected one that KVM_GET_REG_LIST lists",
            )
        return access


def _errno_of_unknown(register: int) -> Errno:
    """The error number of an id that names no register of a vCPU without SVE."""
    if (register & ~_SIZE_MASK) >> 32 != KVM_REG_ARM64 >> 32:
        return "EINVAL"
    if register & _KIND_MASK == Kind.CORE.value << 16:
        word = register & 0xF000_FFFF
        inside = word + one_reg.size_bytes(register) // 4 < _KVM_REGS_WORDS
        return "EINVAL" if inside else "ENOENT"
    if register & _KIND_MASK == Kind.SVE.value << 16:
        return "ENOENT" if _is_of_sve(register) else "EINVAL"
    return "ENOENT"


def _is_of_sve(register: int) -> bool:
    number = register & 0xFFFF
    slices = (
        (BY_NAME["Z0"].id, _VECTOR_NUMBERS),
        (BY_NAME["P0"].id, _PREDICATE_NUMBERS),
    )
    return register == BY_NAME["SVE_VLS"].id or any(
        number in numbers and register - number == base - (base & 0xFFFF)
        for base, numbers in slices
    )
