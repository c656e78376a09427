"""The fuzzer finds readers that break their promise, and finds none here."""

from __future__ import annotations

from itertools import islice

import pytest

from emu.errors import DecodeError
from emu.formats import registry
from harness import fuzz

INPUTS = 60


@pytest.mark.parametrize("seed", ["one", "two"])
def test_whatever_the_bytes_each_reader_gives_a_value_or_a_typed_error(seed: str) -> None:
    for number, made in enumerate(islice(fuzz.inputs(seed), INPUTS)):
        outcome = fuzz.try_input(number, *made)
        assert outcome.broken is None, f"{outcome.what}: {outcome.broken}"


def test_the_same_seed_gives_the_same_inputs() -> None:
    assert list(islice(fuzz.inputs("a"), 10)) == list(islice(fuzz.inputs("a"), 10))
    assert list(islice(fuzz.inputs("a"), 10)) != list(islice(fuzz.inputs("b"), 10))


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), MemoryError()])
def test_a_reader_that_raises_something_else_is_found(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_format: object, _data: bytes) -> None:
        raise error

    monkeypatch.setitem(fuzz.READERS, "broken", broken)
    outcome = fuzz.try_input(0, "", registry.get("squib-0.2"), b"")
    assert outcome.broken is not None
    assert type(error).__name__ in outcome.broken


def test_a_typed_error_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(_format: object, _data: bytes) -> None:
        raise DecodeError("no", offset=0)

    monkeypatch.setattr(fuzz, "READERS", {"refusing": refusing})
    assert fuzz.try_input(0, "", registry.get("squib-0.2"), b"").broken is None
