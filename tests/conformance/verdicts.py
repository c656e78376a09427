"""How a test of kvm-unit-tests ends: by what it says on the console."""

from __future__ import annotations

import re
from typing import Final

from tests.conformance.cases import Verdict

_END: Final = re.compile(r"^EXIT: STATUS=(\d+)\r?$", re.MULTILINE)


def verdict_of(console: str) -> Verdict:
    """The verdict; a console without exactly one is an `AssertionError`."""
    found = _END.findall(console)
    assert len(found) == 1, f"{len(found)} verdicts in\n{console}"
    return Verdict(int(found[0]))
