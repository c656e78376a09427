"""What the page on devices says of the vsock."""

from __future__ import annotations

import re
from pathlib import Path

from emu.devices.virtio.vsock import VsockConfig
from tests.devices.virtio.vsock_guest import BOTH, Guest

PAGE = (Path(__file__).parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Vsock\n")[2].partition("\n## ")[0]


def test_the_endpoint_of_the_page_works() -> None:
    """It greets, and closes when it is answered."""
    (example,) = re.findall(r"^```python\n(.*?)^```$", SECTION, re.M | re.S)
    names: dict[str, object] = {}
    exec(compile(example, "devices.md", "exec"), names)
    config = names["config"]
    assert isinstance(config, VsockConfig)
    guest = Guest(config.endpoints)
    socket = guest.connect(1025)
    assert socket.read() == b"hello\n"
    socket.write(b"hello")
    socket.poll()
    assert socket.shutdown == BOTH
