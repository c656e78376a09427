"""Registers are found, changed, added and removed by name and by key, in both formats."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.layouts import SCTLR_EL1
from emu.arch.one_reg import BY_NAME, ONE_REGS
from emu.errors import EditError, PathError
from emu.formats.firecracker.leaves import Aarch64RegisterVec
from emu.inspect.diff import BitsChange, diff
from emu.inspect.edit import edit
from emu.inspect.naming.register_sets import SquibRegisters, kvm_registers
from emu.inspect.values.containers import walk
from emu.inspect.values.lookup import resolve
from emu.inspect.values.parts import Naming, Part, root
from emu.wire import bitcode
from emu.wire.schema import Struct, u64

UNKNOWN = 0x6030_0000_0013_FFFF


class SquibVcpu(Struct):
    sys_regs: dict[u64, u64]


class KvmVcpu(Struct):
    regs: Aarch64RegisterVec


NAMING = Naming(views={(SquibVcpu, "sys_regs"): SquibRegisters, Aarch64RegisterVec: kvm_registers})


def kvm(**values: int) -> KvmVcpu:
    return KvmVcpu(Aarch64RegisterVec.of((BY_NAME[name].id, values[name]) for name in values))


EXAMPLE = kvm(X0=7, PC=0x8000_0000, V3=1 << 127, FPCR=3, SCTLR_EL1=0x30D0_180D)
EXAMPLE.regs = Aarch64RegisterVec.of([*EXAMPLE.regs.registers(), (UNKNOWN, 9)])


def of_kvm(vcpu: KvmVcpu = EXAMPLE) -> Part:
    return root(KvmVcpu, vcpu, NAMING)


def edited(*assignments: str, delete: tuple[str, ...] = ()) -> KvmVcpu:
    result = edit(KvmVcpu, EXAMPLE, assignments, delete=delete, naming=NAMING)
    assert isinstance(result, KvmVcpu)
    return result


def ids(vcpu: KvmVcpu) -> list[int]:
    return vcpu.regs.ids


# --- Firecracker's vector ----------------------------------------------------------------------


def test_registers_of_the_vector_go_by_name_and_unknown_ones_by_id() -> None:
    paths = [str(part.path) for part in walk(of_kvm())][2:]
    assert paths == [
        "regs.X0",
        "regs.PC",
        "regs.V3",
        "regs.FPCR",
        "regs.SCTLR_EL1",
        "regs[0x603000000013ffff]",
    ]


@pytest.mark.parametrize(
    ("path", "value", "node"),
    [
        ("regs.X0", 7, "u64"),
        ("regs.V3", 1 << 127, "u128"),
        ("regs.FPCR", 3, "u32"),
        ("regs[0x6030_0000_0013_c080]", 0x30D0_180D, "u64"),
        ("regs[SCTLR_EL1]", 0x30D0_180D, "u64"),
        ("regs.SCTLR_EL1:M", 1, "u1"),
        (f"regs[{UNKNOWN}]", 9, "u64"),
    ],
)
def test_a_register_of_the_vector_is_found(path: str, value: int, node: str) -> None:
    part = resolve(of_kvm(), path)
    assert (part.value, str(part.node), part.is_register or ":" in path) == (value, node, True)


def test_the_value_of_a_register_is_of_the_size_that_its_id_says() -> None:
    assert edited("regs.V3=0x1_0000_0000_0000_0000").regs.data[16:32] == (1 << 64).to_bytes(
        16, "little"
    )
    with pytest.raises(EditError, match=r"regs.FPCR: found 4294967296, expected u32"):
        edited("regs.FPCR=0x1_0000_0000")


def test_a_change_leaves_order_and_other_registers_alone() -> None:
    result = edited("regs.PC=4", "regs.SCTLR_EL1:M=0")
    assert ids(result) == ids(EXAMPLE)
    assert dict(result.regs.registers()) == {
        **dict(EXAMPLE.regs.registers()),
        BY_NAME["PC"].id: 4,
        BY_NAME["SCTLR_EL1"].id: 0x30D0_180C,
    }


def test_a_new_register_comes_last_and_a_removed_one_is_gone() -> None:
    result = edited("regs.TTBR0_EL1=1", "regs[0x6020000000110005]=2", delete=("regs.X0", "regs.PC"))
    assert ids(result) == [
        *ids(EXAMPLE)[2:],
        BY_NAME["TTBR0_EL1"].id,
        BY_NAME["CCSIDR[5]"].id,
    ]
    assert result.regs.refusal() is None


def test_a_name_that_is_more_than_a_word_is_a_key() -> None:
    vcpu = kvm(**{"CCSIDR[0]": 5})
    assert str(list(walk(of_kvm(vcpu)))[-1].path) == 'regs["CCSIDR[0]"]'
    assert resolve(of_kvm(vcpu), 'regs["CCSIDR[0]"]').value == 5


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("regs.SCTLR_EL2", "regs has no SCTLR_EL2; did you mean SCTLR_EL1?; there are X0, PC, V3"),
        ("regs.sctlr_el1", "did you mean SCTLR_EL1?"),
        ("regs.X1", "regs has no X1"),
        ("regs[5]", "regs has no [5]"),
        ("regs[-1]", "regs has no [-1]"),
        ("regs.ids", "regs has no ids"),
        ("regs.X0:M", "regs.X0 is u64, of which no bit fields are known"),
        ("regs.TTBR0_EL1:ASID", "regs has no TTBR0_EL1"),
    ],
)
def test_a_register_that_is_not_there_is_an_error(path: str, message: str) -> None:
    with pytest.raises(PathError) as caught:
        resolve(of_kvm(), path)
    assert message in str(caught.value)


def _differences(a: KvmVcpu, b: KvmVcpu) -> list[tuple[str, str]]:
    return [(d.path, d.kind) for d in diff(KvmVcpu, a, KvmVcpu, b, naming_a=NAMING)]


def test_a_register_that_differs_is_told_by_name_and_field() -> None:
    new = edited("regs.SCTLR_EL1:M=0", "regs.SCTLR_EL1:I=0")
    (difference,) = diff(KvmVcpu, EXAMPLE, KvmVcpu, new, naming_a=NAMING)
    assert difference.path == "regs.SCTLR_EL1"
    assert difference.is_register
    assert set(difference.bits) == {BitsChange("M", "1", "0"), BitsChange("I", "1", "0")}


def test_the_order_of_registers_is_a_difference_of_its_own() -> None:
    assert _differences(kvm(X0=1, X1=2), kvm(X1=2, X0=1)) == [("regs", "order")]
    assert _differences(kvm(X0=1, X1=2), kvm(X1=2)) == [("regs.X0", "removed")]


@pytest.mark.parametrize(
    "vector",
    [
        Aarch64RegisterVec([BY_NAME["X0"].id] * 2, bytes(16)),
        Aarch64RegisterVec([BY_NAME["X0"].id], bytes(7)),
    ],
    ids=["twice", "too short"],
)
def test_a_vector_without_plain_registers_is_seen_as_it_is(vector: Aarch64RegisterVec) -> None:
    """A register that comes twice has no name of its own; values of other sizes belong to none."""
    vcpu = KvmVcpu(vector)
    assert resolve(of_kvm(vcpu), "regs.ids[0]").value == BY_NAME["X0"].id
    assert diff(KvmVcpu, vcpu, KvmVcpu, KvmVcpu(vector), naming_a=NAMING) == []
    assert ("regs.data", "changed") in _differences(vcpu, EXAMPLE)


VECTORS = st.dictionaries(
    st.sampled_from(ONE_REGS[:70]), st.integers(0, (1 << 32) - 1), max_size=6
).map(lambda values: kvm(**{reg.name: value for reg, value in values.items()}))


@given(VECTORS, VECTORS)
def test_vectors_differ_if_and_only_if_their_encodings_do(a: KvmVcpu, b: KvmVcpu) -> None:
    is_same = bitcode.encode(KvmVcpu, a) == bitcode.encode(KvmVcpu, b)
    assert (_differences(a, b) == []) == is_same


@given(VECTORS, VECTORS)
def test_changes_made_one_by_one_turn_one_vector_into_the_other(a: KvmVcpu, b: KvmVcpu) -> None:
    differences = diff(KvmVcpu, a, KvmVcpu, b, naming_a=NAMING)
    made = [f"{d.path}={d.new}" for d in differences if d.kind in {"changed", "added"}]
    gone = [d.path for d in differences if d.kind == "removed"]
    result = edit(KvmVcpu, a, made, delete=gone, naming=NAMING)
    assert dict(result.regs.registers()) == dict(b.regs.registers())
    if all(d.kind != "order" for d in differences):
        assert result == b


# --- squib's map -------------------------------------------------------------------------------

MAP = SquibVcpu({1: 0x30D0_180D, 48: 5})


@pytest.mark.parametrize(
    ("path", "proper", "value"),
    [
        ("sys_regs.SCTLR_EL1", "sys_regs.SCTLR_EL1", 0x30D0_180D),
        ("sys_regs[1]", "sys_regs.SCTLR_EL1", 0x30D0_180D),
        ("sys_regs[48]", "sys_regs[48]", 5),
        ("sys_regs.SCTLR_EL1:M", "sys_regs.SCTLR_EL1:M", 1),
    ],
)
def test_a_register_of_squib_is_found_by_name_and_by_key(
    path: str, proper: str, value: int
) -> None:
    part = resolve(root(SquibVcpu, MAP, NAMING), path)
    assert (str(part.path), part.value) == (proper, value)


def test_registers_of_squib_are_changed_added_and_removed_by_either() -> None:
    def result(*assignments: str, delete: tuple[str, ...] = ()) -> Any:
        return edit(SquibVcpu, MAP, assignments, delete=delete, naming=NAMING).sys_regs

    assert result("sys_regs[1]=3") == {1: 3, 48: 5}
    assert result("sys_regs.TTBR0_EL1=4", "sys_regs[99]=6") == {**MAP.sys_regs, 2: 4, 99: 6}
    assert result(delete=("sys_regs.SCTLR_EL1", "sys_regs[48]")) == {}
    with pytest.raises(PathError):
        result("sys_regs.ICC_SRE_EL1=1")  # squib has no key for it


def test_a_pattern_may_call_a_register_by_its_key() -> None:
    new = SquibVcpu({1: 0, 48: 6})
    kept = diff(SquibVcpu, MAP, SquibVcpu, new, naming_a=NAMING, ignore=["sys_regs[1]"])
    assert [difference.path for difference in kept] == ["sys_regs[48]"]


def test_a_bit_field_of_squib_is_read_by_its_layout() -> None:
    part = resolve(root(SquibVcpu, MAP, NAMING), "sys_regs[1]")
    assert part.layout is SCTLR_EL1
