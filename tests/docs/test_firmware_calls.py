"""The page on firmware calls has the functions of the boards as they are."""

from __future__ import annotations

from pathlib import Path

from emu.arch.firmware_functions import FUNCTION_NAMES
from emu.boards.kvm_services import KVM_FUNCTIONS_BY_BIT, KVM_PSCI_FUNCTIONS, KVM_SERVICES
from emu.boards.services import CallHandling
from emu.boards.squib import SQUIB

TEXT = (Path(__file__).parents[2] / "docs" / "firmware-calls.md").read_text(encoding="utf-8")


def kvm_cell(function: int) -> str:
    """What a function needs on KVM: a PSCI version, a bit of a register, or nothing."""
    for version, functions in sorted(KVM_PSCI_FUNCTIONS.items()):
        if function in functions:
            return f"PSCI {version >> 16}.{version & 0xFFFF}"
    for register, bit, offered in KVM_FUNCTIONS_BY_BIT:
        if function in offered:
            return f"{register}, {bit.name}"
    return "yes" if function in KVM_SERVICES.functions else ""


def table() -> str:
    """Every function that a board carries out, by its id."""
    rows = ["| id | function | squib | KVM |", "|---|---|---|---|"]
    for function, name in sorted(FUNCTION_NAMES.items()):
        squib = "yes" if function in SQUIB.firmware.functions else ""
        kvm = kvm_cell(function)
        if squib or kvm:
            rows.append(f"| {function:#010x} | {name} | {squib} | {kvm} |")
    return "\n".join(rows)


def test_the_page_has_the_functions_of_every_board() -> None:
    """`table()` is the text to put there."""
    assert table() in TEXT


def test_the_page_says_what_becomes_of_an_instruction() -> None:
    rows = [f"| `{handling.name}` | {handling.value} |" for handling in CallHandling]
    assert "\n".join(rows) in TEXT
