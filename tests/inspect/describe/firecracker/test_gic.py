"""The interrupt controller: its registers by name where the lists are as expected, raw if not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.formats.firecracker import gic, v1_9, v1_13
from emu.formats.firecracker.gic import Entry, GicLists, Interrupt
from emu.formats.firecracker.v1_9 import GicRegState, GicVcpuState, VgicSysRegsState
from emu.inspect.describe.firecracker.gic import gic_view
from emu.inspect.describe.views.registers import RegisterView
from emu.inspect.describe.views.state import GicView

Words = dict[str, list[int]]
"""Words of registers by name; all others are zero."""


def rows(entries: Iterable[Entry], words: Words) -> list[GicRegState[int]]:
    return [GicRegState(words.get(entry.name, [0] * entry.chunk_count)) for entry in entries]


def vcpu(lists: GicLists, words: Words) -> GicVcpuState:
    active_priorities: list[GicRegState[int] | None] = []
    for entry in lists.ap_icc_regs:
        is_there = entry.name in {"ICC_AP0R0_EL1", "ICC_AP1R0_EL1"}
        active_priorities.append(GicRegState([0]) if is_there else None)
    interface = VgicSysRegsState(rows(lists.main_icc_regs, words), active_priorities)
    return GicVcpuState(rows(lists.rdist, words), interface)


def before_its(words: Words, lists: GicLists = gic.GICV3_TO_1_12) -> v1_9.GicState:
    return v1_9.GicState(rows(lists.dist, words), [vcpu(lists, words), vcpu(lists, {})])


def with_its(words: Words) -> v1_13.GicState:
    lists = gic.GICV3_FROM_1_13
    its = v1_13.ItsRegisterState(1, 2, 3, 4, (5, 0, 0, 0, 0, 0, 0, 6), 7)
    return v1_13.GicState(rows(lists.dist, words), [vcpu(lists, words)], its)


def registers(view: GicView, title: str) -> dict[str, RegisterView]:
    (section,) = (section for section in view.sections if section.title == title)
    return {register.name: register for register in section.registers}


def test_registers_have_names_and_fields() -> None:
    view = gic_view(before_its({"GICD_CTLR": [0x53], "ICC_CTLR_EL1": [0x8401]}))
    assert (view.version, view.notes) == ("GICv3", ())
    distributor = registers(view, "distributor")
    assert list(distributor) == ["GICD_CTLR", "GICD_STATUSR"]
    assert distributor["GICD_CTLR"].fields is not None
    assert distributor["GICD_CTLR"].fields["EnableGrp1"] == "1"
    control = registers(view, "CPU interface of vCPU 0")["ICC_CTLR_EL1"]
    assert control.fields is not None
    assert (control.value, control.fields["PRIbits"]) == (0x8401, "4")
    assert list(registers(view, "active priorities of vCPU 1")) == [
        "ICC_AP0R0_EL1",
        "ICC_AP1R0_EL1",
    ]


@pytest.mark.parametrize("make", [before_its, with_its])
def test_redistributors_are_read_in_the_order_of_the_release(
    make: Callable[[Words], Any],
) -> None:
    """v1.13 put GICR_CTLR behind the tables of LPIs."""
    words = {"GICR_CTLR": [1], "GICR_WAKER": [2], "GICR_PENDBASER": [0x8000_0000, 0x40]}
    redistributor = registers(gic_view(make(words)), "redistributor of vCPU 0")
    values = {name: register.value for name, register in redistributor.items()}
    assert values == {
        "GICR_CTLR": 1,
        "GICR_STATUSR": 0,
        "GICR_WAKER": 2,
        "GICR_PROPBASER": 0,
        "GICR_PENDBASER": 0x40_8000_0000,
    }


def test_the_its_is_shown_where_there_is_one() -> None:
    its = registers(gic_view(with_its({})), "interrupt translation service")
    assert (its["GITS_IIDR"].value, its["GITS_BASER7"].value, its["GITS_CTLR"].value) == (1, 6, 7)
    titles = [section.title for section in gic_view(before_its({})).sections]
    assert "interrupt translation service" not in titles


def test_interrupts_that_are_enabled_pending_or_active() -> None:
    spi, ppi = 47, 27
    routes = [0] * 192
    routes[2 * (spi - 32)] = 1
    priorities = [0] * 24
    priorities[(spi - 32) // 4] = 0xA0 << 8 * (spi % 4)
    words = {
        "GICD_ISENABLER": [1 << spi - 32, 0, 0],
        "GICD_ISPENDR": [1 << spi - 32, 0, 0],
        "GICD_IGROUPR": [0xFFFF_FFFF] * 3,
        "GICD_ICFGR": [2 << 2 * (spi - 32), 0, 0, 0, 0, 0],
        "GICD_IPRIORITYR": priorities,
        "GICD_IROUTER": routes,
        "GICR_ISACTIVER": [1 << ppi],
    }
    assert gic_view(before_its(words)).interrupts == (
        Interrupt(ppi, 0, 0, False, False, True, 0, "level", None),
        Interrupt(spi, None, 1, True, True, False, 0xA0, "edge", 1),
    )


def test_gicv2_is_known_by_its_missing_redistributors() -> None:
    view = gic_view(before_its({"GICC_PMR": [0xF0], "GICD_ISENABLER": [1, 0, 0]}, gic.GICV2))
    assert (view.version, view.notes) == ("GICv2", ())
    assert registers(view, "CPU interface of vCPU 0")["GICC_PMR"].value == 0xF0
    assert [interrupt.intid for interrupt in view.interrupts] == [32]


def test_a_list_of_another_length_is_shown_raw_and_the_others_are_not() -> None:
    state = before_its({"GICD_ISENABLER": [1, 0, 0], "GICR_ISENABLER": [1 << 27]})
    del state.dist[-1]
    view = gic_view(state)
    (note,) = view.notes
    assert "distributor" in note
    assert {row.name for row in view.rows if row.owner == "dist"} == {None}
    assert "distributor" not in {section.title for section in view.sections}
    assert [interrupt.intid for interrupt in view.interrupts] == [27]


def test_all_that_was_saved_is_in_the_rows() -> None:
    state = with_its({"GICD_CTLR": [0x53]})
    view = gic_view(state)
    (saved,) = state.gic_vcpu_states
    expected = [tuple(row.chunks) for row in (*state.dist, *saved.rdist, *saved.icc.main_icc_regs)]
    expected += [tuple(row.chunks) for row in saved.icc.ap_icc_regs if row]
    assert [row.words for row in view.rows if row.words is not None] == expected
    assert view.rows[0].name == "GICD_CTLR"


def lists_of_words(size_bits: int) -> st.SearchStrategy[list[GicRegState[int]]]:
    words = st.integers(0, (1 << size_bits) - 1)
    return st.lists(st.builds(GicRegState, st.lists(words, max_size=4)), max_size=15)


@given(st.data())
def test_lists_of_any_shape_are_shown(data: st.DataObject) -> None:
    narrow, wide = lists_of_words(32), lists_of_words(64)
    interface = st.builds(VgicSysRegsState, wide, wide)
    vcpus = st.lists(st.builds(GicVcpuState, narrow, interface), max_size=3)
    state = data.draw(st.builds(v1_9.GicState, narrow, vcpus))
    view = gic_view(state)
    count = len(state.dist)
    for saved in state.gic_vcpu_states:
        count += len(saved.rdist) + len(saved.icc.main_icc_regs) + len(saved.icc.ap_icc_regs)
    assert len(view.rows) == count
