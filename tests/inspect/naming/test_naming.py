"""In every format, registers are known as registers, by the names of their fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from emu.arch.bits import Register
from emu.arch.gicv3 import GICD_CTLR, GICR_CTLR, ICC_CTLR_EL1
from emu.arch.layouts import FPCR, FPSR, MPIDR_EL1, SCTLR_EL1, PState
from emu.arch.one_reg import BY_NAME
from emu.formats import squib
from emu.formats.firecracker import gic
from emu.formats.firecracker.gic import Entry
from emu.formats.firecracker.leaves import Aarch64RegisterVec
from emu.formats.firecracker.releases import RELEASES
from emu.formats.firecracker.v1_9 import GicRegState
from emu.formats.format import Format
from emu.inspect.naming import naming_of
from emu.inspect.values.lookup import resolve
from emu.inspect.values.parts import Part, root
from tests.plainest import plainest_snapshot

releases = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.id)


def release_state(release: Format) -> Part:
    """A snapshot with one vCPU that has some registers, and a GICv3."""
    snapshot = plainest_snapshot(release, items=1)
    data = snapshot.data
    names = ("PC", "PSTATE", "SCTLR_EL1")
    data.vcpu_states[0].regs = Aarch64RegisterVec.of((BY_NAME[name].id, 5) for name in names)
    controller = data.vm_state.gic
    private = controller.gic_vcpu_states[0]
    controller.dist = rows(gic.DIST)
    older = release.id in {f"firecracker-1.{minor}" for minor in ("9", "10.0", "10", "11", "12")}
    private.rdist = rows(gic.REDIST_TO_1_12 if older else gic.REDIST_FROM_1_13)
    private.icc.main_icc_regs = rows(gic.ICC_MAIN)
    private.icc.ap_icc_regs = [*rows(gic.ICC_AP[:1]), *[None] * 7]
    return root(release.schema, snapshot, naming_of(release))


def rows(entries: Iterable[Entry]) -> list[GicRegState[Any]]:
    return [GicRegState([0] * entry.chunk_count) for entry in entries]


@releases
@pytest.mark.parametrize(
    ("path", "layout"),
    [
        ("vcpu_states[0].regs.PC", None),
        ("vcpu_states[0].regs.PSTATE", PState),
        ("vcpu_states[0].regs.SCTLR_EL1", SCTLR_EL1),
        ("vcpu_states[0].mpidr", MPIDR_EL1),
        ("vm_state.gic.dist.GICD_CTLR.chunks[0]", GICD_CTLR),
        ("vm_state.gic.dist.GICD_IPRIORITYR.chunks[23]", None),
        ("vm_state.gic.gic_vcpu_states[0].rdist.GICR_CTLR.chunks[0]", GICR_CTLR),
        ("vm_state.gic.gic_vcpu_states[0].icc.main_icc_regs.ICC_CTLR_EL1.chunks[0]", ICC_CTLR_EL1),
        ("vm_state.gic.gic_vcpu_states[0].icc.ap_icc_regs.ICC_AP0R0_EL1.chunks[0]", None),
    ],
)
def test_registers_of_every_release_have_names_and_fields(
    release: Format, path: str, layout: type[Register] | None
) -> None:
    part = resolve(release_state(release), path)
    assert part.is_register
    if layout is not None:
        assert part.layout is layout


@releases
def test_a_host_that_lacks_a_register_has_none(release: Format) -> None:
    path = "vm_state.gic.gic_vcpu_states[0].icc.ap_icc_regs.ICC_AP1R3_EL1"
    assert resolve(release_state(release), path).value is None


@pytest.mark.parametrize(
    ("path", "layout"),
    [
        ("vcpu_states[0].mpidr", MPIDR_EL1),
        ("vcpu_states[0].regs.pstate", PState),
        ("vcpu_states[0].fp_regs.fpsr", FPSR),
        ("vcpu_states[0].fp_regs.fpcr", FPCR),
        ("vcpu_states[0].sys_regs.SCTLR_EL1", SCTLR_EL1),
    ],
)
def test_registers_of_squib_have_names_and_fields(path: str, layout: type[Register]) -> None:
    snapshot = plainest_snapshot(squib.FORMAT, items=1)
    snapshot.data.vcpu_states[0].sys_regs = {1: 0}
    part = resolve(root(squib.FORMAT.schema, snapshot, naming_of(squib.FORMAT)), path)
    assert part.layout is layout
