"""A guest of one processor goes on as that, on a machine of another that has its features."""

from __future__ import annotations

from emu.arch.sysregs import BY_NAME
from emu.boards.squib import SQUIB
from emu.core.image import Image
from emu.core.ram import Ram
from emu.cpu import CORTEX_A72, MAX
from emu.machine import Machine, Stop
from emu.snapshot import freeze, thaw
from firmware import load
from harness.entropy import SeededEntropy
from tests import a64

LDADD = 0xF8230024  # ldadd x3, x4, [x1]


def a72() -> Machine:
    machine = Machine(SQUIB, ram=Ram(SQUIB.dram_base, 8 << 20), cpu_model=CORTEX_A72)
    machine.boot(Image.parse(load("heartbeat").image), entropy=SeededEntropy(b"boot"))
    return machine


def test_a_guest_of_a_cortex_a72_finds_no_more_on_max() -> None:
    """The state's ID registers promise less, and the rest is UNDEFINED."""
    with a72() as machine:
        machine.run(max_instructions=2000)
        snapshot = freeze(machine)
    with thaw(snapshot, entropy=SeededEntropy(b"thaw")) as clone:
        assert clone.cpu_model is MAX
        engine = clone.vcpus[0].engine
        promised = clone.vcpus[0].get_sysreg(BY_NAME["ID_AA64ISAR0_EL1"])
        assert promised == CORTEX_A72.id_registers["ID_AA64ISAR0_EL1"]
        for word in (LDADD, a64.mrs(0, "APIAKeyLo_EL1")):
            clone.ram.write(engine.pc, word.to_bytes(4, "little"))  # where it is mapped
            interrupted = engine.pc
            engine.run(1)
            assert clone.vcpus[0].get_sysreg(BY_NAME["ESR_EL1"]) == 1 << 25
            engine.pc = interrupted + 4


def test_it_goes_on_and_is_frozen_again() -> None:
    with a72() as machine:
        machine.run(max_instructions=2000)
        snapshot = freeze(machine)
    with thaw(snapshot, entropy=SeededEntropy(b"thaw")) as clone:
        assert clone.run() is Stop.SYSTEM_OFF
        assert b"tick 5" in clone.console
