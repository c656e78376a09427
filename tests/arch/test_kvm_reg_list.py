"""What KVM_GET_REG_LIST returns, against the lists of real hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.arch import one_reg
from emu.arch.kvm_reg_list import HostKernel, register_list
from emu.arch.one_reg import BY_NAME, Kind

GOLDEN = Path(__file__).parents[1] / "golden" / "kvm-reg-lists"

NOT_RECORDED = {BY_NAME[name].id for name in ("PC", "CNTVCT_EL0", "CNTPCT_EL0")}
"""The tool that recorded the golden lists leaves them out; see the README there."""

TIMERS = (
    *("CNTV_CTL_EL0", "CNTVCT_EL0", "CNTV_CVAL_EL0"),
    *("CNTP_CTL_EL0", "CNTPCT_EL0", "CNTP_CVAL_EL0"),
)
IMPLEMENTATION = ("MIDR_EL1", "REVIDR_EL1", "CLIDR_EL1", "AIDR_EL1", "CTR_EL0")


def names(kernel: HostKernel, *kinds: Kind) -> list[str]:
    """The names of a kernel's list in order, of some kinds or of all."""
    listed = [one_reg.find(register) for register in register_list(kernel)]
    return [reg.name for reg in listed if reg is not None and (not kinds or reg.kind in kinds)]


@pytest.mark.parametrize("kernel", HostKernel)
def test_the_set_is_that_of_a_real_host(kernel: HostKernel) -> None:
    listed = register_list(kernel)
    recorded = {int(line, 16) for line in (GOLDEN / f"{kernel.value}.txt").read_text().split()}
    assert len(set(listed)) == len(listed)
    assert set(listed) - NOT_RECORDED == recorded
    assert set(listed) >= NOT_RECORDED


def test_counts() -> None:
    assert {kernel.value: len(register_list(kernel)) for kernel in HostKernel} == {
        "5.10": 315,
        "6.1": 245,
        "6.18": 257,
    }


@pytest.mark.parametrize("kernel", HostKernel)
def test_every_register_has_a_name(kernel: HostKernel) -> None:
    assert None not in map(one_reg.find, register_list(kernel))


@pytest.mark.parametrize("kernel", HostKernel)
def test_kinds_follow_each_other(kernel: HostKernel) -> None:
    """Core, firmware, its bitmaps, system registers, caches; each in order of numbers but for
    system registers.
    """
    order = [Kind.CORE, Kind.FIRMWARE, Kind.FIRMWARE_FEATURES, Kind.SYSREG, Kind.DEMUX]
    listed = register_list(kernel)
    kinds = [Kind(register >> 16 & 0xFFF) for register in listed]
    assert kinds == sorted(kinds, key=order.index)
    for kind in set(order) - {Kind.SYSREG}:
        numbers = [register & 0xFFFF for register in listed if register >> 16 & 0xFFF == kind.value]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("kernel", [HostKernel.LINUX_5_10, HostKernel.LINUX_6_1])
def test_older_kernels_list_timers_and_implementation_before_the_table(kernel: HostKernel) -> None:
    sysregs = names(kernel, Kind.SYSREG)
    assert sysregs[:11] == [*TIMERS, *IMPLEMENTATION]
    encodings = [BY_NAME[name].id for name in sysregs[11:]]
    assert encodings == sorted(encodings)


def test_linux_6_18_lists_all_system_registers_by_encoding() -> None:
    """So the virtual timer's two registers, whose ids are swapped, are out of order."""
    sysregs = names(HostKernel.LINUX_6_18, Kind.SYSREG)
    assert {*TIMERS, *IMPLEMENTATION} <= set(sysregs)
    where = sysregs.index("CNTPCT_EL0")
    assert sysregs[where : where + 6] == [
        *("CNTPCT_EL0", "CNTVCT_EL0"),
        *("CNTP_CTL_EL0", "CNTP_CVAL_EL0", "CNTV_CTL_EL0", "CNTV_CVAL_EL0"),
    ]
    others = [BY_NAME[name].id for name in sysregs if name not in TIMERS]
    assert others == sorted(others)


def test_what_tells_the_kernels_apart() -> None:
    v5_10, v6_1, v6_18 = (set(names(kernel)) for kernel in HostKernel)
    assert {name for name in v5_10 - v6_1 if not name.startswith("PM")} == set()
    assert len(v5_10 - v6_1) == 74
    assert v6_1 - v5_10 == {"OSLSR_EL1", "STD_BMAP", "STD_HYP_BMAP", "VENDOR_HYP_BMAP"}
    assert v6_1 <= v6_18
    assert v6_18 - v6_1 == {"VENDOR_HYP_BMAP_2", *(f"CCSIDR[{n}]" for n in range(3, 14))}
