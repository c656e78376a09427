"""The interrupt controller of realistic states."""

from __future__ import annotations

from typing import Any

import pytest

from emu.formats.firecracker.gic import GicLists, Interrupt, interrupts
from harness.states import realistic_state
from harness.states.releases import RELEASES

releases = pytest.mark.parametrize("format_id", RELEASES)


def gic_of(format_id: str, **arguments: Any) -> Any:
    return realistic_state(format_id, **arguments).data.vm_state.gic


def lists_of(format_id: str) -> GicLists:
    return RELEASES[format_id].gic


def interrupts_of(format_id: str, **arguments: Any) -> list[Interrupt]:
    gic = gic_of(format_id, **arguments)
    dist = [entry.chunks for entry in gic.dist]
    rdists = [[entry.chunks for entry in vcpu.rdist] for vcpu in gic.gic_vcpu_states]
    return list(interrupts(lists_of(format_id), dist, rdists))


@releases
def test_the_lists_have_the_lengths_of_the_release(format_id: str) -> None:
    gic, lists = gic_of(format_id), lists_of(format_id)
    assert _lengths(gic.dist) == [entry.chunk_count for entry in lists.dist]
    for vcpu in gic.gic_vcpu_states:
        assert _lengths(vcpu.rdist) == [entry.chunk_count for entry in lists.rdist]
        assert _lengths(vcpu.icc.main_icc_regs) == [1] * len(lists.main_icc_regs)
        present = [register is not None for register in vcpu.icc.ap_icc_regs]
        assert present == [True, False, False, False] * 2


def _lengths(registers: Any) -> list[int]:
    return [len(register.chunks) for register in registers]


@releases
def test_every_vcpu_has_its_ipis_and_the_virtual_timer(format_id: str) -> None:
    for vcpu in (0, 1, 2):
        private = [i for i in interrupts_of(format_id, vcpus=3) if i.vcpu == vcpu]
        assert [i.intid for i in private] == [*range(7), 27]
        assert [i.trigger for i in private] == ["edge"] * 7 + ["level"]


@releases
def test_interrupts_of_devices_are_enabled_edge_and_routed_to_a_vcpu(format_id: str) -> None:
    shared = [i for i in interrupts_of(format_id, vcpus=18) if i.vcpu is None]
    first = 32 + RELEASES[format_id].first_gsi
    assert shared[0].intid == first
    for interrupt in shared:
        assert (interrupt.enabled, interrupt.pending, interrupt.active) == (True, False, False)
        assert (interrupt.trigger, interrupt.group, interrupt.priority) == ("edge", 1, 0xA0)
        assert interrupt.route in {*range(16), 0x100, 0x101}


@releases
def test_the_clocks_interrupt_is_not_used(format_id: str) -> None:
    """One disk, serial port, clock, VMGenID and, from v1.15, VMClock: the third is missing."""
    devices: Any = {"block": 1, "serial": 1}
    first = 32 + RELEASES[format_id].first_gsi
    shared = [i.intid - first for i in interrupts_of(format_id, devices=devices) if i.vcpu is None]
    assert shared == ([0, 1, 3, 4] if RELEASES[format_id].vmclock else [0, 1, 3])


@releases
def test_there_is_an_its_where_there_is_a_pci_bus(format_id: str) -> None:
    gic = gic_of(format_id)
    if not RELEASES[format_id].pci:
        assert not hasattr(gic, "its_state")
        return
    assert gic.its_state.ctlr & 1
    assert gic.its_state.creadr == gic.its_state.cwriter
    names = [entry.name for entry in lists_of(format_id).rdist]
    for vcpu in gic.gic_vcpu_states:
        assert vcpu.rdist[names.index("GICR_CTLR")].chunks[0] & 1  # EnableLPIs
