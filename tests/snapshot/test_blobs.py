"""State and the blobs of a state file are each other's inverse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from emu.devices.pl011 import Pl011State
from emu.devices.vmgenid import VmGenIdState
from emu.errors import IncompatibleError
from emu.formats import thawbench
from emu.gic.state import BankState, DistributorState, RedistributorState
from emu.hypervisor import HvfGicState
from emu.snapshot import blobs

MPIDRS = (0x8000_0000, 0x8000_0001, 0x8000_0100)


def banks(count: int) -> SearchStrategy[BankState]:
    """Any state of `count` interrupts."""
    bits = st.integers(0, (1 << count) - 1)
    return st.builds(
        BankState,
        group=bits,
        enabled=bits,
        pending_latch=bits,
        active=bits,
        edge=bits,
        priority=st.binary(min_size=count, max_size=count),
    )


@st.composite
def gics(draw: st.DrawFn) -> HvfGicState:
    """Any GIC of three vCPUs; its number of SPIs need not fill whole words."""
    spis = draw(st.sampled_from([0, 1, 31, 32, 33, 96, 988]))
    routes = st.lists(st.integers(0, (1 << 64) - 1), min_size=spis, max_size=spis)
    return HvfGicState(
        DistributorState(
            spis=draw(banks(spis)), irouter=draw(routes), ctlr=draw(st.integers(0, (1 << 32) - 1))
        ),
        [
            RedistributorState(interrupts=draw(banks(32)), waker=draw(st.integers(0, 3)))
            for _ in MPIDRS
        ],
    )


@given(gics())
def test_the_gic_comes_back_through_its_bytes(state: HvfGicState) -> None:
    data = thawbench.GIC.encode(blobs.gic_to_blob(state, MPIDRS))
    assert blobs.gic_from_blob(thawbench.GIC.decode(data), MPIDRS) == state


@given(gics(), st.permutations(MPIDRS))
def test_each_redistributor_goes_to_its_own_vcpu(state: HvfGicState, order: list[int]) -> None:
    """PERCPU: it is the MPIDR that counts, not the place in the list."""
    found = blobs.gic_from_blob(blobs.gic_to_blob(state, MPIDRS), order)
    assert [found.redistributors[order.index(mpidr)] for mpidr in MPIDRS] == state.redistributors


@pytest.mark.parametrize(
    "others", [(), MPIDRS[:2], (*MPIDRS, 5), (*MPIDRS[:2], 5)], ids=["none", "less", "more", "else"]
)
@given(state=gics())
def test_redistributors_of_other_vcpus_are_refused(
    state: HvfGicState, others: tuple[int, ...]
) -> None:
    with pytest.raises(IncompatibleError, match="redistributors"):
        blobs.gic_from_blob(blobs.gic_to_blob(state, MPIDRS), others)


def test_two_redistributors_of_one_vcpu_are_refused() -> None:
    state = HvfGicState(
        DistributorState(BankState(0, 0, 0, 0, 0, b""), irouter=[]),
        [RedistributorState(), RedistributorState()],
    )
    blob = blobs.gic_to_blob(state, MPIDRS[:2])
    blob.redistributors[1].mpidr = MPIDRS[0]
    with pytest.raises(IncompatibleError):
        blobs.gic_from_blob(blob, MPIDRS[:1])


@given(
    st.builds(
        Pl011State,
        rx_fifo=st.lists(st.integers(0, 0xFFF)).map(tuple),
        overrun=st.booleans(),
        **{
            name: st.integers(0, 0x3F) for name in ("rsr", "ilpr", "fbrd", "lcr_h", "ifls", "dmacr")
        },
        **{name: st.integers(0, 0x7FF) for name in ("ibrd", "cr", "imsc", "ris")},
    )
)
def test_the_console_comes_back_through_its_bytes(state: Pl011State) -> None:
    data = blobs.encode(thawbench.PL011, state)
    assert blobs.decode(thawbench.PL011, data, Pl011State) == state


@given(st.builds(VmGenIdState, gsi=st.integers(0, 2**32 - 1), addr=st.integers(0, 2**64 - 1)))
def test_vmgenid_comes_back_through_its_bytes(state: VmGenIdState) -> None:
    data = blobs.encode(thawbench.VMGENID, state)
    assert blobs.decode(thawbench.VMGENID, data, VmGenIdState) == state


@pytest.mark.parametrize("pair", [("Pl011Blob", Pl011State), ("VmGenIdBlob", VmGenIdState)])
def test_a_blob_has_a_field_for_each_of_the_state(pair: tuple[str, Any]) -> None:
    """A field that is added to a device's state can't be forgotten in its encoding."""
    blob, state = pair
    assert set(state.__dataclass_fields__) == set(getattr(thawbench, blob).__annotations__)
