"""The kernel command line, as each monitor composes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.boards.command_line import Root
from emu.errors import BoardError

SQUIB = boards.get("squib").command_line
V1_12 = boards.get("firecracker-1.12").command_line
FIRECRACKER = boards.get("firecracker").command_line

UART = 0x4000_2000
EARLYCON = "earlycon=uart,mmio,0x40002000"


@pytest.mark.parametrize(
    ("given_args", "composed"),
    [
        ("", "console=ttyAMA0 panic=1"),
        ("  quiet ", "quiet console=ttyAMA0 panic=1"),
        ("console=hvc0", "console=hvc0 panic=1"),
        ("panic=0 console=ttyS0", "panic=0 console=ttyS0"),
        ("panic", "panic console=ttyAMA0"),
        ("xconsole=1 panic_on_warn=1", "xconsole=1 panic_on_warn=1 console=ttyAMA0 panic=1"),
        ('init="/bin/a  b"', 'init="/bin/a  b" console=ttyAMA0 panic=1'),
        ("quiet -- single", "quiet console=ttyAMA0 panic=1 -- single"),
    ],
)
def test_squib_adds_a_console_and_panic_unless_they_are_given(
    given_args: str, composed: str
) -> None:
    assert SQUIB.compose(given_args, UART) == composed


@pytest.mark.parametrize(
    ("given_args", "composed"),
    [
        ("", f"console=ttyS0 pci=off {EARLYCON}"),
        ("console=hvc0 panic=1", f"console=hvc0 panic=1 pci=off {EARLYCON}"),
        ("quiet pci=off", f"quiet pci=off console=ttyS0 pci=off {EARLYCON}"),
        ('a="x -- y" -- -- z', f'a="x -- y" console=ttyS0 pci=off {EARLYCON} -- -- z'),
    ],
)
def test_firecracker_adds_pci_off_and_where_the_uart_is(given_args: str, composed: str) -> None:
    """Before what is init's, and whether or not the user has them (`Cmdline::insert`)."""
    assert FIRECRACKER.compose(given_args, UART) == composed


def test_firecracker_did_not_add_pci_off_before_v1_13() -> None:
    assert V1_12.compose("quiet", UART) == f"quiet console=ttyS0 {EARLYCON}"


@pytest.mark.parametrize(
    ("root", "words"),
    [
        (Root(), "root=/dev/vda rw"),
        (Root(is_read_only=True), "root=/dev/vda ro"),
        (Root(partuuid="0eaa91a0-01"), "root=PARTUUID=0eaa91a0-01 rw"),
    ],
)
def test_firecracker_names_the_root_drive(root: Root, words: str) -> None:
    """`attach_block_devices` of its `builder.rs`; its own tests have the same three words."""
    composed = FIRECRACKER.compose("quiet root=/dev/vdb", UART, root)
    assert composed == f"quiet root=/dev/vdb console=ttyS0 pci=off {words} {EARLYCON}"


def test_squib_leaves_the_root_to_its_user() -> None:
    assert SQUIB.compose("quiet", UART, Root()) == "quiet console=ttyAMA0 panic=1"


def test_without_a_uart_no_console_is_added() -> None:
    assert FIRECRACKER.compose("quiet", None) == "quiet pci=off"


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P", "Zs"])))
def test_the_users_words_come_first_and_unchanged(words: str) -> None:
    head = words.partition(" -- ")[0].strip()
    if '"' not in words:
        assert SQUIB.compose(words, UART).startswith(head)


@given(st.text())
def test_composing_twice_adds_nothing_more_on_squib(bootargs: str) -> None:
    composed = SQUIB.compose(bootargs, UART)
    assert SQUIB.compose(composed, UART) == composed


def test_firecracker_takes_2047_bytes_with_what_is_added() -> None:
    added = len(f" console=ttyS0 pci=off {EARLYCON}")
    longest = "x" * (2047 - added)
    assert len(FIRECRACKER.compose(longest, UART)) == 2047
    with pytest.raises(BoardError, match=r"has 2048 bytes .* takes 2047; shorten it"):
        FIRECRACKER.compose(longest + "x", UART)


@pytest.mark.parametrize("word", ["naïve", "tab\t", "\x7f"])
def test_firecracker_takes_printable_ascii_alone(word: str) -> None:
    with pytest.raises(BoardError, match="printable ASCII alone"):
        FIRECRACKER.compose(f"a {word} b", UART)
