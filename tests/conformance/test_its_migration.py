"""Tests of the ITS that want to be migrated: they are saved and restored as Firecracker does it.

That goes by calls to the surface that is shaped like KVM: vCPUs, redistributors, distributor, the
ITS's registers, and the tables of LPIs and of the ITS in the guest's RAM.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from emu import boards
from emu.core.image import Image
from emu.core.ram import Ram
from emu.devices.ns16550 import Ns16550
from emu.hypervisor.kvm import KvmVm
from emu.machine import Machine, Stop
from harness.entropy import SeededEntropy
from tests.conformance.cases import Verdict
from tests.conformance.images import image, needs_images
from tests.conformance.test_migration import ASKS, MIB, STEP_INSNS
from tests.conformance.verdicts import verdict_of
from tests.hypervisor.kvm import firecracker_calls

pytestmark = needs_images

VCPU_COUNT = 4
BOARD = replace(boards.get("firecracker-1.14"), counter_frequency_hz=1_000_000, cycles_per_tick=1)
"""A poll for 100 ms takes 100,000 instructions."""

NO_OLD_KERNEL = b"ERRATA_8c58be34494b=y\n"
"""Says to the test that the host has its mend: its kernel saves collections that are unmapped."""


def make_machine(contents: bytes = b"") -> Machine:
    ram = Ram(BOARD.dram_base, 64 * MIB, contents=contents)
    return Machine(BOARD, ram=ram, vcpu_count=VCPU_COUNT, entropy=SeededEntropy(b"trng"))


@contextmanager
def migrated(source: Machine) -> Iterator[Machine]:
    """Another machine, with what was saved of the first; its user has pressed a key."""
    vcpus, gic = firecracker_calls.save(KvmVm.attach(source))
    with make_machine(source.ram.contents()) as target:
        firecracker_calls.restore(KvmVm(target), BOARD, vcpus, gic)
        assert isinstance(source.uart, Ns16550)
        assert isinstance(target.uart, Ns16550)
        target.uart.load_state(source.uart.state())
        target.uart.receive(b"\n")
        yield target


@pytest.mark.parametrize(
    "what", ["its-migration", "its-pending-migration", "its-migrate-unmapped-collection"]
)
def test_lpis_survive_a_save_and_a_restore(what: str) -> None:
    with make_machine() as machine:
        machine.boot(Image.load(image("gic")), entropy=bytes, bootargs=what, initrd=NO_OLD_KERNEL)
        while ASKS not in machine.console:
            assert machine.run(STEP_INSNS) is Stop.LIMIT
        before = bytes(machine.console)
        with migrated(machine) as target:
            assert target.run(200 * STEP_INSNS) is Stop.SYSTEM_OFF
            console = (before + target.console).decode()
            assert verdict_of(console) is Verdict.PASS, console
