"""`thawbench boot`, as its tests call it."""

from __future__ import annotations

from click.testing import Result

from tests.harness.command_line import invoke

SEED = "00112233445566778899aabbccddeeff"


def boot(*arguments: object, stdin: bytes | None = None) -> Result:
    """A boot with 8 MiB of RAM and the same entropy every time."""
    return invoke("boot", "--memory", 8, "--entropy", SEED, *arguments, stdin=stdin)
