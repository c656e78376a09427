"""`thawbench boards`: the boards that a machine can have."""

from __future__ import annotations

from typing import Final

from rich.table import Table

from emu import boards
from emu.boards.board import Board
from emu.boards.places import Place
from harness.report.console import stdout
from harness.report.output import print_json

HEADINGS: Final = ("board", "console", "clock", "virtio from", "GIC", "VMClock")


def run(*, as_json: bool) -> None:
    """Print all boards."""
    if as_json:
        print_json([_as_data(board) for board in boards.BOARDS.values()])
        return
    table = Table(*HEADINGS, box=None)
    for board in boards.BOARDS.values():
        table.add_row(*row(board))
    stdout().print(table)


def row(board: Board) -> tuple[str, ...]:
    """A board in a few words: of a machine that has nothing but what every machine of it has."""
    equipment = board.equip()
    (virtio,) = board.equip(virtio_count=1).virtio
    return (
        board.name,
        f"{board.uart_kind.value} at {_where(board, equipment.uart)}",
        "none" if equipment.rtc is None else f"PL031 at {equipment.rtc.window.base:#x}",
        _where(board, virtio),
        f"GICv3 at {board.gicd.base:#x}" + (", ITS" if board.its_size_bytes else ""),
        "yes" if board.has_vmclock else "no",
    )


def _where(board: Board, place: Place | None) -> str:
    if place is None:
        return "no place"
    return f"{place.window.base:#x}, INTID {board.intid(place.gsi)}"


def _as_data(board: Board) -> dict[str, object]:
    equipment = board.equip()
    (virtio,) = board.equip(virtio_count=1).virtio
    return {
        "name": board.name,
        "aliases": [name for name, other in boards.ALIASES.items() if other is board],
        "max_vcpus": board.max_vcpus,
        "dram_base": board.dram_base,
        "console": {
            "kind": board.uart_kind.value,
            "linux_name": board.command_line.console,
            **_place_data(board, equipment.uart),
        },
        "clock": _place_data(board, equipment.rtc),
        "first_virtio": _place_data(board, virtio),
        "gicd": board.gicd.base,
        "has_its": board.its_size_bytes > 0,
        "has_vmclock": board.has_vmclock,
        "counter_frequency_hz": board.counter_frequency_hz,
        "cycles_per_tick": board.cycles_per_tick,
        "cpu_model": board.cpu_model,
    }


def _place_data(board: Board, place: Place | None) -> dict[str, int]:
    if place is None:
        return {}
    return {"address": place.window.base, "gsi": place.gsi, "intid": board.intid(place.gsi)}
