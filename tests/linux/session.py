"""What is typed at the shell, and what it answers.

A line is typed when the shell has shown its prompt, as a person would do, and not before. When that
is follows from the guest alone, so a session can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from emu.devices.virtio.config import DeviceConfig
from emu.machine import Machine
from tests.linux.initramfs import PROMPT

_ASK_TERMINAL = "\x1b[6n"
"""busybox asks the terminal where the cursor is; a pipe need not answer."""

_TROUBLE_LINES = 20
TROUBLE = "WARNING:|BUG:|Call trace|Unhandled|Oops|Internal error|rcu_.*stall|soft lockup"


QUIET = {"quiet": "dmesg -n 1"}
"""Comes first: else the kernel would write between the answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is typed at a machine, and what its host has to do with that.

    Attributes:
        initrd: the initial RAM disk.
        lines: what is typed, by what it shows and in order; the last one powers off.
        deeds: what the host does before a line is typed, by the line's name.
        devices: the machine's virtio devices.
        words: more of them for the kernel command line.
        found: what the host has found at the end, as plain data.
    """

    initrd: bytes
    lines: Mapping[str, str]
    deeds: Mapping[str, Callable[[Machine], None]] = field(default_factory=dict)
    devices: Sequence[DeviceConfig] = ()
    words: tuple[str, ...] = ()
    found: Callable[[Machine], dict[str, object]] = lambda _: {}


def complaints() -> dict[str, str]:
    """Lines that show whether the kernel complains of something."""
    return {
        "tainted": "cat /proc/sys/kernel/tainted",
        "trouble": f"dmesg | grep -A {_TROUBLE_LINES} -E '{TROUBLE}'",
    }


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that was typed.

    Attributes:
        step: its name.
        cycles: virtual time at which typing began.
        console_bytes: what the console had shown by then.
    """

    step: str
    cycles: int
    console_bytes: int


class Typist:
    """Types lines at a console's prompt: a source of characters for a UART.

    Args:
        lines: what to type, by name and in order.
        console: all that the guest has sent.
        now: virtual time, in cycles.
        on_step: called back with the name of the step that will be typed next.

    Attributes:
        typed: what was typed so far.
    """

    def __init__(
        self,
        lines: Mapping[str, str],
        *,
        console: bytearray,
        now: Callable[[], int],
        on_step: Callable[[str], None],
    ) -> None:
        self.typed: list[Typed] = []
        self._left = list(lines.items())
        self._console = console
        self._now = now
        self._on_step = on_step
        self._pending = b""

    def __call__(self, room: int) -> bytes:
        """What arrives at the UART, which has room for so many characters."""
        if not self._pending and self._left and self._at_prompt():
            self._next_line()
        given, self._pending = self._pending[:room], self._pending[room:]
        return given

    def _at_prompt(self) -> bool:
        is_new = not self.typed or self.typed[-1].console_bytes < len(self._console)
        return is_new and self._console.endswith(PROMPT.encode())

    def _next_line(self) -> None:
        step, line = self._left.pop(0)
        self._on_step(step)
        self.typed.append(Typed(step, self._now(), len(self._console)))
        self._pending = f"{line}\n".encode()


def answers(console: bytes, typed: list[Typed]) -> dict[str, str]:
    """What the guest showed after each line, without the line's echo and the next prompt."""
    ends = [*(entry.console_bytes for entry in typed), len(console)]
    return {
        entry.step: _answer(console[entry.console_bytes : end].decode(errors="replace"))
        for entry, end in zip(typed, ends[1:], strict=True)
    }


def _answer(shown: str) -> str:
    lines = shown.replace(_ASK_TERMINAL, "").replace("\r\n", "\n").split("\n", 1)
    return lines[-1].removesuffix(PROMPT).rstrip("\n")
