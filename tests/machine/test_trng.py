"""The TRNG: how many bits, from where, and where they are left."""

from __future__ import annotations

from functools import cache
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch.trng import Function, Status
from emu.boards.kvm_services import KVM_FIRMWARE_REGISTERS, KVM_SERVICES, kvm_services
from emu.errors import BoardError
from tests import a64
from tests.machine.firmware_bench import FirmwareBench, signed

WIDTHS = {Function.TRNG_RND_SMC32: 32, Function.TRNG_RND: 64}


class Source:
    """Entropy that is always the same, and remembers how much was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, size_bytes: int) -> bytes:
        self.asked.append(size_bytes)
        return bytes(range(0xF0, 0xF0 - size_bytes, -1))


source = Source()


@cache
def bench() -> FirmwareBench:
    return FirmwareBench(KVM_SERVICES, entropy=source)


@given(function=st.sampled_from(sorted(WIDTHS)), data=st.data())
def test_as_many_bits_as_asked_for_are_drawn_and_packed(
    function: Function, data: st.DataObject
) -> None:
    """The lowest bits in X3, then X2, then X1; all above is zero. No byte is drawn in vain."""
    width = WIDTHS[function]
    bit_count = data.draw(st.integers(0, 3 * width))
    source.asked.clear()
    status, *registers = bench().execute(a64.hvc(), function, bit_count)
    value = sum(register << width * n for n, register in enumerate(reversed(registers)))
    size_bytes = -(-bit_count // 8)
    drawn = int.from_bytes(Source()(size_bytes), "little")
    assert (status, source.asked) == (Status.SUCCESS, [size_bytes])
    assert all(register < 1 << width for register in registers)
    assert value == drawn % (1 << bit_count)


def test_the_most_bits_fill_the_registers() -> None:
    """In the 64-bit form: F0, the byte drawn first, is the lowest of X3."""
    found = bench().execute(a64.hvc(), Function.TRNG_RND, 192)
    assert found == (0, 0xD9DA_DBDC_DDDE_DFE0, 0xE1E2_E3E4_E5E6_E7E8, 0xE9EA_EBEC_EDEE_EFF0)
    found = bench().execute(a64.hvc(), Function.TRNG_RND_SMC32, 96)
    assert found == (0, 0xE5E6_E7E8, 0xE9EA_EBEC, 0xEDEE_EFF0)


@pytest.mark.parametrize("function", WIDTHS)
@pytest.mark.parametrize("excess", [1, 8, 0xFFFF_0000])
def test_more_bits_than_three_registers_hold_are_refused(function: Function, excess: int) -> None:
    """And nothing is drawn."""
    source.asked.clear()
    found = bench().execute(a64.hvc(), function, 3 * WIDTHS[function] + excess)
    assert (signed(found[0]), *found[1:]) == (Status.INVALID_PARAMETERS, 0, 0, 0)
    assert source.asked == []


def test_the_number_of_bits_is_a_word_in_either_form() -> None:
    found = bench().execute(a64.hvc(), Function.TRNG_RND, 1 << 32 | 8)
    assert found == (0, 0, 0, 0xF0)


def test_version_and_identity_are_kvms() -> None:
    """The UUID's first byte is the lowest of X0."""
    assert bench().call(Function.TRNG_VERSION) == 0x1_0000
    words = bench().execute(a64.hvc(), Function.TRNG_GET_UUID)
    uid = b"".join(word.to_bytes(4, "little") for word in words)
    assert UUID(bytes=uid) == UUID("0d21e000-4384-11eb-8070-5244555e5a4c")


def test_features_knows_the_functions_of_the_trng_alone() -> None:
    for function in Function:
        assert bench().call(Function.TRNG_FEATURES, function) == Status.SUCCESS
    for other in (0x8400_0054, 0x8400_0000, 0xC400_0050):
        assert bench().call(Function.TRNG_FEATURES, other) == Status.NOT_SUPPORTED


def test_a_trng_needs_entropy() -> None:
    """It is asked for when the machine is made, and not when the guest first draws."""
    with pytest.raises(BoardError, match="entropy"):
        FirmwareBench(KVM_SERVICES)


def test_without_the_trngs_bit_there_is_none() -> None:
    without = FirmwareBench(kvm_services({**KVM_FIRMWARE_REGISTERS, "STD_BMAP": 0}))
    for function in Function:
        assert without.call(function, 8) == Status.NOT_SUPPORTED
