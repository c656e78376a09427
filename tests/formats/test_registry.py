"""Formats go by their ids, and entry points add some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from emu.errors import UnknownFormatError
from emu.formats import registry, squib

Adds = Callable[..., None]


class FakeEntryPoint:
    """An entry point that loads what it is made with; of an error, it raises it."""

    def __init__(self, name: str, loaded: Any) -> None:
        self.name = name
        self.value = f"acme:{name}"
        self._loaded = loaded

    def load(self) -> Any:
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


@pytest.fixture
def adds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Adds]:
    """Has entry points in place of those that are installed: `adds(name=what it loads)`."""

    def adding(**points: Any) -> None:
        registry.formats.cache_clear()
        fakes = [FakeEntryPoint(name, loaded) for name, loaded in points.items()]
        groups = {"thawbench.formats": fakes}
        monkeypatch.setattr(registry, "entry_points", lambda group: groups[group])

    yield adding
    monkeypatch.undo()
    registry.formats.cache_clear()


def renamed(format_id: str, *aliases: str) -> Any:
    return replace(squib.FORMAT, id=format_id, aliases=aliases)


def test_built_in_formats_are_there_oldest_first(adds: Adds) -> None:
    adds()
    assert registry.formats() == registry.BUILT_IN
    assert [known.id for known in registry.formats()][:3] == [
        "squib-0.2",
        "firecracker-1.9",
        "firecracker-1.10.0",
    ]


def test_a_format_is_found_by_id_and_by_alias(adds: Adds) -> None:
    adds()
    for known in registry.BUILT_IN:
        for name in (known.id, *known.aliases):
            assert registry.get(name) is known
    assert registry.get("firecracker-1.10.1").id == "firecracker-1.10"


def test_an_unknown_id_is_told_with_those_that_are_known(adds: Adds) -> None:
    adds()
    with pytest.raises(UnknownFormatError, match=r"'firecracker-0\.1' .*squib-0\.2, firecracker-1"):
        registry.get("firecracker-0.1")


def test_entry_points_add_formats_behind_the_built_in_ones_by_name(adds: Adds) -> None:
    one, other = renamed("acme-1"), renamed("acme-2")
    adds(zeta=one, alpha=other)
    assert registry.formats() == (*registry.BUILT_IN, other, one)
    assert registry.get("acme-1") is one


def test_an_entry_point_that_does_not_load_is_told_by_name(adds: Adds) -> None:
    adds(broken=ImportError("no module named acme"))
    with pytest.raises(UnknownFormatError, match=r"'broken'.*acme:broken: no module named acme"):
        registry.formats()


def test_an_entry_point_that_is_no_format_is_told_by_type(adds: Adds) -> None:
    adds(number=42)
    with pytest.raises(UnknownFormatError, match=r"'number'.*is int acme:number; expected.*Format"):
        registry.formats()


@pytest.mark.parametrize(
    "added",
    [
        renamed("squib-0.2"),
        renamed("acme", "firecracker-1.16"),
        renamed("firecracker-1.10.1"),
        renamed("acme", "acme"),
    ],
    ids=["id taken", "alias taken", "id is an alias", "alias is the id"],
)
def test_a_name_that_is_taken_is_refused(adds: Adds, added: Any) -> None:
    adds(added=added)
    with pytest.raises(UnknownFormatError, match="two formats are called"):
        registry.formats()


@pytest.mark.parametrize("patch", ["1.9.1", "1.10.0", "1.10.1", "1.12.1", "1.14.4", "1.16.0"])
def test_a_patch_release_names_its_line(patch: str) -> None:
    """v1.10 has two lines: v1.10.0 wrote 3.0.0, v1.10.1 wrote 4.0.0."""
    expected = "1.10.0" if patch == "1.10.0" else patch.rpartition(".")[0]
    assert registry.get(f"firecracker-{patch}").id == f"firecracker-{expected}"
