"""Descriptions as text: what is told of the file, of lists that are amiss, and of allocators."""

from __future__ import annotations

import io

from rich.console import Console

from emu.inspect.describe.views.file import (
    ChecksumView,
    Description,
    FormatView,
    HeaderView,
    Problem,
)
from emu.inspect.describe.views.state import AllocatorView, GicView, RangeView, RowView, StateView
from harness.report.description import print_description


def printed(description: Description) -> list[str]:
    output = io.StringIO()
    print_description(Console(file=output), description)
    return output.getvalue().splitlines()


def of_state(gic: GicView | None = None, allocators: tuple[AllocatorView, ...] = ()) -> list[str]:
    state = StateView({}, (), 0, (), (), gic, None, allocators)
    return printed(Description(0, None, None, None, None, (), state))


def test_a_file_that_is_of_two_formats() -> None:
    known = FormatView("firecracker-1.10.0", "Firecracker v1.10.0", ("firecracker-1.9",))
    header = HeaderView(0x0710_1984_AAAA_0000, "aarch64", "3.0.0", "bincode")
    crc = ChecksumView(1, 2, ok=False)
    problem = Problem("CrcError", "the CRC-64 is wrong", "SnapshotError::Crc64")
    assert printed(Description(1234, known, crc, header, 12, (problem,))) == [
        "format:      firecracker-1.10.0 (Firecracker v1.10.0)",
        "also:        it is an encoding of firecracker-1.9 as well",
        "version:     3.0.0, in bincode",
        "magic:       0x07101984aaaa0000 (aarch64)",
        "size:        1,234 bytes",
        "checksum:    0x0000000000000001 (wrong, the bytes have 0x0000000000000002)",
        "ignored:     12 bytes before the checksum",
        "loads:       no",
        "",
        "Problems",
        "  SnapshotError::Crc64: the CRC-64 is wrong",
    ]


def test_a_file_of_which_nothing_can_be_told() -> None:
    problem = Problem("UnknownFormatError", "what is \x1b this")
    assert printed(Description(0, None, None, None, None, (problem,))) == [
        "format:      unknown",
        "version:     there is no snapshot header",
        "size:        0 bytes",
        "loads:       no",
        "",
        "Problems",
        r"  UnknownFormatError: what is \x1b this",
    ]


def test_a_list_that_is_amiss_is_shown_raw() -> None:
    rows = (
        RowView(None, "dist", "GICD_CTLR", (1,)),
        RowView(1, "rdist", None, tuple(range(20))),
        RowView(1, "ap_icc_regs", None, None),
    )
    shown = of_state(GicView("GICv3", rows=rows, notes=("rdist has 1 register",)))
    assert "  rdist has 1 register" in shown
    assert "    vCPU 1 rdist: 0x0 0x1 0x2 0x3 0x4 0x5 0x6 0x7 ..." in shown
    assert "    vCPU 1 ap_icc_regs: none" in shown
    assert not any("dist: 0x1" in line for line in shown)


def test_allocators_of_numbers_and_of_addresses() -> None:
    span = RangeView(0, 95)
    shown = of_state(
        allocators=(
            AllocatorView("gsi", span, next=4, freed=(1, 2)),
            AllocatorView("msi", span),
            AllocatorView("mmio32", span, allocated=(RangeView(16, 31),), tree_height=2),
        )
    )
    assert shown[-4:] == [
        "  gsi  0 to 95; next 4, freed 1, 2",
        "  msi  0 to 95; next none left, freed none",
        "  mmio32  0x0 to 0x5f; tree height 2",
        "    allocated: 0x10 to 0x1f",
    ]
