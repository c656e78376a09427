"""The report as JSON: the data as it is, with names and disassembly beside the addresses."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from emu.core.events import Stamped
from emu.machine.postmortem import CodeWord, Frame, Postmortem, VcpuReport
from harness.disassembly import disassemble
from harness.event_lines import number_text, value_of
from harness.symbols import Symbols


def postmortem_json(found: Postmortem, symbols: Symbols) -> dict[str, Any]:
    """The report for `json.dumps`. Large numbers are strings, as in files of events."""
    value = _plain(found, symbols)
    assert isinstance(value, dict)
    return value


def _plain(value: object, symbols: Symbols) -> object:
    match value:
        case Stamped():
            return value_of(value)
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case tuple():
            return [_plain(item, symbols) for item in value]
        case dict():
            return {key: _plain(item, symbols) for key, item in value.items()}
        case _ if is_dataclass(value):
            parts = {f.name: _plain(getattr(value, f.name), symbols) for f in fields(value)}
            return {**parts, **_named(value, symbols)}
        case _:
            return number_text(value)


def _named(value: object, symbols: Symbols) -> dict[str, object]:
    """What names and disassembly add to a part of the report."""
    match value:
        case VcpuReport():
            return {"symbol": symbols.lookup(value.pc)}
        case Frame(address, "pc"):
            return {"symbol": symbols.lookup(address)}
        case Frame(address):
            return {"symbol": symbols.lookup_return(address)}
        case CodeWord(address, word):
            text = None if word is None else disassemble(address, word)
            return {"symbol": symbols.lookup(address), "instruction": text}
        case _:
            return {}
