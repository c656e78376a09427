"""All formats that are known, under the ids by which every option of every command names them.

A format of one's own (a fork, an unreleased version) is added by an entry point of the group
`thawbench.formats` that names a `Format`; docs/formats.md shows how.

>>> get("firecracker-1.16").version
'10.0.0'
>>> get("firecracker-2.0")
Traceback (most recent call last):
emu.errors.UnknownFormatError: 'firecracker-2.0' is not a known format; known are squib-0.2, ...
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from emu.errors import UnknownFormatError
from emu.formats import squib
from emu.formats.firecracker.releases import RELEASES
from emu.formats.format import Format

ENTRY_POINT_GROUP = "thawbench.formats"

BUILT_IN: tuple[Format, ...] = (squib.FORMAT, *RELEASES)
"""The formats of this project: squib's, then Firecracker's, oldest first."""


@cache
def formats() -> tuple[Format, ...]:
    """All known formats: the built-in ones, then those of entry points by name.

    Raises `UnknownFormatError` for an entry point that names no format, or one whose id is taken.
    """
    points = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)
    known = (*BUILT_IN, *map(_load, points))
    taken: set[str] = set()
    for known_format in known:
        for name in (known_format.id, *known_format.aliases):
            if name in taken:
                raise UnknownFormatError(
                    f"two formats are called {name!r}; rename the one that an entry point of the "
                    f"group {ENTRY_POINT_GROUP} adds"
                )
            taken.add(name)
    return known


def _load(point: EntryPoint) -> Format:
    try:
        loaded = point.load()
    except Exception as error:
        raise UnknownFormatError(
            f"the entry point {point.name!r} of the group {ENTRY_POINT_GROUP} can't be loaded: "
            f"{point.value}: {error}; mend or uninstall the package that it belongs to"
        ) from error
    if not isinstance(loaded, Format):
        raise UnknownFormatError(
            f"the entry point {point.name!r} of the group {ENTRY_POINT_GROUP} is "
            f"{type(loaded).__name__} {point.value}; expected an emu.formats.format.Format"
        )
    return loaded


def get(format_id: str) -> Format:
    """The format of an id or an alias; raises `UnknownFormatError`."""
    for known in formats():
        if format_id in (known.id, *known.aliases):
            return known
    ids = ", ".join(known.id for known in formats())
    raise UnknownFormatError(f"{format_id!r} is not a known format; known are {ids}")
