"""docs/snapshots.md says what the plans and the encodings are today."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from emu.formats import thawbench
from emu.snapshot import RESTORE_PLAN, SAVE_PLAN, Plan
from emu.snapshot.squib_save import EXTRA_SYSREGS

PAGE = (Path(__file__).parents[2] / "docs" / "snapshots.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(("title", "plan"), [("Saving", SAVE_PLAN), ("Restoring", RESTORE_PLAN)])
def test_the_page_names_every_step_in_its_order(title: str, plan: Plan) -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", section(title), re.M)
    assert rows == [step.name for step in plan.steps]


@pytest.mark.parametrize(
    "struct",
    [
        thawbench.GicBlob,
        thawbench.InterruptBanks,
        thawbench.RedistributorBlob,
        thawbench.Pl011Blob,
        thawbench.ExtraBlob,
        thawbench.ExtraVcpu,
        thawbench.VmGenIdBlob,
    ],
)
def test_the_page_names_every_field_in_its_order(struct: type) -> None:
    text = section("What is in squib's opaque fields")
    names = list(struct.__annotations__)
    assert re.search(r"\{" + r"\b.*?".join(f"{name}\\b" for name in names), text), names


@pytest.mark.parametrize("encoding", [thawbench.GIC, thawbench.PL011, thawbench.EXTRA])
def test_the_page_names_signature_and_version(encoding: thawbench.Encoding[Any]) -> None:
    signature, version = encoding.prefix[:8].decode(), int.from_bytes(encoding.prefix[8:], "little")
    assert f"| `{signature}`, {version} |" in PAGE


def test_the_page_names_what_strict_loses() -> None:
    text = section("What squib's format loses")
    kept_together = ("ICC_", "AP", "DBG")
    for reg in EXTRA_SYSREGS:
        assert reg.name.startswith(kept_together) or reg.name in text, reg.name
    assert "ICC_*" in text
    assert "pointer-authentication keys" in text
