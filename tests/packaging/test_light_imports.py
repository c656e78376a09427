"""Reading a state file never loads Unicorn, so it works where Unicorn can't be installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "squib-0.2" / "14-realistic-two-vcpus-mmds.snap"

IMPORTS = ["emu", "emu.wire", "emu.formats", "emu.formats.squib", "emu.inspect", "harness.cli"]

FILE_COMMANDS = [["--version"], ["--help"], ["describe", str(GOLDEN)], ["dump", str(GOLDEN)]]

REPORT = "print('unicorn' in __import__('sys').modules, file=__import__('sys').stderr)"


def loads_unicorn(program: str) -> bool:
    """Whether Unicorn is loaded at the end of `program`, run in an interpreter of its own.

    That interpreter imports from where this one does, not from its working directory.
    """
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            f"import atexit; atexit.register(lambda: {REPORT})\n{program}",
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return {"True": True, "False": False}[done.stderr.splitlines()[-1]]


@pytest.mark.parametrize("module", IMPORTS)
def test_importing_the_file_side_does_not_load_unicorn(module: str) -> None:
    assert not loads_unicorn(f"import {module}")


@pytest.mark.parametrize("arguments", FILE_COMMANDS, ids=lambda arguments: arguments[0])
def test_commands_on_files_do_not_load_unicorn(arguments: list[str]) -> None:
    assert not loads_unicorn(f"from harness.cli import main; main({arguments!r})")


def test_the_check_sees_unicorn_where_it_is_loaded() -> None:
    pytest.importorskip("unicorn")
    assert loads_unicorn("import unicorn")
