"""vCPUs: what was asked of KVM for them, and every register by name, in a group."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch import one_reg
from emu.arch.one_reg import ONE_REGS
from emu.formats.firecracker.leaves import Aarch64RegisterVec
from emu.formats.firecracker.v1_9 import VcpuState
from emu.formats.firecracker.v1_13 import VcpuState as VcpuStateWithStolenTime
from emu.inspect.describe.firecracker.vcpus import GROUPS, groups, vcpu_view
from emu.inspect.describe.views.registers import RegisterView


def vcpu(mp_state: bytes = bytes(4), kvi: bytes = bytes(32)) -> VcpuState:
    return VcpuState(mp_state, Aarch64RegisterVec([], b""), 0x8000_0001, kvi)


def named(name: str, value: int = 1) -> tuple[str, RegisterView]:
    """The group and the view of one register."""
    (group,) = groups(Aarch64RegisterVec.of([(one_reg.BY_NAME[name].id, value)]))
    (register,) = group.registers
    return group.title, register


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\0", "RUNNABLE"),
        (b"\5\0\0\0", "STOPPED"),
        (b"\x0a\0\0\0", "SUSPENDED"),
        (b"\x0b\0\0\0", "unknown (0xb)"),
        (b"\5", "STOPPED"),
        (b"", "RUNNABLE"),
        (b"\5\0\0\0\xff", "STOPPED"),
    ],
)
def test_the_power_state_has_kvms_name(data: bytes, name: str) -> None:
    """Firecracker fills up what is too short with zeros, and ignores what is too long."""
    assert vcpu_view(0, vcpu(mp_state=data)).power_state == name


def test_target_and_features_have_kvms_names() -> None:
    kvi = b"\5\0\0\0" + b"\x14\0\0\0" + bytes(24)
    view = vcpu_view(3, vcpu(kvi=kvi))
    assert (view.index, view.target, view.features) == (3, "GENERIC_V8", ("PSCI_0_2", "SVE"))
    cut = vcpu_view(0, vcpu(kvi=b"\x63"))
    assert (cut.target, cut.features) == ("unknown (0x63)", ())
    last_word = b"\5\0\0\0" + bytes(24) + b"\0\0\0\x80" + b"\xff"
    assert vcpu_view(0, vcpu(kvi=last_word)).features == ("bit 223",)


def test_stolen_time_is_shown_where_the_release_has_it() -> None:
    plain = vcpu()
    timed = VcpuStateWithStolenTime(plain.mp_state, plain.regs, 0, plain.kvi, 0x801F_FFC0)
    assert vcpu_view(0, plain).pvtime_address is None
    assert vcpu_view(0, timed).pvtime_address == 0x801F_FFC0


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("X30", "general"),
        ("SPSR_fiq", "general"),
        ("V31", "SIMD"),
        ("FPCR", "SIMD"),
        ("Z0", "SVE"),
        ("SCTLR_EL1", "system"),
        ("CNTVCT_EL0", "timer"),
        ("MDSCR_EL1", "debug"),
        ("PSCI_VERSION", "firmware"),
        ("STD_BMAP", "firmware"),
        ("CCSIDR[0]", "caches"),
    ],
)
def test_a_register_is_in_the_group_that_it_belongs_to(name: str, group: str) -> None:
    found, register = named(name)
    assert (found, register.name, register.key) == (group, name, one_reg.BY_NAME[name].id)


def test_fields_are_decoded() -> None:
    _, register = named("ESR_EL1", 0x5600_0000)
    assert register.fields is not None
    assert register.fields["EC"] == "SVC"


@pytest.mark.parametrize(("name", "digits"), [("V0", 32), ("P0", 64), ("Z0", 512)])
def test_a_wide_register_is_text_of_its_width(name: str, digits: int) -> None:
    _, register = named(name, 0xAB)
    assert register.value == f"0x{0xAB:0{digits}x}"


def test_a_register_without_a_name_is_shown_with_its_id() -> None:
    (group,) = groups(Aarch64RegisterVec.of([(0x6030_0000_0013_FFFF, 7)]))
    assert group.title == "unknown"
    assert group.registers == (RegisterView("unknown", 7, 0x6030_0000_0013_FFFF, known=False),)


@given(st.lists(st.integers(0, (1 << 64) - 1) | st.sampled_from(ONE_REGS).map(lambda r: r.id)))
def test_every_register_of_the_file_is_shown_once(ids: list[int]) -> None:
    """Also one that comes twice, or that no kernel has."""
    ids = [register for register in ids if one_reg.size_bytes(register) <= 256]
    sections = groups(Aarch64RegisterVec.of((register, 1) for register in ids))
    shown = [register.key for section in sections for register in section.registers]
    assert Counter(shown) == Counter(ids)


def test_all_registers_of_a_vcpu_are_shown_once_in_the_order_of_the_file() -> None:
    ids = [register.id for register in reversed(ONE_REGS)]
    sections = groups(Aarch64RegisterVec.of((register, 0) for register in ids))
    shown = [register.key for section in sections for register in section.registers]
    assert sorted(shown, key=str) == sorted(ids, key=str)
    assert [section.title for section in sections] == [
        title for title in GROUPS if title != "unknown"
    ]
    for section in sections:
        keys = [register.key for register in section.registers]
        assert keys == [register for register in ids if register in set(keys)]
