"""Endpoints as text, for command lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from emu.devices.virtio.vsock.endpoints import Discard, Echo, Feed, ToFile
from emu.devices.virtio.vsock.stream import Endpoint
from emu.errors import BackingError, BoardError

_PLAIN: Final[Mapping[str, Callable[[], Endpoint]]] = {"echo": Echo, "discard": Discard}
_WITH_FILE: Final[Mapping[str, Callable[[Path], Endpoint]]] = {
    "file": ToFile,
    "feed": lambda path: Feed(_content(path)),
}

ENDPOINT_FORM: Final = "echo, discard, file:PATH or feed:PATH"
"""What an endpoint can be: it sends back what comes, takes it, writes it to a file, or sends what
is in a file."""


def parse_endpoint(text: str) -> Endpoint:
    """The endpoint of the form `ENDPOINT_FORM`. Its file is opened here, to be written or read.

    >>> type(parse_endpoint("echo")).__name__
    'Echo'

    Raises:
        BoardError: it is not of that form.
        BackingError: the file can't be used.
    """
    name, colon, path = text.partition(":")
    if name in _PLAIN and not colon:
        return _PLAIN[name]()
    if name in _WITH_FILE and path:
        return _WITH_FILE[name](Path(path))
    raise BoardError(f"there is no vsock endpoint {text!r}; expected {ENDPOINT_FORM}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BackingError(f"{path} can't be read by a vsock endpoint: {error.strerror}") from error
