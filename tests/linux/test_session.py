"""Lines are typed at the prompt and not before, and what comes between two of them is an answer."""

from __future__ import annotations

import pytest

from tests.linux.interrupts import counts_by_name
from tests.linux.session import Typed, Typist, answers
from tests.linux.system_session import NEW_GENERATION, lines

ROOM = 16


class Terminal:
    """A console and who types at it."""

    def __init__(self, **lines: str) -> None:
        self.shown = bytearray()
        self.steps: list[str] = []
        self.typist = Typist(
            {name.replace("_", "-"): line for name, line in lines.items()},
            console=self.shown,
            now=lambda: 10 * len(self.shown),
            on_step=self.steps.append,
        )

    def type(self, room: int = ROOM) -> bytes:
        return self.typist(room)


def test_nothing_is_typed_before_the_prompt_is_whole() -> None:
    terminal = Terminal(first="ls")
    for shown in (b"login: guest", b"#"):
        terminal.shown += shown
        assert terminal.type() == b""
    terminal.shown += b" "
    assert terminal.type() == b"ls\n"


def test_a_line_is_typed_once_at_each_prompt() -> None:
    """Asked again at the same prompt, before the guest has echoed anything, nothing more comes."""
    terminal = Terminal(first="ls", second="pwd")
    terminal.shown += b"guest# "
    assert [terminal.type(), terminal.type()] == [b"ls\n", b""]
    terminal.shown += b"ls\r\nguest# "
    assert [terminal.type(), terminal.type()] == [b"pwd\n", b""]
    terminal.shown += b"pwd\r\n/\r\nguest# "
    assert terminal.type() == b""


def test_no_more_is_given_than_there_is_room_for() -> None:
    terminal = Terminal(first="abcdefg")
    terminal.shown += b"guest# "
    assert [terminal.type(3), terminal.type(3), terminal.type(3)] == [b"abc", b"def", b"g\n"]


def test_when_each_line_was_typed_is_kept() -> None:
    terminal = Terminal(first="ls")
    terminal.shown += b"guest# "
    terminal.type()
    assert terminal.typist.typed == [Typed("first", 70, 7)]


def test_each_step_is_told_of_when_its_line_is_typed_and_not_before() -> None:
    terminal = Terminal(first="ls", new_generation="dmesg")
    terminal.shown += b"guest# "
    terminal.type()
    assert terminal.steps == ["first"]
    terminal.shown += b"guest# "
    assert terminal.type() == b"dmesg\n"
    assert terminal.steps == ["first", "new-generation"]


def test_answers_are_without_echo_and_prompt() -> None:
    console = b"hello\r\nguest# \x1b[6necho a\r\na\r\n\r\nb\r\nguest# \x1b[6npoweroff\r\nDown\r\n"
    typed = [Typed("echo", 0, 14), Typed("poweroff", 0, console.index(b"\x1b[6np"))]
    assert answers(console, typed) == {"echo": "a\n\nb", "poweroff": "Down"}


@pytest.mark.parametrize(("vcpu_count", "expected"), [(1, False), (2, True)])
def test_a_cpu_is_unplugged_where_another_one_is_left(vcpu_count: int, expected: bool) -> None:
    assert ("hotplug" in lines(vcpu_count, with_threads=True)) == expected


def test_a_session_ends_with_the_power_off_after_the_new_generation() -> None:
    names = list(lines(2, with_threads=True))
    assert names[-1] == "poweroff"
    assert names.index("random") < names.index(NEW_GENERATION) < names.index("trouble")


def test_interrupts_are_counted_by_name_and_cpu() -> None:
    text = """\
           CPU0       CPU1
 11:       1326       1648     GICv3  27 Level     arch_timer
 14:          1          0     GICv3  47 Edge      vmgenid
IPI0:        98         63       Rescheduling interrupts
Err:          0"""
    assert counts_by_name(text) == {
        "arch_timer": [1326, 1648],
        "vmgenid": [1, 0],
        "Rescheduling interrupts": [98, 63],
        "Err": [0],
    }
