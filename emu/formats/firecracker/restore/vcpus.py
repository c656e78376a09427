"""What is asked of the vCPUs: by Firecracker itself, and by KVM on every host.

`KvmVcpu::restore_state` in `vstate/vcpu/aarch64.rs` (v1.9 to v1.11) and `arch/aarch64/vcpu.rs`.
KVM's rules: Linux 5.10 to 6.18, below `arch/arm64/kvm`: `guest.c` (`kvm_arm_set_reg`),
`arm.c` (`kvm_arch_vcpu_ioctl_set_mpstate`), `pvtime.c` (`kvm_arm_pvtime_set_attr`).

Left out is what depends on the host: which registers there are, which values they take.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from emu.arch.pvtime import STOLEN_TIME_SIZE_BYTES
from emu.formats import checks
from emu.formats.firecracker.leaves import KVM_MP_STATE_SIZE_BYTES
from emu.formats.firecracker.restore.guest_memory import GuestMemory
from emu.formats.loader import Check, Loader

_FEATURES = slice(4, 8)  # the first word of `features` in `struct kvm_vcpu_init`
_PMU_V3 = 1 << 3
_SVE = 1 << 4

_KIND_MASK = 0xFFF << 16  # KVM_REG_ARM_COPROC_MASK
_KIND_SVE = 0x15 << 16
_V0 = 0x6040_0000_0010_0054
_V31 = _V0 + 31 * 4

_MP_STATES = {0: "runnable", 5: "stopped", 10: "suspended"}


def _vcpus(state: Any) -> Iterator[tuple[str, Any]]:
    for index, vcpu in enumerate(state.vcpu_states):
        yield f"data.vcpu_states[{index}]", vcpu


def _features(vcpu: Any) -> int:
    """The feature bits; bytes that are missing are read as 0."""
    return int.from_bytes(vcpu.kvi[_FEATURES], "little")


def _pmu(state: Any) -> Iterator[str]:
    for path, vcpu in _vcpus(state):
        if _features(vcpu) & _PMU_V3:
            yield (
                f"{path}.kvi has the feature bit 3, PMU_V3, set; Firecracker does not restore a "
                "vCPU with a PMU: take the snapshot without it"
            )


def _vector_registers(state: Any) -> Iterator[str]:
    for path, vcpu in _vcpus(state):
        has_sve = bool(_features(vcpu) & _SVE)
        for index, register in enumerate(vcpu.regs.ids):
            if _is_wrong_vector(register, has_sve):
                yield (
                    f"{path}.regs.ids[{index}] is {register:#x}, a register "
                    f"{'without' if has_sve else 'of'} SVE, but kvi has the feature bit 4, SVE, "
                    f"{'set' if has_sve else 'clear'}; KVM has V0 to V31 without that bit, and "
                    "SVE's registers with it"
                )


def _is_wrong_vector(register: int, has_sve: bool) -> bool:
    if has_sve:
        return _V0 <= register <= _V31
    return register & _KIND_MASK == _KIND_SVE


def _power(state: Any) -> Iterator[str]:
    for path, vcpu in _vcpus(state):
        mp_state = int.from_bytes(vcpu.mp_state[:KVM_MP_STATE_SIZE_BYTES], "little")
        if mp_state not in _MP_STATES:
            known = ", ".join(f"{number} ({name})" for number, name in _MP_STATES.items())
            yield f"{path}.mp_state is {mp_state}; an Arm vCPU is {known}"


def _stolen_time(state: Any) -> Iterator[str]:
    memory = GuestMemory(state)
    for path, vcpu in _vcpus(state):
        address = vcpu.pvtime_ipa
        if address is None:
            continue
        if address % STOLEN_TIME_SIZE_BYTES or memory.region_at(address) is None:
            yield (
                f"{path}.pvtime_ipa is {address:#x}; expected a multiple of "
                f"{STOLEN_TIME_SIZE_BYTES} in guest memory"
            )


def _named(error: str) -> str:
    return f"BuildMicrovmFromSnapshotError::RestoreVcpus({error})"


def _set(error: str) -> tuple[Check, Check]:
    """The checks of what is set by ioctls that every release uses; `error` is their enum."""
    return (
        checks.faultless(
            "has the vector registers of its vCPUs",
            _named(f"{error}::SetOneReg"),
            _vector_registers,
        ),
        checks.faultless("has vCPUs that run or are off", _named(f"{error}::SetMp"), _power),
    )


_PVTIME = checks.faultless(
    "has stolen time in guest memory", _named("VcpuArchError::DeviceAttribute"), _stolen_time
)
_NO_PMU = checks.faultless("has no vCPU with a PMU", _named("KvmVcpuError::UnsupportedPmuV3"), _pmu)

V1_9: Final[Loader] = _set("VcpuError")
"""v1.9 to v1.11."""

V1_12: Final[Loader] = _set("VcpuArchError")

V1_13: Final[Loader] = (*V1_12, _PVTIME)
"""v1.13 to v1.15."""

V1_16: Final[Loader] = (_NO_PMU, *V1_13)
"""v1.16 and main."""
