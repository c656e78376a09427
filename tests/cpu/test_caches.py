"""CCSIDR_EL1, of which there is one for each cache."""

from __future__ import annotations

import pytest

from emu.arch.sysregs import BY_NAME
from emu.cpu import MAX
from emu.errors import IncompatibleError
from tests import a64
from tests.cpu.lone_vcpu import LoneVcpu

SELECTORS = range(14)


def test_csselr_selects_what_ccsidr_reads() -> None:
    lone = LoneVcpu()
    for selector in SELECTORS:
        lone.vcpu.engine.x[2] = selector
        assert lone.execute(a64.msr("CSSELR_EL1", 2))
        assert lone.execute(a64.mrs(3, "CCSIDR_EL1"))
        assert lone.vcpu.engine.x[3] == MAX.ccsidr.get(selector, 0)


@pytest.mark.parametrize("selected", [0, 5, 15])
def test_a_monitor_reads_and_sets_each_whatever_csselr_holds(selected: int) -> None:
    lone = LoneVcpu()
    lone.vcpu.set_sysreg(BY_NAME["CSSELR_EL1"], selected)
    for selector in SELECTORS:
        lone.vcpu.set_ccsidr(selector, 0x100 + selector)
    assert [lone.vcpu.get_ccsidr(selector) for selector in SELECTORS] == [*range(0x100, 0x10E)]
    assert lone.vcpu.get_sysreg(BY_NAME["CSSELR_EL1"]) == selected
    assert lone.execute(a64.mrs(3, "CCSIDR_EL1"))
    assert lone.vcpu.engine.x[3] == (0x100 + selected if selected < 14 else 0)


@pytest.mark.parametrize("selector", [-1, 14])
def test_a_selector_that_selects_nothing_is_an_error(selector: int) -> None:
    lone = LoneVcpu()
    with pytest.raises(IncompatibleError, match="selects no cache; expected 0 to 0xd"):
        lone.vcpu.get_ccsidr(selector)
    with pytest.raises(IncompatibleError, match="selects no cache"):
        lone.vcpu.set_ccsidr(selector, 0)
