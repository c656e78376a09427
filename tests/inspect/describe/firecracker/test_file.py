"""Firecracker state files: what is told of the file itself."""

from __future__ import annotations

from emu.formats import envelope, registry
from emu.inspect.describe import describe
from emu.inspect.describe.views.file import FormatView
from tests.plainest import plainest_snapshot


def test_other_formats_of_the_file_are_told() -> None:
    """Without a network device, v1.9 and v1.10.0 write the same bytes."""
    file = registry.get("firecracker-1.9").encode(plainest_snapshot("firecracker-1.9"))
    description = describe(file)
    assert description.format is not None
    found = {description.format.id, *description.format.also}
    assert found == {"firecracker-1.9", "firecracker-1.10.0"}
    assert describe(file, "firecracker-1.9").format == FormatView(
        "firecracker-1.9", "Firecracker v1.9"
    )


def test_bytes_that_no_loader_looks_at_are_counted() -> None:
    known = registry.get("firecracker-1.12")
    body = envelope.body(known.encode(plainest_snapshot(known.id)))
    assert describe(envelope.seal(body)).trailing_size_bytes == 0
    assert describe(envelope.seal(body + bytes(12))).trailing_size_bytes == 12
    assert describe(envelope.seal(body[:-1])).trailing_size_bytes is None
