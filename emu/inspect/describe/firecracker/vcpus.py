"""The vCPUs of a Firecracker state: what was asked of KVM for them, and their registers."""

from __future__ import annotations

from typing import Any

from emu.arch import kvm, one_reg
from emu.arch.flags import flag_names
from emu.arch.one_reg import Kind, OneReg
from emu.arch.sysregs import BY_NAME, Model
from emu.formats.firecracker.leaves import (
    KVM_MP_STATE_SIZE_BYTES,
    KVM_VCPU_INIT_SIZE_BYTES,
    Aarch64RegisterVec,
)
from emu.inspect.describe import registers
from emu.inspect.describe.firecracker.locate import first
from emu.inspect.describe.views.registers import RegisterView, Section
from emu.inspect.describe.views.state import VcpuView

GROUPS = (
    "general", "SIMD", "SVE", "system", "timer", "debug", "firmware", "caches", "unknown",
)  # fmt: skip
"""The groups of registers, in the order in which they are shown."""

_BY_KIND = {
    Kind.CORE: "general",
    Kind.DEMUX: "caches",
    Kind.SYSREG: "system",
    Kind.FIRMWARE: "firmware",
    Kind.SVE: "SVE",
    Kind.FIRMWARE_FEATURES: "firmware",
}
_SIMD = {*(f"V{n}" for n in range(32)), "FPSR", "FPCR"}
_OP0_SHIFT, _OP0_DEBUG = 14, 2
_WORD_SIZE_BYTES = 4


def vcpu_view(index: int, vcpu: Any) -> VcpuView:
    """All that a state says of its vCPU number `index`."""
    target, features = _vcpu_init(vcpu.kvi)
    return VcpuView(
        index=index,
        mpidr=registers.mpidr(vcpu.mpidr),
        power_state=_mp_state(vcpu.mp_state),
        groups=groups(vcpu.regs),
        target=target,
        features=features,
        pvtime_address=first(vcpu, "pvtime_ipa"),
    )


def _mp_state(data: bytes) -> str:
    """The state of `struct kvm_mp_state`; like Firecracker, fill up or cut off what is amiss."""
    number = int.from_bytes(data[:KVM_MP_STATE_SIZE_BYTES], "little")
    return kvm.MP_STATES.get(number, f"unknown ({number:#x})")


def _vcpu_init(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Target and features of `struct kvm_vcpu_init`."""
    number = int.from_bytes(data[:_WORD_SIZE_BYTES], "little")
    features = int.from_bytes(data[_WORD_SIZE_BYTES:KVM_VCPU_INIT_SIZE_BYTES], "little")
    target = kvm.TARGETS.get(number, f"unknown ({number:#x})")
    return target, tuple(flag_names(features, kvm.VCPU_FEATURES))


# --- registers ---------------------------------------------------------------------------------


def groups(vector: Aarch64RegisterVec) -> tuple[Section, ...]:
    """All registers, each in one group; within a group in the order of the file."""
    rows: dict[str, list[RegisterView]] = {title: [] for title in GROUPS}
    for register, value in vector.registers():
        known = one_reg.find(register)
        rows[_group(known)].append(_view(register, value, known))
    return tuple(Section(title, tuple(group)) for title, group in rows.items() if group)


def _view(register: int, value: int, known: OneReg | None) -> RegisterView:
    if known is None:
        return registers.unknown(register, value, one_reg.size_bytes(register))
    return registers.view(known.name, value, known.layout, register, size_bytes=known.size_bytes)


def _group(register: OneReg | None) -> str:
    if register is None:
        return "unknown"
    if register.name in _SIMD:
        return "SIMD"
    if register.kind is Kind.SYSREG:
        return _system_group(register)
    return _BY_KIND[register.kind]


def _system_group(register: OneReg) -> str:
    if register.id >> _OP0_SHIFT & 0b11 == _OP0_DEBUG:
        return "debug"
    known = BY_NAME.get(register.name)
    return "timer" if known and known.model is Model.TIMER else "system"
