"""The strategies of whole states give values of their format, of a bounded size, and all kinds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from emu.arch import one_reg
from emu.errors import UnknownFormatError
from emu.formats import registry, squib
from emu.formats.format import Format
from emu.wire.schema import struct_of
from harness.strategies.states import (
    edited_states,
    realistic_states,
    register_vectors,
    small_states,
    states,
)

# `find` prints what it has found.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

FORMATS = [form.id for form in registry.BUILT_IN]
FEW = ["squib-0.2", "firecracker-1.12", "firecracker-main"]

SIZE_MAX_BYTES = 250_000


@settings(max_examples=6, phases=[Phase.generate])
@pytest.mark.parametrize("format_id", FORMATS)
@given(drawn=st.data())
def test_every_state_is_read_back(format_id: str, drawn: st.DataObject) -> None:
    """And none is so large that Hypothesis speaks against it."""
    form = registry.get(format_id)
    snapshot = drawn.draw(states(format_id))
    data = form.encode(snapshot)
    assert form.decode(data) == snapshot
    assert len(data) <= SIZE_MAX_BYTES


@settings(max_examples=6, phases=[Phase.generate])
@pytest.mark.parametrize("format_id", FEW)
@given(drawn=st.data())
def test_realistic_ones_are_accepted(format_id: str, drawn: st.DataObject) -> None:
    form = registry.get(format_id)
    assert form.verdict(form.encode(drawn.draw(realistic_states(format_id)))).problem is None


def accepted(form: Format, snapshot: Any) -> bool:
    return form.verdict(form.encode(snapshot)).accepted


quickly = settings(
    max_examples=300, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)


@pytest.mark.parametrize("format_id", FEW)
@pytest.mark.parametrize("verdict", [True, False])
def test_some_edits_are_accepted_and_some_refused(format_id: str, verdict: bool) -> None:
    form = registry.get(format_id)
    found = find(
        edited_states(format_id),
        lambda snapshot: accepted(form, snapshot) is verdict,
        settings=quickly,
    )
    assert accepted(form, found) is verdict


def test_an_edit_can_change_a_register() -> None:
    """Realistic ones have none with all bits set."""

    def has_all_ones(snapshot: Any) -> bool:
        return any(
            value == (1 << 8 * one_reg.size_bytes(register)) - 1
            for vcpu in snapshot.data.vcpu_states
            for register, value in vcpu.regs.registers()
        )

    patiently = settings(quickly, max_examples=2_000)
    find(edited_states("firecracker-1.9"), has_all_ones, settings=patiently)


def test_small_ones_have_registers() -> None:
    """They are drawn as ids with values, because hardly any two vectors of bytes would fit."""
    find(
        small_states("firecracker-1.9"),
        lambda snapshot: any(vcpu.regs.ids for vcpu in snapshot.data.vcpu_states),
        settings=quickly,
    )


@given(register_vectors())
def test_register_vectors_are_accepted(vector: Any) -> None:
    assert vector.refusal() is None


def test_register_vectors_have_several_registers_of_all_sizes() -> None:
    find(register_vectors(), lambda vector: len(vector.ids) == 3, settings=quickly)
    find(register_vectors(), lambda vector: len(vector.data) == 1, settings=quickly)
    find(register_vectors(), lambda vector: len(vector.data) == 256, settings=quickly)


def test_an_unknown_format_has_no_states() -> None:
    with pytest.raises(UnknownFormatError, match="not a known format"):
        states("firecracker-0.1")


def test_a_format_of_ones_own_has_small_states(monkeypatch: pytest.MonkeyPatch) -> None:
    class Snapshot(squib.Snapshot):
        pass

    own = Format(
        id="own",
        written_by="nobody",
        version="1.0.0",
        codec=squib.FORMAT.codec,
        schema=struct_of(Snapshot),
        loader=(),
        regions=lambda state: (),
    )
    monkeypatch.setattr(registry, "formats", lambda: (own,))
    assert isinstance(find(states("own"), lambda snapshot: True, settings=quickly), Snapshot)
