"""Firecracker's releases in a row, with the rules from each to the next."""

from __future__ import annotations

from typing import Final

from emu.errors import IncompatibleError
from emu.formats.firecracker.releases import RELEASES
from emu.formats.format import Format
from emu.inspect.convert import main, v1_10, v1_11, v1_12, v1_13, v1_14, v1_15, v1_16
from emu.inspect.convert.rules import Step
from emu.inspect.convert.work import Work

STEPS: Final[dict[str, Step]] = {
    "firecracker-1.10.0": v1_10.STEP,
    "firecracker-1.10": (),
    "firecracker-1.11": v1_11.STEP,
    "firecracker-1.12": v1_12.STEP,
    "firecracker-1.13": v1_13.STEP,
    "firecracker-1.14": v1_14.STEP,
    "firecracker-1.15": v1_15.STEP,
    "firecracker-1.16": v1_16.STEP,
    "firecracker-main": main.STEP,
}
"""By the id of the newer release of each two."""

_WITHOUT_GSI_0 = {"firecracker-1.11", "firecracker-1.12"}


def check_convertible(source: Format, target: Format) -> None:
    """Raise `IncompatibleError` if there are no rules between two formats."""
    for known in (source, target):
        if known not in RELEASES:
            raise IncompatibleError(
                f"{known.id} can't be converted, only releases of Firecracker can: "
                f"{', '.join(release.id for release in RELEASES)}{_reason(known)}"
            )


def _reason(unknown: Format) -> str:
    if not unknown.id.startswith("squib"):
        return ""
    return (
        "; a state of squib has its interrupt controller in a form that only Apple's hypervisor "
        "can read, and no virtio devices"
    )


def bring(work: Work, source: Format, target: Format) -> None:
    """Make a state of `source` one of `target`, release by release."""
    start, end = RELEASES.index(source), RELEASES.index(target)
    for release in RELEASES[start + 1 : end + 1]:
        work.release = release.written_by
        for rule in STEPS[release.id]:
            rule.up(work)
    for newer in range(start, end, -1):
        work.release = RELEASES[newer - 1].written_by
        for rule in reversed(STEPS[RELEASES[newer].id]):
            rule.down(work)
    if target.id in _WITHOUT_GSI_0:
        v1_11.drop_interrupt_0(work)
