"""Text with colours, on a terminal that shows them."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console

_WIDTH_MAX = 10_000


class _Stdout(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Leave the exit status to the command; rich would have 1, which says no."""
        raise BrokenPipeError


def stdout() -> Console:
    """What prints to stdout: a line stays one, however narrow the terminal is.

    The width is not left to rich: it believes a `COLUMNS=0`, and then prints nothing.
    """
    return _Stdout(highlight=False, soft_wrap=True, width=_WIDTH_MAX)
