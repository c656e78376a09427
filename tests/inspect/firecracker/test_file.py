"""Firecracker state files: what is told of the file itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emu.formats import envelope, registry
from emu.inspect.describe import describe
from emu.inspect.description import FormatView

Snapshots = Callable[..., Any]


def test_other_formats_of_the_file_are_told(snapshot_of: Snapshots) -> None:
    """Without a network device, v1.9 and v1.10.0 write the same bytes."""
    file = registry.get("firecracker-1.9").encode(snapshot_of("firecracker-1.9"))
    description = describe(file)
    assert description.format is not None
    found = {description.format.id, *description.format.also}
    assert found == {"firecracker-1.9", "firecracker-1.10.0"}
    assert describe(file, "firecracker-1.9").format == FormatView(
        "firecracker-1.9", "Firecracker v1.9"
    )


def test_bytes_that_no_loader_looks_at_are_counted(snapshot_of: Snapshots) -> None:
    known = registry.get("firecracker-1.12")
    body = envelope.body(known.encode(snapshot_of(known.id)))
    assert describe(envelope.seal(body)).trailing_size_bytes == 0
    assert describe(envelope.seal(body + bytes(12))).trailing_size_bytes == 12
    assert describe(envelope.seal(body[:-1])).trailing_size_bytes is None
