"""Values that the trees of all boards have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.boards.device_tree.values import (
    EDGE_RISING,
    LEVEL_HIGH,
    interrupt_cells,
    interrupt_intid,
)
from emu.errors import BoardError


@given(st.integers(16, 1019), st.sampled_from([EDGE_RISING, LEVEL_HIGH]))
def test_interrupt_cells_invert(intid: int, flags: int) -> None:
    kind, number, told = interrupt_cells(intid, flags)
    assert (interrupt_intid(kind, number), told) == (intid, flags)
    assert kind == (1 if intid < 32 else 0)


@pytest.mark.parametrize("intid", [-1, 0, 15, 1020, 8192])
def test_an_sgi_special_intid_or_lpi_has_no_cells(intid: int) -> None:
    with pytest.raises(BoardError, match=f"INTID {intid} is no PPI"):
        interrupt_cells(intid, LEVEL_HIGH)


def test_an_unknown_kind_of_interrupt_is_refused() -> None:
    with pytest.raises(BoardError, match="kind 2"):
        interrupt_intid(2, 0)
