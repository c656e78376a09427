"""The complete state of a machine, and how two of them are compared."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import pytest

from emu.machine import MachineState, Power, differences
from harness.guests import boot_guest


@dataclass
class Leaf:
    number: int = 0
    text: str = ""


@dataclass
class Tree:
    leaf: Leaf = field(default_factory=Leaf)
    many: list[int] = field(default_factory=list)
    named: dict[str, int] = field(default_factory=dict)
    maybe: int | None = None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (Tree(), []),
        (Tree(leaf=Leaf(number=16)), ["leaf.number: 0x0 != 0x10"]),
        (Tree(leaf=Leaf(text="x")), ["leaf.text: '' != 'x'"]),
        (Tree(many=[1]), ["many: [] != [1]"]),
        (Tree(named={"A": 1}), ["named[A]: None != 0x1"]),
        (Tree(maybe=3), ["maybe: None != 0x3"]),
        (Tree(leaf=Leaf(1, "y"), maybe=0), None),
    ],
)
def test_differences_are_told_leaf_by_leaf(changed: Tree, expected: list[str] | None) -> None:
    found = list(differences(Tree(), changed))
    if expected is None:
        assert [line.split(":")[0] for line in found] == ["leaf.number", "leaf.text", "maybe"]
    else:
        assert found == expected


def test_lists_of_one_length_are_compared_by_element() -> None:
    assert list(differences([1, 2, 3], [1, 5, 3])) == ["[1]: 0x2 != 0x5"]


def test_values_of_different_types_differ() -> None:
    assert list(differences(Leaf(), Tree())) != []
    assert list(differences(1, "1")) != []


def test_state_is_a_copy_that_the_machine_does_not_touch() -> None:
    with boot_guest("quiet") as machine:
        machine.run(700)
        before = machine.state()
        kept = copy.deepcopy(before)
        machine.run(700)
        after = machine.state()
    assert list(differences(before, kept)) == []
    changed = {line.split(":")[0] for line in differences(before, after)}
    assert {"cycles", "ram_sha256", "vcpus[0].pc"} <= changed


def test_taking_the_state_changes_nothing() -> None:
    """Twice in a row it is the same, and the run goes on as it would have."""
    with boot_guest("quiet") as observed, boot_guest("quiet") as left_alone:
        states: list[MachineState] = []
        for _ in range(5):
            observed.run(300)
            states.append(observed.state())
            assert list(differences(states[-1], observed.state())) == []
        left_alone.run(1500)
        assert list(differences(observed.state(), left_alone.state())) == []


def test_a_booted_machine_s_state_says_what_it_is() -> None:
    with boot_guest("quiet", host_clock=123) as machine:
        state = machine.state()
    assert state.cycles == 123
    assert state.power == [Power.ON]
    assert state.vmgenid is not None
    assert state.ram_sha256 == machine.ram.digest()
    assert (state.vcpus[0].pc, state.vcpus[0].pstate) == (0x8020_0000, 0x3C5)
