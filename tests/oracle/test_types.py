"""The oracle's own account of types that Firecracker wrote `Deserialize` for by hand.

Each rule is here twice, in Rust and in Python; what Firecracker's tests say is tried on both.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.formats.firecracker.leaves import Aarch64RegisterVec, KvmCapability, MacAddr, PciBdf
from emu.wire.nodes import Node
from emu.wire.schema import schema_of
from emu.wire.semver import Semver
from tests.oracle.agreement import assert_same_verdict
from tests.oracle.client import Accepted, Oracle
from tests.oracle.subjects import BITCODE, CODECS, Codec

codecs = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.crate)

PLAIN = schema_of(str)
RULES: dict[str, Node] = {
    "semver": schema_of(Semver),
    "MAC": schema_of(MacAddr),
    "KVM": schema_of(KvmCapability),
    "PCI": schema_of(PciBdf),
}
rules = pytest.mark.parametrize("rule", RULES)

# From the tests of Firecracker's `mac.rs` and `templates.rs` and of its crate `pci`.
ACCEPTED = {
    "semver": ["1.2.3", "1.0.0-alpha.1", "1.0.0+5", "18446744073709551615.0.0"],
    "MAC": ["12:34:56:78:9a:BC", "+1:23:45:67:89:00"],
    "KVM": ["69", "!69", "+5", "007", "4294967295"],
    "PCI": ["1234:56:1f.7", "0000:00:00.0", "0:0:0.0", "+1:0001:ff.ff", "00000001:0:0.0"],
}
REFUSED = {
    "semver": ["", "1", "1.2", "01.2.3", "1.2.3 ", "1.2.3-", "18446744073709551616.0.0", "v1.2.3"],
    "MAC": ["", "aa:aa:aa:aa:aa:aa:aa", "aa:aa:aa:aa:aa:ax", "aa:aa:aa:aa:aa:b", "a-a:aa:aa:aa:aa"],
    "KVM": ["", "!", "!!1", "-1", "4294967296", "a0", "1 ", "++1", "\u0663"],
    "PCI": ["", "invalid", "1234:56", "1234:56:78:9a.b", "xxxx:00:00.0", "0:0:0", "0:0:0.0.0"],
}
CASES = [
    (rule, text, is_accepted)
    for texts, is_accepted in ((ACCEPTED, True), (REFUSED, False))
    for rule in RULES
    for text in texts[rule]
]


@codecs
@pytest.mark.parametrize(("rule", "text", "is_accepted"), CASES)
def test_a_text_is_accepted_or_refused_by_both(
    oracle: Oracle, codec: Codec, rule: str, text: str, is_accepted: bool
) -> None:
    data = codec.encode(PLAIN, text)
    assert assert_same_verdict(oracle, codec, RULES[rule], data) == is_accepted


def edited(text: str, random: Random) -> str:
    """A text with a few characters changed for telling ones, or doubled, or left out."""
    for _ in range(random.randint(1, 3)):
        place = random.randint(0, len(text))
        middle = random.choice([*"0189afgAF+-!:. ", "", "é", text[place : place + 3] * 2])
        text = text[:place] + middle + text[place + random.randint(0, 2) :]
    return text


@rules
@given(seed=st.integers(0, 1 << 32))
def test_a_text_that_is_nearly_right_has_one_verdict(oracle: Oracle, rule: str, seed: int) -> None:
    random = Random(seed)
    examples = ACCEPTED[rule] + REFUSED[rule]
    for _ in range(10):
        data = BITCODE.encode(PLAIN, edited(random.choice(examples), random))
        assert_same_verdict(oracle, BITCODE, RULES[rule], data)


def register_id(size_log2: int) -> int:
    """An id of a register of so many bytes."""
    return 0x6000_0000_0013_C000 | size_log2 << 52


REGISTERS: dict[str, tuple[list[int], int, bool]] = {
    "none": ([], 0, True),
    "data alone": ([], 1, False),
    "one of each size": (list(map(register_id, range(9))), 511, True),
    "a byte missing": ([register_id(3)] * 2, 15, False),
    "a byte too many": ([register_id(3)] * 2, 17, False),
    "4096 bits": ([register_id(9)], 512, False),
    "the greatest size": ([register_id(15)], 1 << 15, False),
}


@codecs
@pytest.mark.parametrize("case", REGISTERS)
def test_registers_are_accepted_or_refused_by_both(oracle: Oracle, codec: Codec, case: str) -> None:
    ids, size_bytes, is_accepted = REGISTERS[case]
    node = schema_of(Aarch64RegisterVec)
    data = codec.encode(node, Aarch64RegisterVec(ids, bytes(size_bytes)))
    assert assert_same_verdict(oracle, codec, node, data) == is_accepted


@codecs
@given(value=st.binary(max_size=300))
def test_serialize_bytes_writes_what_a_vector_of_bytes_writes(
    oracle: Oracle, codec: Codec, value: bytes
) -> None:
    """The types of kvm-bindings call it; our schemas have one kind of bytes for both."""
    blob = oracle.load({"root": "blob", "structs": {}})
    data = codec.encode(bytes, value)
    assert oracle.encode_json(blob, codec.crate, value.hex()) == data
    assert oracle.decode_json(blob, codec.crate, data) == Accepted(value.hex(), len(data))
