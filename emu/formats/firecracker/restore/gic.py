"""What Firecracker asks of the interrupt controller.

`restore_state` in `arch/aarch64/gic/gicv3/regs/mod.rs`, `set_icc_regs` in `icc_regs.rs` next to it.

A register that is missing, or a word of one, is no error: it keeps the value of a reset. GICv2 and
GICv3 are told apart by the redistributor's registers, which only the latter has; which of them the
host has is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from emu.formats import checks
from emu.formats.loader import Check, Loader

_CTLR = 1  # index of ICC_CTLR_EL1 in `main_icc_regs`
_PRIORITY_BITS_SHIFT = 8
_PRIORITY_BITS_MASK = 7
_PATH = "data.vm_state.gic"


def _vcpu_count(state: Any) -> str | None:
    vcpus, expected = len(state.vm_state.gic.gic_vcpu_states), len(state.vcpu_states)
    if vcpus == expected:
        return None
    return (
        f"{_PATH}.gic_vcpu_states has {vcpus} entries, but data.vcpu_states has {expected} vCPUs; "
        "there must be one for each"
    )


def _active_priorities(state: Any) -> Iterator[str]:
    for index, vcpu in enumerate(state.vm_state.gic.gic_vcpu_states):
        priority_bits = _priority_bits(vcpu.icc)
        if priority_bits is None:
            continue
        for place, register in enumerate(vcpu.icc.ap_icc_regs[:8]):
            expected = _is_implemented(place % 4, priority_bits)
            if (register is not None) != expected:
                yield (
                    f"{_PATH}.gic_vcpu_states[{index}].icc.ap_icc_regs[{place}] is "
                    f"{'None' if expected else 'present'}; ICC_CTLR_EL1 tells {priority_bits} bits "
                    f"of priority, and with those a GIC has {'' if expected else 'not '}"
                    f"ICC_AP{place // 4}R{place % 4}_EL1"
                )


def _priority_bits(icc: Any) -> int | None:
    """What ICC_CTLR_EL1.PRIbits tells; None without that register.

    The register is written before its bits are asked for, and KVM takes over the number
    (`set_gic_ctlr` in Linux's `vgic-sys-reg-v3.c`).
    """
    if len(icc.main_icc_regs) <= _CTLR or not icc.main_icc_regs[_CTLR].chunks:
        return None
    control: int = icc.main_icc_regs[_CTLR].chunks[0]
    return (control >> _PRIORITY_BITS_SHIFT & _PRIORITY_BITS_MASK) + 1


def _is_implemented(register: int, priority_bits: int) -> bool:
    """Whether there is an ICC_AP0R<n>_EL1 or ICC_AP1R<n>_EL1 (`is_ap_reg_available`)."""
    if register == 1:
        return priority_bits >= 6
    return register == 0 or priority_bits == 7


def _its(state: Any) -> str | None:
    gic = state.vm_state.gic
    if gic.its_state is not None or not any(vcpu.rdist for vcpu in gic.gic_vcpu_states):
        return None
    return (
        f"{_PATH}.its_state is None; with a GICv3 Firecracker restores the interrupt translation "
        "service as well"
    )


def _its_check(loader_error: str) -> Check:
    return checks.state("has an ITS if it has a GICv3", loader_error, _its)


V1_9: Final[Loader] = (
    checks.state("has the GIC of each vCPU", "GicError::InconsistentVcpuCount", _vcpu_count),
    checks.faultless(
        "has the active priorities that ICC_CTLR_EL1 tells",
        "GicError::InvalidVgicSysRegState",
        _active_priorities,
    ),
)
"""v1.9 to v1.12."""

V1_13: Final[Loader] = (*V1_9, _its_check("panic: unwrap on None: its_state"))
"""v1.13 and v1.14."""

V1_15: Final[Loader] = (*V1_9, _its_check("GicError::MissingItsState"))
"""v1.15 and later."""
