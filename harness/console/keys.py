"""The keys that are meant for thawbench and not for the guest: Ctrl-A begins them, as in QEMU."""

from __future__ import annotations

from typing import Final, NamedTuple

ESCAPE: Final = 0x01
"""Ctrl-A."""
LEAVE: Final = ord("x")
HELP: Final = ord("h")


class Typed(NamedTuple):
    """What was typed.

    Attributes:
        data: for the guest.
        leave: the user leaves; what was typed behind that is dropped.
        help: the user asks which keys there are.
    """

    data: bytes
    leave: bool = False
    help: bool = False


class EscapeKeys:
    """Tells apart what is typed; a Ctrl-A may come long before its second key.

    Ctrl-A twice is one for the guest. A second key without a meaning is dropped, as QEMU does.
    """

    def __init__(self) -> None:
        self._escaped = False

    def read(self, typed: bytes) -> Typed:
        r"""What the next bytes that were typed mean.

        >>> keys = EscapeKeys()
        >>> keys.read(b"ls\x01").data, keys.read(b"\x01").data
        (b'ls', b'\x01')
        """
        data, asked = bytearray(), False
        for key in typed:
            if not self._escaped and key == ESCAPE:
                self._escaped = True
                continue
            if not self._escaped or key == ESCAPE:
                data.append(key)
            elif key == LEAVE:
                return Typed(bytes(data), leave=True, help=asked)
            elif key == HELP:
                asked = True
            self._escaped = False
        return Typed(bytes(data), help=asked)
