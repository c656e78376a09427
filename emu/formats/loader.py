"""A loader as data: the checks that a VMM makes of a state file, in its order.

Each check has the name that the VMM's own error has, so that a verdict given here can be compared
with what the VMM says.

>>> from emu.errors import TooShortError
>>> def refuse_empty(loading: Loading) -> None:
...     if not loading.data:
...         raise TooShortError("the file is empty")
>>> loader = (Check("is not empty", "Empty", refuse_empty),)
>>> problem, = problems(loader, Loading(b""))
>>> problem.loader_error, str(problem.error)
('Empty', 'the file is empty')
>>> list(problems(loader, Loading(b"x")))
[]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from emu.errors import SnapshotError

Part = Literal["data", "header", "state"]
"""What there is of a state file: its bytes, its decoded header, its decoded state."""


@dataclass(slots=True)
class Loading:
    """A state file on its way through a loader.

    Attributes:
        data: the whole file.
        header: the header's value, as soon as a check has decoded it.
        header_end: byte offset just past the header, where it is decoded by itself.
        state: the state's value, as soon as a check has decoded it.
    """

    data: bytes
    header: Any = None
    header_end: int = 0
    state: Any = None

    def has(self, part: Part) -> bool:
        """Whether a part is there."""
        return part == "data" or getattr(self, part) is not None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a loader insists on.

    Attributes:
        rule: what it insists on, as the end of a sentence that begins "the file ".
        loader_error: what the VMM calls the error; None for a bound that is only this tool's.
        run: raises a `SnapshotError` if the file does not comply; a check that decodes stores what
            it decoded.
        needs: the part that must be there for the check to be made.
        decodes: whether it makes a part of what the file has.
        final: whether a file that fails it is not worth another look.
    """

    rule: str
    loader_error: str | None
    run: Callable[[Loading], None]
    needs: Part = "data"
    decodes: bool = False
    final: bool = False


Loader = tuple[Check, ...]
"""Checks in the order in which the VMM makes them; it stops at the first that fails."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A check that failed, and why."""

    check: Check
    error: SnapshotError

    @property
    def loader_error(self) -> str | None:
        """What the VMM calls the error."""
        return self.check.loader_error


def problems(loader: Loader, loading: Loading) -> Iterator[Problem]:
    """What there is against a file, in the loader's order; the first is the loader's own verdict.

    Checks that come after a failed one are made if what they need is there all the same.
    """
    for check in loader:
        if not loading.has(check.needs):
            continue
        try:
            check.run(loading)
        except SnapshotError as error:
            yield Problem(check, error)
            if check.final:
                return


def checks_of_values(loader: Loader) -> Loader:
    """The checks of what a file says, without those of how it says it."""
    return tuple(check for check in loader if check.needs != "data" and not check.decodes)
