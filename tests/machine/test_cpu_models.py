"""A machine is of the processor that its board, or who makes it, asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emu.arch.sysregs import BY_NAME
from emu.boards.squib import SQUIB
from emu.core.events import FeatureIgnored, Stamped
from emu.core.ram import Ram
from emu.cpu import CORTEX_A72, MAX
from emu.errors import BoardError
from emu.machine import Machine

MIB = 1 << 20


def ram() -> Ram:
    return Ram(SQUIB.dram_base, 8 * MIB)


def test_the_board_names_its_processor() -> None:
    with Machine(replace(SQUIB, cpu_model="cortex-a72"), ram=ram()) as machine:
        assert machine.cpu_model is CORTEX_A72
        midr = machine.vcpus[0].get_sysreg(BY_NAME["MIDR_EL1"])
        assert midr == CORTEX_A72.id_registers["MIDR_EL1"]


def test_who_makes_the_machine_may_ask_for_another() -> None:
    with Machine(SQUIB, ram=ram(), cpu_model=CORTEX_A72) as machine:
        assert machine.cpu_model is CORTEX_A72
    with Machine(SQUIB, ram=ram()) as machine:
        assert machine.cpu_model is MAX


def test_a_processor_that_is_not_known_is_refused() -> None:
    with pytest.raises(BoardError, match="'cortex-a53'; known: cortex-a72, max"):
        Machine(replace(SQUIB, cpu_model="cortex-a53"), ram=ram())


def test_a_board_that_promises_what_is_refused_can_not_be_had() -> None:
    board = replace(SQUIB, id_registers={"ID_AA64PFR1_EL1": 0x101})
    with pytest.raises(BoardError, match=r"ID_AA64PFR1_EL1\.MTE = 0x1.*Leave that out"):
        Machine(board, ram=ram())


def test_what_the_guest_does_without_is_told_once() -> None:
    hafdbs = MAX.id_registers["ID_AA64MMFR1_EL1"] | 2
    board = replace(SQUIB, id_registers={"ID_AA64MMFR1_EL1": hafdbs})
    told: list[Stamped] = []
    with Machine(board, ram=ram()) as machine:
        machine.events.subscribe(told.append)
        machine.ram.write(SQUIB.kernel_base, (0xD503201F).to_bytes(4, "little") * 8)
        machine.vcpus[0].engine.pc = SQUIB.kernel_base
        machine.vcpus[0].engine.run(1)
        machine.vcpus[0].engine.run(1)
    assert [stamped.event for stamped in told] == [
        FeatureIgnored(0, "ID_AA64MMFR1_EL1", "HAFDBS", 2)
    ]
