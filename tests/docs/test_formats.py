"""A user's own format, as docs/formats.md tells to make one, is known to every command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emu.formats import registry
from harness import data

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
COMMAND = "from harness.cli import main; main()"


def block(language: str) -> str:
    """The page's block of code in `language`."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(text)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder that holds the page's package as pip would install it."""
    (tmp_path / "acme_snapshots.py").write_text(block("python"), encoding="utf-8")
    ((name, target),) = re.findall(r'^(\S+) = "(acme_snapshots:\S+)"$', block("toml"), re.MULTILINE)
    metadata = tmp_path / "acme_snapshots-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme-snapshots\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text(
        f"[{registry.ENTRY_POINT_GROUP}]\n{name} = {target}\n"
    )
    return tmp_path


def thawbench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    search = os.pathsep.join([str(folder), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_format_of_the_page_is_listed(installed: Path) -> None:
    listed = json.loads(thawbench(installed, "formats", "--json").stdout)
    assert listed[-1] == {
        "id": "firecracker-1.16-acme",
        "aliases": [],
        "version": "10.1.0",
        "encoding": "bitcode",
        "written_by": "Acme's fork of Firecracker v1.16",
    }


def test_every_command_on_files_knows_the_format_of_the_page(installed: Path) -> None:
    sample = installed / "sample.snap"
    sample.write_bytes(data.read(data.FIRECRACKER_SNAPSHOT))
    value = json.loads(thawbench(installed, "dump", str(sample)).stdout)
    value["header"]["version"] = "10.1.0"
    value["data"]["device_states"]["mmio_state"]["vsock_device"]["device_state"]["backend"][
        "backlog"
    ] = 128
    source, state, edited = (installed / name for name in ("v.json", "a.snap", "b.snap"))
    source.write_text(json.dumps(value))
    path = "device_states.mmio_state.vsock_device.device_state.backend.backlog"
    runs = [
        (["build", str(source), "-o", str(state)], 0, ""),
        (["verify", str(state)], 0, "accepted by firecracker-1.16-acme"),
        (["describe", str(state)], 0, "firecracker-1.16-acme"),
        (["dump", str(state)], 0, '"backlog":128'),
        (["edit", str(state), f"{path}=256", "-o", str(edited)], 0, "256"),
        (["diff", str(state), str(edited)], 1, "backlog"),
        (["verify", str(edited), "--as", "firecracker-1.16"], 1, "rejected by firecracker-1.16"),
    ]
    for arguments, status, text in runs:
        result = thawbench(installed, *arguments)
        assert result.returncode == status, result.stderr
        assert text in result.stdout


def test_an_entry_point_that_can_not_be_loaded_is_one_line(installed: Path) -> None:
    (installed / "acme_snapshots.py").write_text("raise RuntimeError('broken')")
    result = thawbench(installed, "formats")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "'firecracker-1.16-acme'" in line
    assert "broken" in line


def test_the_page_lists_the_formats_that_there_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for known in registry.BUILT_IN:
        assert re.search(
            rf"^ {re.escape(known.id)} +{re.escape(known.version)} +{known.codec.encoding} +"
            rf"{re.escape(known.written_by[:20])}",
            text,
            re.MULTILINE,
        ), known.id
