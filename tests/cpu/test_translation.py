"""What ID_AA64MMFR* promise of the MMU, for which no single instruction stands."""

from __future__ import annotations

import pytest

from emu.arch.sysregs import BY_NAME
from emu.cpu import MAX
from tests import a64
from tests.cpu import bench as at
from tests.cpu.lone_vcpu import LoneVcpu
from tests.cpu.paged import (
    LEVEL_2,
    LEVEL_3,
    NOT_GLOBAL,
    READABLE,
    TCR_39_BITS,
    TRIED,
    VALID_BLOCK,
    VALID_PAGE,
    VALID_TABLE,
    PagedVcpu,
)

PAGE = at.DATA | READABLE | VALID_PAGE
AT_S1E1R_X1 = 0xD5087801  # at s1e1r, x1
TABLES = at.RAM + 0x1_0000
ADDRESS_BITS = 0x0000_FFFF_FFFF_F000
TCR_IPS = 7 << 32


@pytest.mark.parametrize(
    ("granule", "entries"),
    [
        (0b01, {TABLES + 8 * 2: at.RAM | READABLE | VALID_BLOCK}),  # 64K: level 2, 512 MiB
        (
            0b10,
            {  # 16K: level 1, and level 2 with 32 MiB
                TABLES: TABLES + 0x4000 | VALID_TABLE,
                TABLES + 0x4000 + 8 * 32: at.RAM | READABLE | VALID_BLOCK,
            },
        ),
    ],
)
def test_other_granules_than_4k(granule: int, entries: dict[int, int]) -> None:
    lone = PagedVcpu()
    for address, descriptor in entries.items():
        lone.poke(address, descriptor)
    lone.set("TTBR0_EL1", TABLES)
    lone.set("TCR_EL1", TCR_39_BITS | granule << 14)
    lone.vcpu.engine.clear_transients()
    lone.vcpu.engine.x[1] = at.DATA
    assert lone.execute(a64.LDR_X0_X1)


@pytest.mark.parametrize(("ips", "parange", "top"), [(4, 4, 43), (5, 5, 47)])
def test_physical_addresses_have_as_many_bits_as_promised(ips: int, parange: int, top: int) -> None:
    memory = MAX.id_registers["ID_AA64MMFR0_EL1"] & ~0xF | parange
    lone = PagedVcpu(descriptors={3: PAGE | 1 << top}, id_registers={"ID_AA64MMFR0_EL1": memory})
    lone.set("TCR_EL1", TCR_39_BITS & ~TCR_IPS | ips << 32)
    assert lone.execute(AT_S1E1R_X1)
    assert lone.get("PAR_EL1") & (ADDRESS_BITS | 1) == at.DATA | 1 << top


def test_an_asid_has_16_bits() -> None:
    """Two that differ above bit 8 have translations of their own."""
    lone = PagedVcpu(descriptors={3: PAGE | NOT_GLOBAL})
    lone.set("TCR_EL1", TCR_39_BITS | 1 << 36)
    table = lone.get("TTBR0_EL1")
    lone.set("TTBR0_EL1", table | 0x1234 << 48)
    assert lone.execute(a64.LDR_X0_X1)
    lone.poke(LEVEL_3, 0)
    lone.vcpu.engine.x[2] = table | 0x5634 << 48
    assert lone.execute(a64.msr("TTBR0_EL1", 2))
    assert lone.get("TTBR0_EL1") >> 48 == 0x5634
    assert not lone.execute(a64.LDR_X0_X1)


def test_tables_can_be_common() -> None:
    """TTBR0_EL1.CnP is kept, and no part of the address."""
    lone = PagedVcpu(descriptors={3: PAGE})
    lone.set("TTBR0_EL1", lone.get("TTBR0_EL1") | 1)
    assert lone.execute(a64.LDR_X0_X1)
    assert lone.get("TTBR0_EL1") & 1


@pytest.mark.parametrize("disabled", [True, False])
def test_permissions_of_tables_can_be_disabled(disabled: bool) -> None:
    """TCR_EL1.HPD0 takes the meaning from APTable."""
    read_only_below = 1 << 62
    lone = PagedVcpu(
        descriptors={1: LEVEL_2 | VALID_TABLE | read_only_below, 3: PAGE},
    )
    lone.set("TCR_EL1", TCR_39_BITS | disabled << 41)
    assert lone.execute(a64.STR_X2_X1) == disabled


@pytest.mark.parametrize("big", [True, False])
def test_data_can_be_big_endian(big: bool) -> None:
    lone = LoneVcpu()
    sctlr = BY_NAME["SCTLR_EL1"]
    lone.vcpu.set_sysreg(sctlr, lone.vcpu.get_sysreg(sctlr) & ~(1 << 25) | big << 25)
    lone.ram.write(at.DATA, bytes([1, 2, 3, 4]))
    lone.vcpu.engine.x[1] = at.DATA
    assert lone.execute(a64.LDR_W0_X1)
    assert lone.vcpu.engine.x[0] == (0x01020304 if big else 0x04030201)


def test_the_tried_address_is_none_of_ram() -> None:
    """Or these tests would not try what they say."""
    assert TRIED >= at.RAM + at.RAM_SIZE_BYTES
