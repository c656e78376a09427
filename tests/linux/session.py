"""What is typed at the shell, and what it answers.

A line is typed when the shell has shown its prompt, as a person would do, and not before. When that
is follows from the guest alone, so a session can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.linux.initramfs import PROMPT

NEW_GENERATION = "new-generation"
"""Before this step the machine gets a new generation id, as if it had been thawed."""

PIECE_BYTES = 1 << 16
"""How much of busybox each CPU digests."""
DIGITS = 2_000
"""How many of the digits in busybox go through a pipe."""

_DRIVER = "/sys/bus/platform/drivers/vmgenid"
_RESEEDED = "crng reseeded due to virtual machine fork"
_ASK_TERMINAL = "\x1b[6n"
"""busybox asks the terminal where the cursor is; a pipe need not answer."""

TROUBLE = "WARNING:|BUG:|Call trace|Unhandled|Oops|Internal error|rcu_.*stall|soft lockup"


def steps(vcpu_count: int, *, with_threads: bool) -> dict[str, str]:
    """The lines that are typed, by what they show, in order; the last one powers off."""
    cpus = " ".join(map(str, range(vcpu_count)))
    where = "cut -d' ' -f39 /proc/self/stat"
    pinned = f"{where}; head -c {PIECE_BYTES} /bin/busybox | md5sum"
    typed = {
        "quiet": "dmesg -n 1",  # else the kernel would write between the answers
        "release": "uname -r",
        "cpuinfo": "cat /proc/cpuinfo",
        "clocksource": "cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
        "date": "date +%s",
        "fork": 'for i in 0 1 2 3 4 5 6 7; do (exit $i); echo "child $i: $?"; done',
        "pipe": f"cat /bin/busybox | tr -dc 0-9 | head -c {DIGITS} | tr 5 '\\n' | sort -u | md5sum",
        "md5sum": "md5sum < /bin/busybox",
        "sleep": "sleep 1",
        "pinned": f'(for c in {cpus}; do echo $c $(taskset -c $c sh -c "{pinned}") & done; wait)',
    }
    if with_threads:
        typed["threads"] = f"threads {vcpu_count}"
    if vcpu_count > 1:
        online, cpu1 = "/sys/devices/system/cpu/online", "/sys/devices/system/cpu/cpu1/online"
        typed["hotplug"] = f"for o in 0 1; do echo $o > {cpu1}; cat {online}; done"
    return typed | {
        "vmgenid": f"ls {_DRIVER} 2>/dev/null | grep vmgenid",
        # Where nothing but time is random, the CRNG is seeded when somebody waits for it.
        "random": f"[ ! -d {_DRIVER} ] || head -c 1 /dev/random | wc -c",
        NEW_GENERATION: f"sleep 0.1; dmesg | grep -c '{_RESEEDED}'",
        "interrupts": "cat /proc/interrupts",
        "tainted": "cat /proc/sys/kernel/tainted",
        "trouble": f"dmesg | grep -A 20 -E '{TROUBLE}'",
        "poweroff": "poweroff -f",
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
        on_new_generation: called back when the step of that name is typed.

    Attributes:
        typed: what was typed so far.
    """

    def __init__(
        self,
        lines: Mapping[str, str],
        *,
        console: bytearray,
        now: Callable[[], int],
        on_new_generation: Callable[[], None],
    ) -> None:
        self.typed: list[Typed] = []
        self._left = list(lines.items())
        self._console = console
        self._now = now
        self._on_new_generation = on_new_generation
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
        if step == NEW_GENERATION:
            self._on_new_generation()
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
