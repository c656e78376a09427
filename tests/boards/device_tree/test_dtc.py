"""The device tree compiler agrees with every board's tree, byte for byte."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from emu import boards
from emu.boards.device_tree import build_fdt
from tests.boards.device_tree.descriptions import describe

DTC = shutil.which("dtc")
GOLDEN = Path(__file__).parents[2] / "golden" / "device-trees"

pytestmark = pytest.mark.skipif(DTC is None, reason="dtc (device-tree-compiler) is not installed")


def dtc(*options: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
    assert DTC is not None
    return subprocess.run([DTC, *options], input=given, capture_output=True, check=True)


@pytest.mark.parametrize("name", [path.stem for path in sorted(GOLDEN.glob("*.dts"))])
def test_the_tree_of_a_board_is_the_golden_one(name: str) -> None:
    """`tests/golden/device-trees` has the sources; `dtc` makes the same bytes of them."""
    source = (GOLDEN / f"{name}.dts").read_bytes()
    assert dtc("-q", "-I", "dts", "-O", "dtb", given=source).stdout == build_fdt(describe(name))


@pytest.mark.parametrize("name", boards.BOARDS)
def test_dtc_writes_what_it_reads(name: str) -> None:
    blob = build_fdt(describe(name))
    assert dtc("-q", "-I", "dtb", "-O", "dtb", given=blob).stdout == blob


def _options(allowed: Sequence[str]) -> list[str]:
    return [option for name in allowed for option in ("-W", f"no-{name}")]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        # The vmgenid node has no unit address, which is Firecracker's choice.
        ("squib", ("unit_address_vs_reg",)),
    ],
)
def test_dtc_finds_nothing_to_warn_of(name: str, allowed: Sequence[str]) -> None:
    board = boards.get(name)
    full = describe(name, mpidrs=board.mpidrs(32), equipment=board.equip(virtio_count=32))
    done = dtc("-I", "dtb", "-O", "dts", *_options(allowed), given=build_fdt(full))
    assert done.stderr == b""
