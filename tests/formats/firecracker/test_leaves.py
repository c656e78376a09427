"""What the leaf types of Firecracker's schemas accept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import DecodeError, EncodeError
from emu.formats.firecracker.leaves import (
    Aarch64RegisterVec,
    KvmCapability,
    MacAddr,
    PciBdf,
)
from emu.wire import bitcode

U64_SIZE_CODE = 3 << 52
U2048_SIZE_CODE = 8 << 52
U4096_SIZE_CODE = 9 << 52


def accepts(schema: Any, text: str) -> bool:
    """Whether a text can be written and read as that type."""
    try:
        data = bitcode.encode(schema, text)
    except EncodeError:
        return False
    return bool(bitcode.decode(schema, data) == text)


# --- texts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["0", "122", "!122", "+122", "!+122", "0" * 5000 + "4294967295", "!0"]
)
def test_a_kvm_capability_is_a_u32_in_decimal(text: str) -> None:
    """As `str::parse::<u32>` reads it: with a plus sign or leading zeros, if there are any."""
    assert accepts(KvmCapability, text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "!", "+", "-1", "!!1", "+!1", "1 ", " 1", "1\n", "1_0", "0x1", "\u0661"),
        *("4294967296", "99999999999"),
    ],
)
def test_no_other_text_is_a_kvm_capability(text: str) -> None:
    assert not accepts(KvmCapability, text)


@pytest.mark.parametrize("text", ["12:34:56:78:9a:BC", "+1:+2:+3:+4:+5:+f"])
def test_a_mac_address_is_six_bytes_of_two_characters(text: str) -> None:
    """Rust's `u8::from_str_radix` takes a plus sign for the first of the two."""
    assert accepts(MacAddr, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "aa:aa:aa:aa:aa",
        "aa:aa:aa:aa:aa:aa:aa",
        "aa:aa:aa:aa:aa:ax",
        "aa:aa:aa:aa:aa:b",
        "aa:aa:aa:aa:aa:bbb",
        "aa:aa:aa:aa:aa:b+",
        "aa:aa:aa:aa:aa:-1",
        "aa-aa-aa-aa-aa-aa",
        "aa:aa:aa:aa:aa:\u00e9",
        "aa:aa:aa:aa:aa:aa\n",
    ],
)
def test_no_other_text_is_a_mac_address(text: str) -> None:
    assert not accepts(MacAddr, text)


@pytest.mark.parametrize(
    "text", ["0000:00:00.0", "1234:56:1f.7", "FFFF:ff:ff.ff", "0:0:0.0", "+00001:+0:+01f.007"]
)
def test_a_pci_address_is_four_hexadecimal_numbers(text: str) -> None:
    """A u16 and three u8, as `from_str_radix` reads them; none is checked any further."""
    assert accepts(PciBdf, text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "invalid", "1234:56", "0000:00:00", "0000:00:00.", "0000:00:00.0.0"),
        *("10000:00:00.0", "0000:100:00.0", "0000:00:100.0", "0000:00:00.100", "0000:00:-1.0"),
        *("0:0000:00:00.0", "0000:00:00.0\n"),
    ],
)
def test_no_other_text_is_a_pci_address(text: str) -> None:
    assert not accepts(PciBdf, text)


# --- registers ---------------------------------------------------------------------------------

register_values = st.tuples(st.integers(0, 8), st.integers(0, (1 << 52) - 1)).flatmap(
    lambda id_parts: st.tuples(
        st.just(id_parts[0] << 52 | id_parts[1]),
        st.integers(0, (1 << (8 << id_parts[0])) - 1),
    )
)


@given(st.lists(register_values))
def test_a_vector_of_registers_gives_back_what_it_was_made_of(
    registers: list[tuple[int, int]],
) -> None:
    """In order, also after a round trip; an id may come twice."""
    vector = Aarch64RegisterVec.of(registers)
    assert vector.refusal() is None
    data = bitcode.encode(Aarch64RegisterVec, vector)
    assert list(bitcode.decode(Aarch64RegisterVec, data).registers()) == registers


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_a_value_that_is_too_large_for_its_id_makes_no_vector(value: int) -> None:
    with pytest.raises(EncodeError, match="64 bits"):
        Aarch64RegisterVec.of([(U64_SIZE_CODE, value)])


@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        (Aarch64RegisterVec(ids=[U4096_SIZE_CODE], data=bytes(512)), "has 4096 bits"),
        (Aarch64RegisterVec(ids=[U64_SIZE_CODE], data=bytes(7)), "data has 7 bytes.* say 8"),
        (Aarch64RegisterVec(ids=[U64_SIZE_CODE] * 2, data=bytes(17)), "data has 17 bytes.* say 16"),
        (Aarch64RegisterVec(ids=[], data=bytes(1)), "data has 1 bytes.* say 0"),
    ],
)
def test_a_vector_that_does_not_add_up_can_be_written_but_not_read(
    vector: Aarch64RegisterVec, reason: str
) -> None:
    """Firecracker's `Deserialize` refuses it, and its `Serialize` does not look."""
    data = bitcode.encode(Aarch64RegisterVec, vector)
    with pytest.raises(DecodeError, match=reason):
        bitcode.decode(Aarch64RegisterVec, data)


def test_a_register_of_2048_bits_is_the_largest() -> None:
    vector = Aarch64RegisterVec.of([(U2048_SIZE_CODE, 1)])
    assert (vector.refusal(), len(vector.data)) == (None, 256)
