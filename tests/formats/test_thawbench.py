"""Our own encodings: they come back as they were, and others' bytes are told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import IncompatibleError
from emu.formats import squib, thawbench
from emu.formats.thawbench import (
    EXTRA,
    GIC,
    PL011,
    VMGENID,
    Encoding,
    ExtraBlob,
    ExtraVcpu,
    GicBlob,
    InterruptBanks,
    Pl011Blob,
    RedistributorBlob,
    VmGenIdBlob,
    from_words,
    to_words,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "squib-0.2"

U64 = st.integers(0, 2**64 - 1)
SYS_REGS = st.dictionaries(U64, U64, max_size=5)


def banks(count: int) -> InterruptBanks:
    """Banks whose bits all differ from one another."""
    full = (1 << count) - 1
    group, enabled, pending, active, edge = (to_words(full & 1 << n, count) for n in range(5))
    priority = bytes(n % 256 for n in range(count))
    return InterruptBanks(group, enabled, pending, active, edge, priority)


def gic(spis: int = 64, vcpus: int = 2) -> GicBlob:
    return GicBlob(
        ctlr=0x12,
        spis=banks(spis),
        routes=list(range(spis)),
        redistributors=[RedistributorBlob(n, waker=n, privates=banks(32)) for n in range(vcpus)],
    )


def pl011() -> Pl011Blob:
    return Pl011Blob([0x141, 0x42], True, *range(1, 11))


def extra() -> ExtraBlob:
    return ExtraBlob(2**63, [ExtraVcpu(0, {0xC208: 7}), ExtraVcpu(1, {})])


SAMPLES: list[tuple[Encoding[Any], Any]] = [
    (VMGENID, VmGenIdBlob(gsi=47, addr=0x801F_FFF0)),
    (PL011, pl011()),
    (GIC, gic()),
    (EXTRA, extra()),
]
SIGNED = [sample for sample in SAMPLES if sample[0].prefix]


@pytest.mark.parametrize(("encoding", "value"), SAMPLES)
def test_a_value_comes_back(encoding: Encoding[Any], value: Any) -> None:
    blob = encoding.encode(value)
    assert encoding.matches(blob)
    assert encoding.decode(blob) == value


@given(st.builds(VmGenIdBlob, gsi=st.integers(0, 2**32 - 1), addr=U64))
def test_any_vmgenid_comes_back(value: VmGenIdBlob) -> None:
    assert VMGENID.decode(VMGENID.encode(value)) == value


@given(st.lists(st.builds(ExtraVcpu, mpidr=U64, sys_regs=SYS_REGS), max_size=3), U64)
def test_any_extra_state_comes_back(vcpus: list[ExtraVcpu], host_cycles: int) -> None:
    value = ExtraBlob(host_cycles, vcpus)
    assert EXTRA.decode(EXTRA.encode(value)) == value


def test_vmgenid_is_the_bitcode_of_gsi_and_address_and_nothing_else() -> None:
    """u32 47 takes one byte, u64 0x801ffff0 four; each has a header byte before it."""
    blob = VMGENID.encode(VmGenIdBlob(gsi=47, addr=0x801F_FFF0))
    assert blob.hex(" ") == "04 2f 02 f0 ff 1f 80"


@given(st.integers(1, 1020), st.data())
def test_words_hold_every_bit_of_a_bank(count: int, data: st.DataObject) -> None:
    bits = data.draw(st.integers(0, (1 << count) - 1))
    words = to_words(bits, count)
    assert len(words) == -(-count // 32)
    assert from_words(words) == bits


# --- blobs that are not ours -----------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("1[345]-*.snap")), ids=lambda path: path.stem)
def test_a_gic_that_this_project_did_not_write_is_refused(path: Path) -> None:
    blob = squib.load(path.read_bytes()).data.gic_state.bytes
    assert not GIC.matches(blob)
    with pytest.raises(IncompatibleError, match=r"not made by thawbench.*Apple.*software GIC"):
        GIC.decode(blob)


@pytest.mark.parametrize(("encoding", "value"), SIGNED)
def test_every_signature_is_its_own(encoding: Encoding[Any], value: Any) -> None:
    blob = encoding.encode(value)
    assert [other for other, _ in SIGNED if other.matches(blob)] == [encoding]


@pytest.mark.parametrize(("encoding", "value"), SIGNED)
def test_another_version_is_named(encoding: Encoding[Any], value: Any) -> None:
    newer = replace(encoding, prefix=encoding.prefix[:8] + b"\x02\x00")
    with pytest.raises(IncompatibleError, match=r"version 2 .* not 1"):
        encoding.decode(newer.encode(value))


@pytest.mark.parametrize(("encoding", "value"), SAMPLES)
def test_a_blob_cut_off_anywhere_is_refused(encoding: Encoding[Any], value: Any) -> None:
    blob = encoding.encode(value)
    for size_bytes in range(len(blob)):
        with pytest.raises(IncompatibleError, match=encoding.what.split("(")[0]):
            encoding.decode(blob[:size_bytes])


@pytest.mark.parametrize("encoding", [encoding for encoding, _ in SAMPLES])
@given(st.binary(max_size=60))
def test_arbitrary_bytes_give_a_value_or_a_typed_error(
    encoding: Encoding[Any], tail: bytes
) -> None:
    try:
        value = encoding.decode(encoding.prefix + tail)
    except IncompatibleError:
        return
    assert encoding.decode(encoding.encode(value)) == value


# --- inconsistent GICs -----------------------------------------------------------------------


def lose_a_route(state: GicBlob) -> None:
    state.routes.pop()


def lose_a_word(state: GicBlob) -> None:
    state.spis.enabled.pop()


def set_a_bit_beyond_the_last(state: GicBlob) -> None:
    state.spis = banks(40)
    state.routes = [0] * 40
    state.spis.pending[1] |= 1 << 8


def lose_a_private_interrupt(state: GicBlob) -> None:
    state.redistributors[1].privates.priority = bytes(31)


def exceed_the_spis(state: GicBlob) -> None:
    state.spis = banks(992)
    state.routes = [0] * 992


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lose_a_route, "63 routes for 64 SPIs"),
        (lose_a_word, "the SPIs: enabled has 1 words"),
        (set_a_bit_beyond_the_last, "the SPIs: pending has 2 words"),
        (lose_a_private_interrupt, "redistributor 0x1: 31 priorities for 32"),
        (exceed_the_spis, "992 SPIs; a GICv3 has at most 988"),
    ],
)
def test_banks_that_do_not_fit_a_gic_are_refused(spoil: Any, message: str) -> None:
    state = gic()
    spoil(state)
    with pytest.raises(IncompatibleError, match=message):
        GIC.decode(GIC.encode(state))


def test_a_gic_needs_not_have_a_multiple_of_32_spis() -> None:
    state = gic(spis=40)
    assert GIC.decode(GIC.encode(state)) == state


def test_devices_are_found_by_kind() -> None:
    own, virtio = {"vmgenid", "pl011", "thawbench-extra"}, set(thawbench.VIRTIO_ENCODINGS)
    assert set(thawbench.DEVICE_ENCODINGS) == own | virtio
    assert not own & virtio


def test_no_two_encodings_have_one_signature() -> None:
    found = [encoding.prefix[:8] for encoding in (GIC, *thawbench.DEVICE_ENCODINGS.values())]
    assert len(set(found)) == len(found)
    assert {len(signature) for signature in found} == {0, 8}  # VMGenID's has none
