"""Where the time of a run goes: in the core, or in Python, and there for what.

An accounted run does what any other does. It takes longer, as two readings of a clock are part of
each thing that is counted. What the core does to call Python counts as the core's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import process_time
from typing import Any

from emu.core.bus import Bus, Mapping
from emu.core.ports import MmioWindow
from emu.cpu.engine import Engine, RegisterModel

CORE = "the core"
SLICES = "scheduler, for each slice"
_CALLBACKS = {
    "on_hvc": "HVC",
    "on_exception": "exception, told",
    "on_interrupt": "interrupt, told",
}


@dataclass(slots=True)
class Entry:
    """How often a thing was done, and how many seconds that took."""

    count: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Account:
    """What was done, by name. No second is in two entries."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, whose calls are counted under `name`."""
        entry = self.entries.setdefault(name, Entry())

        def counted(*arguments: Any) -> Any:
            begin = process_time()
            try:
                return function(*arguments)
            finally:
                entry.count += 1
                entry.seconds += process_time() - begin

        return counted

    def settle(self, run_s: float) -> None:
        """All runs together took `run_s` seconds: share out what is not yet counted."""
        core = self.entries[CORE]
        self.entries[SLICES] = Entry(core.count, run_s - core.seconds)
        core.seconds -= sum(
            entry.seconds for name, entry in self.entries.items() if name not in (CORE, SLICES)
        )

    def rows(self) -> list[tuple[str, Entry]]:
        """What was done at all, the longest first."""
        done = ((name, entry) for name, entry in self.entries.items() if entry.count)
        return sorted(done, key=lambda row: -row[1].seconds)


@contextmanager
def accounted() -> Iterator[Account]:
    """Count what those machines do that are made in this context."""
    account = Account()
    window, define = Bus.window, Engine.define
    run = account.timed(CORE, Engine.run)
    begun: set[Engine] = set()

    def window_timed(bus: Bus, mapping: Mapping, vcpu: int) -> MmioWindow:
        return _TimedWindow(account, mapping.name, window(bus, mapping, vcpu))

    def define_timed(engine: Engine, name: str, at: Any, model: RegisterModel) -> None:
        define(engine, name, at, _timed_register(account, name, model))

    def run_timed(engine: Engine, limit: int) -> int:
        if engine not in begun:
            begun.add(engine)
            _time_callbacks(account, engine)
        return int(run(engine, limit))

    with (
        _replaced(Bus, "window", window_timed),
        _replaced(Engine, "define", define_timed),
        _replaced(Engine, "run", run_timed),
    ):
        yield account


@contextmanager
def _replaced(owner: type, name: str, method: Callable[..., Any]) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, method)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _time_callbacks(account: Account, engine: Engine) -> None:
    for attribute, name in _CALLBACKS.items():
        callback = getattr(engine, attribute)
        if callback is not None:
            setattr(engine, attribute, account.timed(name, callback))


def _timed_register(account: Account, name: str, model: RegisterModel) -> RegisterModel:
    read, write = model.read, model.write
    is_instruction = " " in name
    return replace(
        model,
        read=read and account.timed(f"MRS {name}", read),
        write=write and account.timed(name if is_instruction else f"MSR {name}", write),
    )


class _TimedWindow:
    """A window whose loads and stores are counted."""

    def __init__(self, account: Account, name: str, window: MmioWindow) -> None:
        self.read = account.timed(f"load from {name}", window.read)
        self.write = account.timed(f"store to {name}", window.write)
