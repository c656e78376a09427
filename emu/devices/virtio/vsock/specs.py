"""A vsock device as a line of text, for command lines.

>>> config = parse_vsock("5,1024=echo,1025=discard,uds=/run/vm/v.sock")
>>> config.cid, sorted(config.endpoints), config.uds_path
(5, [1024, 1025], '/run/vm/v.sock')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from emu.arch.vsock import GUEST_CID_MAX, GUEST_CID_MIN, PORT_MAX
from emu.devices.virtio.vsock.config import VsockConfig
from emu.devices.virtio.vsock.endpoints import Discard, Echo, Feed, ToFile
from emu.devices.virtio.vsock.stream import Endpoint
from emu.errors import BackingError

_WITHOUT_FILE: Final[Mapping[str, Callable[[], Endpoint]]] = {"echo": Echo, "discard": Discard}
_WITH_FILE: Final[Mapping[str, Callable[[Path], Endpoint]]] = {
    "file": ToFile,
    "feed": lambda path: Feed(_content(path)),
}

ENDPOINT_SPECS: Final = "echo, discard, file:PATH, feed:PATH"
"""What an endpoint can be, for help texts: sends back what comes, or takes it, or writes it to a
file, or sends a file."""


def parse_vsock(text: str) -> VsockConfig:
    """The device that `CID[,PORT=ENDPOINT…][,uds=PATH]` describes. Files are opened here.

    Raises:
        BackingError: the text is no such thing, or a file can't be used.
    """
    first, *rest = text.split(",")
    settings: dict[str, Any] = {}
    endpoints: dict[int, Endpoint] = {}
    for part in rest:
        key, _, value = part.partition("=")
        if key == "uds" and value:
            settings["uds_path"] = value
            continue
        port, endpoint = parse_endpoint(part)
        if port in endpoints:
            raise BackingError(f"vsock {text!r} has two endpoints for port {port}")
        endpoints[port] = endpoint
    cid = _number(first, GUEST_CID_MIN, GUEST_CID_MAX, f"the CID of vsock {text!r}")
    return VsockConfig(cid=cid, endpoints=endpoints, **settings)


def parse_endpoint(text: str) -> tuple[int, Endpoint]:
    """The port and the endpoint that `PORT=ENDPOINT` describes. Files are opened here.

    >>> port, endpoint = parse_endpoint("1024=echo")
    >>> port, type(endpoint).__name__
    (1024, 'Echo')

    Raises:
        BackingError: the text is no such thing, or a file can't be used.
    """
    port, has_port, endpoint = text.partition("=")
    name, has_path, path = endpoint.partition(":")
    if not has_port or not (path if has_path else name):
        raise BackingError(f"{text!r} is no vsock endpoint: expected PORT=ENDPOINT, where "
                           f"ENDPOINT is one of: {ENDPOINT_SPECS}")  # fmt: skip
    number = _number(port, 0, PORT_MAX, f"the port of {text!r}")
    if not has_path and name in _WITHOUT_FILE:
        return number, _WITHOUT_FILE[name]()
    if has_path and name in _WITH_FILE:
        return number, _WITH_FILE[name](Path(path))
    raise BackingError(
        f"{text!r} has the vsock endpoint {endpoint!r}; expected one of: {ENDPOINT_SPECS}"
    )


def _number(text: str, least: int, most: int, what: str) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise BackingError(f"{what} is {text!r}; expected a number from {least} to {most}")
    return int(text)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BackingError(f"{path} can't be read by a vsock endpoint: {error.strerror}") from error
