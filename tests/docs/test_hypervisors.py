"""docs/hypervisors.md says which calls, errors and changes there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from emu.errors import Errno
from emu.hypervisor import HvfVcpu, HvfVm, KvmIts, KvmVcpu, KvmVgic, KvmVm
from emu.hypervisor.kvm import Change

PAGE = (Path(__file__).parents[2] / "docs" / "hypervisors.md").read_text(encoding="utf-8")

NO_CALLS = {"attach", "adopt", "vcpus", "gic", "its", "mpidr", "power", "index"}
"""How a surface is made, and what is plain data."""


@pytest.mark.parametrize("surface", [HvfVm, HvfVcpu, KvmVm, KvmVcpu, KvmVgic, KvmIts])
def test_the_page_names_every_call(surface: type) -> None:
    calls = {name for name in vars(surface) if not name.startswith("_")} - NO_CALLS
    assert not {call for call in calls if f"`{call}`" not in PAGE}


def test_the_page_names_every_error_number() -> None:
    rows = re.findall(r"^\| `(E[A-Z0-9]+)` \|", PAGE, re.M)
    assert sorted(rows) == sorted(get_args(Errno))


def test_the_page_says_what_changed_from_kernel_to_kernel() -> None:
    section = PAGE.split("### What changed from kernel to kernel\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| (\d+\.\d+) \| (.+) \|$", section, re.M)
    assert rows == [
        (".".join(map(str, change.release)), change.effect)
        for change in sorted(Change, key=lambda change: change.release)
    ]


def test_the_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names: dict[str, object] = {}
    exec(code, names)
    registers = names["registers"]
    assert isinstance(registers, dict)
    assert len(registers) == 245
