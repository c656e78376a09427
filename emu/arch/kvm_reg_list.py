"""Which registers KVM lists, in which order: KVM_GET_REG_LIST of arm64.

A VMM saves what KVM lists, so this is the order of the registers in a state file, and the order of
their restore. The lists are those of a guest with none of PMU and SVE, on a Neoverse N1,
V1 or V2; these three have the same.

Sources: the order from `kvm_arm_copy_reg_indices` in arch/arm64/kvm/guest.c and
`kvm_arm_copy_sys_reg_indices` in sys_regs.c of Linux 6.1.192, with the changes of Linux 6.15 ("KVM:
arm64: Allow userspace to change the implementation ID registers") and 6.18 ("KVM: arm64: Move
CNT*CT_EL0 userspace accessors to generic infrastructure"); the timers of the older two from
`timer_reg_list` in guest.c of amazonlinux/linux at commit 553b713a69a0; the sets from the
fingerprints of Firecracker (tests/golden/kvm-reg-lists).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from emu.arch import one_reg
from emu.arch.one_reg import ONE_REGS, Kind
from emu.arch.sysregs import SYSREGS, UNMODELLED, SysReg


class HostKernel(Enum):
    """A kernel that Firecracker is tested on: those of Amazon Linux.

    Their 5.10 and 6.1 have the counter offsets of Linux 6.4, and so list the registers of the
    physical timer: the CNTP_* and CNTPCT_EL0. The kernel.org releases of 5.10 and 6.1 do not.
    """

    LINUX_5_10 = "5.10"
    LINUX_6_1 = "6.1"
    LINUX_6_18 = "6.18"


def register_list(kernel: HostKernel, *, pointer_authentication: bool = False) -> tuple[int, ...]:
    """The one_reg ids that KVM lists, in its order.

    Args:
        kernel: of the host.
        pointer_authentication: whether the vCPU has the features PTRAUTH_ADDRESS and
            PTRAUTH_GENERIC, and so its keys.
    """
    names = _NAMES[kernel]
    if pointer_authentication:
        # In the table their encodings stand between those of TCR_EL1 and AFSR0_EL1.
        keys_end = names.index("AFSR0_EL1")
        names = (*names[:keys_end], *_POINTER_KEYS, *names[keys_end:])
    return tuple(one_reg.BY_NAME[name].id for name in names)


def is_feature_id(reg: SysReg) -> bool:
    """Whether it is one of the 56 encodings S3_0_C0_C[1-7]_[0-7], reserved or not."""
    return reg.at[:3] == (3, 0, 0) and 1 <= reg.at[3] <= 7


def _of_kind(*kinds: Kind) -> tuple[str, ...]:
    return tuple(reg.name for reg in ONE_REGS if reg.kind in kinds)


_CORE = _of_kind(Kind.CORE)
_FIRMWARE = _of_kind(Kind.FIRMWARE)
_FEATURES = _of_kind(Kind.FIRMWARE_FEATURES)
_CACHES = _of_kind(Kind.DEMUX)
_NEOVERSE_CACHES = _CACHES[:3]
"""Level 1 data, level 1 instruction, level 2: what CLIDR_EL1 says on all three processors."""

_TIMERS = (
    *("CNTV_CTL_EL0", "CNTVCT_EL0", "CNTV_CVAL_EL0"),
    *("CNTP_CTL_EL0", "CNTPCT_EL0", "CNTP_CVAL_EL0"),
)
"""A list of their own, until Linux 6.18 put them into the table."""

_OF_THE_HOST = ("MIDR_EL1", "REVIDR_EL1", "CLIDR_EL1", "AIDR_EL1", "CTR_EL0")
"""A table of their own, `invariant_sys_regs`, in Linux 5.10 and 6.1."""

_OS_LOCK = ("OSLSR_EL1",)
"""Linux 5.10 does not list it."""

_TABLE = (
    *("MDCCINT_EL1", "MDSCR_EL1", "DBGVCR32_EL2", "MPIDR_EL1"),
    *("SCTLR_EL1", "ACTLR_EL1", "CPACR_EL1", "TTBR0_EL1", "TTBR1_EL1", "TCR_EL1"),
    *("AFSR0_EL1", "AFSR1_EL1", "ESR_EL1", "FAR_EL1", "PAR_EL1", "MAIR_EL1", "AMAIR_EL1"),
    *("VBAR_EL1", "DISR_EL1", "CONTEXTIDR_EL1", "TPIDR_EL1", "CNTKCTL_EL1", "CSSELR_EL1"),
    *("TPIDR_EL0", "TPIDRRO_EL0", "DACR32_EL2", "IFSR32_EL2", "FPEXC32_EL2"),
    *(f"DBG{sort}{n}_EL1" for n in range(16) for sort in ("BVR", "BCR", "WVR", "WCR")),
)
"""The table, `sys_reg_descs`, as all kernels have it: besides these, all ID registers."""

_PMU = (
    *("PMINTENSET_EL1", "PMINTENCLR_EL1", "PMCR_EL0", "PMCNTENSET_EL0", "PMCNTENCLR_EL0"),
    *("PMOVSCLR_EL0", "PMOVSSET_EL0", "PMSWINC_EL0", "PMSELR_EL0", "PMCCNTR_EL0"),
    *("PMUSERENR_EL0", "PMCCFILTR_EL0"),
    *(f"{sort}{n}_EL0" for n in range(31) for sort in ("PMEVCNTR", "PMEVTYPER")),
)
"""Linux 5.10 lists them for a guest without PMU, too."""

_POINTER_KEYS = tuple(
    f"AP{key}Key{half}_EL1" for key in ("IA", "IB", "DA", "DB", "GA") for half in ("Lo", "Hi")
)

_SYSREGS = (*SYSREGS, *UNMODELLED)


def _table(*additions: Iterable[str]) -> Iterator[str]:
    """The table with what one kernel adds: in ascending order of encodings, which for the virtual
    timer is not the order of ids.
    """
    names = {*_TABLE, *(name for group in additions for name in group)}
    listed = (reg for reg in _SYSREGS if reg.name in names or is_feature_id(reg))
    return (reg.name for reg in sorted(listed, key=lambda reg: reg.encoding))


_NAMES: dict[HostKernel, tuple[str, ...]] = {
    HostKernel.LINUX_5_10: (
        *_CORE,
        *_FIRMWARE,
        *_TIMERS,
        *_OF_THE_HOST,
        *_table(_PMU),
        *_NEOVERSE_CACHES,
    ),
    HostKernel.LINUX_6_1: (
        *_CORE,
        *_FIRMWARE,
        *_FEATURES[:3],
        *_TIMERS,
        *_OF_THE_HOST,
        *_table(_OS_LOCK),
        *_NEOVERSE_CACHES,
    ),
    HostKernel.LINUX_6_18: (
        *_CORE,
        *_FIRMWARE,
        *_FEATURES,
        *_table(_OS_LOCK, _OF_THE_HOST, _TIMERS),
        *_CACHES,
    ),
}
