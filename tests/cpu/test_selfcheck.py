"""A Unicorn that is not what the CPU model expects is refused, and the message says why."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from emu.cpu.engine import Engine, layout, library, selfcheck
from emu.errors import EngineError


def test_the_installed_unicorn_passes() -> None:
    selfcheck.verify()
    selfcheck.verify.__wrapped__()


def test_the_layout_is_found_again() -> None:
    """The experiments have one answer."""
    assert layout.discover.__wrapped__() == layout.discover()


BREAKAGES = {
    "the instruction limit": ("run", lambda _self, limit: limit),
    "ERET and a modelled MRS": ("define", lambda *_: None),
    "stopping from a callback": ("stop", lambda _self: None),
    "IRQ entry": ("set_irq", lambda _self, _asserted: None),
    "FIQ entry": ("set_fiq", lambda _self, _asserted: None),
    "taking a feature away": ("set_isa", lambda _self, _id_registers: None),
}


@pytest.mark.parametrize("mechanism", BREAKAGES)
def test_a_mechanism_that_does_not_work_is_named(
    mechanism: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, broken = BREAKAGES[mechanism]
    monkeypatch.setattr(Engine, name, broken)
    with pytest.raises(EngineError, match=f"Unicorn does not do {mechanism} as"):
        selfcheck.verify.__wrapped__()


def test_another_release_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "version", lambda _name: "2.1.5")
    with pytest.raises(EngineError, match=r"unicorn 2\.1\.5 is installed.*unicorn==2\.1\.4"):
        library.load.__wrapped__()


def test_a_library_that_does_not_export_what_is_needed_is_refused() -> None:
    with pytest.raises(EngineError, match="does not export tlb_flush_aarch64"):
        library.bind(ctypes.CDLL(None), "tlb_flush_aarch64")


@pytest.mark.parametrize("places", [set(), {0x10, 0x20}])
def test_an_ambiguous_layout_is_refused(places: set[int]) -> None:
    with pytest.raises(EngineError, match="looking for pc inside Unicorn"):
        layout._only("pc", places)


def test_a_missing_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    uc = layout.new_unicorn()
    monkeypatch.setattr(library, "load", lambda: SimpleNamespace(get_cpu=lambda *_: None))
    with pytest.raises(EngineError, match="found no CPU"):
        layout.cpu_of(uc)
