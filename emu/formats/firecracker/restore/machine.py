"""The machine configuration that Firecracker makes of a state, before it looks at the rest.

`MachineConfig::update` in `vmm_config/machine_config.rs` (v1.9 and v1.10: `VmConfig::update`),
called by `restore_from_snapshot` in `persist.rs`.
"""

from __future__ import annotations

from typing import Any, Final

from emu.formats import checks
from emu.formats.loader import Loader

VCPU_COUNT_MAX: Final = 32
_U8_MAX: Final = 255


def _fits_u8(state: Any) -> str | None:
    count = len(state.vcpu_states)
    return _vcpus(count) if count > _U8_MAX else None


def _smt(state: Any) -> str | None:
    if not state.vm_info.smt:
        return None
    return "data.vm_info.smt is true; Arm vCPUs have no SMT, so Firecracker wants false"


def _vcpu_count(state: Any) -> str | None:
    count = len(state.vcpu_states)
    return None if 1 <= count <= VCPU_COUNT_MAX else _vcpus(count)


def _vcpus(count: int) -> str:
    return f"data.vcpu_states has {count} vCPUs; Firecracker restores 1 to {VCPU_COUNT_MAX}"


def _memory_size(state: Any) -> str | None:
    size_mib = state.vm_info.mem_size_mib
    # Transparent huge pages and those of hugetlbfs are 2 MiB.
    unit_mib = 1 if state.vm_info.huge_pages.value == "None" else 2
    if size_mib and size_mib % unit_mib == 0:
        return None
    return (
        f"data.vm_info.mem_size_mib is {size_mib}; with huge_pages "
        f"{state.vm_info.huge_pages.value} Firecracker wants a multiple of {unit_mib} that is not 0"
    )


def configuration(error: str) -> Loader:
    """The checks of the machine configuration; `error` is the enum that their errors are in."""

    def named(variant: str) -> str:
        return f"BuildMicrovmFromSnapshotError::VmUpdateConfig({error}::{variant})"

    return (
        checks.state("has no more than 255 vCPUs", named("InvalidVcpuCount"), _fits_u8),
        checks.state("has no SMT", named("SmtNotSupported"), _smt),
        checks.state(f"has 1 to {VCPU_COUNT_MAX} vCPUs", named("InvalidVcpuCount"), _vcpu_count),
        checks.state("has a size of memory", named("InvalidMemorySize"), _memory_size),
    )


V1_9: Final[Loader] = configuration("VmConfigError")
"""v1.9 and v1.10."""

V1_11: Final[Loader] = configuration("MachineConfigError")
"""v1.11 and later."""
