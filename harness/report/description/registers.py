"""Registers: those with bit fields a line each, others in columns, those at zero by name alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from emu.arch import kvm
from emu.inspect.describe import registers
from emu.inspect.describe.views.registers import RegisterView, Section
from harness.report.description.layout import WIDTH, Line, columns, names


def section_lines(section: Section, indent: str, *, in_full: bool = False) -> Iterator[Line]:
    """A group of registers; `in_full` shows values of zero too."""
    yield f"{indent}{section.title}"
    yield from register_lines(section.registers, f"{indent}  ", in_full=in_full)


def register_lines(
    rows: Iterable[RegisterView], indent: str, *, in_full: bool = False
) -> Iterator[Line]:
    """Registers, without a title."""
    shown, zero, untouched = [], [], []
    for register in rows:
        number = registers.number(register)
        if number == kvm.NEVER_WRITTEN:
            untouched.append(register)
        elif number or in_full or not register.known:
            shown.append(register)
        else:
            zero.append(register)
    yield from _cells([row for row in shown if row.known and row.fields is None], indent)
    for register in shown:
        if register.fields is not None or not register.known:
            yield indent + register_text(register)
    yield from names("never written", (row.name for row in untouched), indent)
    yield from names("at zero", (row.name for row in zero), indent)


def register_text(register: RegisterView) -> str:
    """A register on one line."""
    name = register.name if register.known else f"{register.name} {_key(register)}"
    fields = (f"{key}={field}" for key, field in (register.fields or {}).items())
    return " ".join([f"{name} {_hex(register)}", *fields])


def _key(register: RegisterView) -> str:
    """The number of a register without a name: KVM's are long, squib's are small."""
    key = register.key or 0
    return f"{key:#x}" if key >> 32 else str(key)


def _cells(rows: list[RegisterView], indent: str) -> Iterator[Line]:
    """Registers in columns, those of one width together."""
    by_size: dict[int, list[RegisterView]] = {}
    for row in rows:
        by_size.setdefault(row.size_bytes, []).append(row)
    for size_bytes, alike in by_size.items():
        width = max(len(row.name) for row in alike)
        cells = [f"{row.name:>{width}} {_hex(row, 2 * size_bytes)}" for row in alike]
        per_line = max(1, (WIDTH - len(indent)) // (len(cells[0]) + 2))
        yield from columns(cells, per_line, indent)


def _hex(register: RegisterView, digits: int = 1) -> str:
    value = register.value
    return f"{value:#0{2 + digits}x}" if isinstance(value, int) else value
