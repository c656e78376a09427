"""A pattern fits a part, and with it everything inside, whatever its path leaves out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.errors import PathError
from emu.inspect.values.containers import container_of
from emu.inspect.values.parts import Part, root
from emu.inspect.values.patterns import Matcher, matcher
from emu.wire.schema import Struct, u8


class Virtio(Struct):
    path: str
    queues: list[u8]


class Serial(Struct):
    pass


class State(Struct):
    devices: list[Virtio | Serial]
    limits: dict[str, u8]


class File(Struct):
    version: str
    data: State


def fitting(*patterns: str) -> list[str]:
    """The outermost parts that the patterns fit."""
    state = State([Virtio("/a", [1, 2]), Serial()], {"a b": 1, "eth0": 2})
    whole = root(File, File("1", state))
    return [str(part.path) for part in _fitting(whole, matcher(patterns))]


def _fitting(part: Part, left: Matcher) -> Iterator[Part]:
    container = container_of(part)
    if left.matched:
        yield part
    elif container:
        for inner in container.parts():
            yield from _fitting(inner, left.into(container, inner))


FIRST = "data.devices[0]"


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("**", [""]),
        ("*", ["version", "data"]),
        ("version", ["version"]),
        ("data.limits", ["data.limits"]),
        ("limits", ["data.limits"]),
        ("limits[eth0]", ['data.limits["eth0"]']),
        ("limits[*]", ['data.limits["a b"]', 'data.limits["eth0"]']),
        ("limits.*", ['data.limits["a b"]', 'data.limits["eth0"]']),
        ("limits.**", ["data.limits"]),
        ("devices[0]", [FIRST]),
        ("devices[0b0].path", [f"{FIRST}::Virtio.path"]),
        ("devices[*].path", [f"{FIRST}::Virtio.path"]),
        ("devices[*]::Virtio.path", [f"{FIRST}::Virtio.path"]),
        ("devices[*]::Serial", ["data.devices[1]::Serial"]),
        ("**.path", [f"{FIRST}::Virtio.path"]),
        ("**[1]", ["data.devices[0]::Virtio.queues[1]", "data.devices[1]"]),
        ("**.queues.**[0]", [f"{FIRST}::Virtio.queues[0]"]),
        ("**.**.path", [f"{FIRST}::Virtio.path"]),
        ("devices[7]", []),
        ("nothing.at.all", []),
    ],
)
def test_a_pattern_fits_what_its_steps_and_stars_say(pattern: str, paths: list[str]) -> None:
    assert fitting(pattern) == paths


def test_several_patterns_fit_what_each_of_them_does() -> None:
    assert fitting("version", "limits[eth0]", "**.path") == [
        "version",
        f"{FIRST}::Virtio.path",
        'data.limits["eth0"]',
    ]


def test_stars_in_a_row_are_as_good_as_one_however_many() -> None:
    assert fitting(".".join(["**"] * 3000 + ["path"])) == fitting("**.path")


def test_what_is_no_pattern_is_an_error() -> None:
    with pytest.raises(PathError, match="at character 1"):
        matcher(["a b"])


def test_an_empty_pattern_is_an_error_and_not_all_there_is() -> None:
    """An empty shell variable must not make two files equal."""
    with pytest.raises(PathError, match="empty"):
        matcher([""])
