"""docs/boot.md has every option and key of `thawbench boot`, and a recording that can be read."""

from __future__ import annotations

import re
from pathlib import Path

from harness.commands.machine import boot
from harness.console.recording import read_recording
from harness.report.keys import KEYS

PAGE = Path(__file__).parents[2] / "docs" / "boot.md"
ELSEWHERE = {"--events", "--trace", "--trace-from", "--trace-last", "--symbols", "--json"}
"""On docs/debugging.md."""


def test_the_page_names_every_option() -> None:
    options = {name for option in boot.params for name in (*option.opts, *option.secondary_opts)}
    named = set(re.findall(r"--[a-z-]+", PAGE.read_text("utf-8")))
    assert options - named - ELSEWHERE == set()


def test_the_page_has_the_keys_that_the_help_shows() -> None:
    rows = dict(re.findall(r"^\| (Ctrl-A [^|]+) \| ([^|]+) \|$", PAGE.read_text("utf-8"), re.M))
    assert rows.keys() == KEYS.keys()


def test_the_recording_on_the_page_is_one(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^```json\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    path = tmp_path / "recording"
    path.write_text(shown, "utf-8")
    first, last = read_recording(path)
    assert first.data == b"ls\r"
    assert last.data is None
