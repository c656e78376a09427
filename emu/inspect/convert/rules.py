"""A rule: one difference between two releases that follow each other.

A rule goes both ways: `up` to the newer release, `down` to the older one. What no rule names is
the same in both. Paths are dotted names of fields; where a rule is about a struct that may be in
several places, the struct is known by a field of it, `beside` the one that the rule is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emu.inspect.convert.tree import Fields, Leaf, Tree, having, items, plain, planted
from emu.inspect.convert.work import Work, find, leaf, put, take


@dataclass(frozen=True, slots=True)
class Rule:
    """One difference between two releases.

    Attributes:
        subject: the fields that it is about, in words.
        upward: what becomes of them in the newer release, in words.
        downward: what becomes of them in the older release, in words.
        up: makes the state one of the newer release.
        down: makes the state one of the older release.
    """

    subject: str
    upward: str
    downward: str
    up: Callable[[Work], None]
    down: Callable[[Work], None]


Step = tuple[Rule, ...]
"""How a release differs from the one before, in the order in which to go up."""


def structs(data: Fields, beside: str) -> list[Fields]:
    """The structs that have a field of that name; the root if it is empty."""
    return having(data, beside) if beside else [data]


def reverse(rule: Rule) -> Rule:
    """The other way round: what an older release had brought is taken back."""
    return Rule(rule.subject, rule.downward, rule.upward, rule.down, rule.up)


def nothing(_: Work) -> None:
    """One way of a rule that changes nothing that way."""


def _subject(name: str, beside: str) -> str:
    return f"`{name}`" + (f", next to `{beside}`" if beside else "")


# --- the same, elsewhere -----------------------------------------------------------------------


def _same(value: Any) -> Any:
    return value


def moved(
    old: str,
    new: str,
    *,
    beside: str = "",
    to_new: Callable[[Any], Any] = _same,
    to_old: Callable[[Any], Any] = _same,
    form: str = "",
) -> Rule:
    """The same thing at another place, under another name or in another form.

    Args:
        old: the path in the older release.
        new: the path in the newer one.
        beside: names the structs below which both paths are.
        to_new: from the old form of the value to the new one.
        to_old: from the new form to the old one.
        form: what the new form is, in words, if it is another one.
    """

    def move(work: Work, here: str, there: str, reform: Callable[[Any], Any]) -> None:
        for struct in structs(work.data, beside):
            part = take(struct, here)
            if part is None:
                continue
            if isinstance(part, Leaf):
                part.value = reform(part.value)
            put(struct, there, part)

    place = "" if old == new else f" as `{new}`"
    return Rule(
        _subject(old, beside),
        f"kept{place}{form and ', ' + form}",
        "kept",
        lambda work: move(work, old, new, to_new),
        lambda work: move(work, new, old, to_old),
    )


# --- more than before --------------------------------------------------------------------------


def derived(
    name: str,
    value: Callable[[Work, Fields], Tree],
    because: str,
    effect: str = "",
    *,
    beside: str = "",
    is_harmless: Callable[[Any, Fields], bool] = lambda *_: False,
    unless: str = "",
) -> Rule:
    """What the newer release has, and what can be told from the rest of the state.

    Args:
        name: the path of the field.
        value: what it is, of the state and of the struct that gets the field.
        because: where that comes from, in words.
        effect: what it means that the older release has it not; empty if it can't mean anything.
        beside: names the structs that have the field.
        is_harmless: of its plain value and the struct, whether nothing is lost without it.
        unless: when that is so, in words.
    """

    def up(work: Work) -> None:
        for struct in structs(work.data, beside):
            put(struct, name, work.add(value(work, struct), because))

    def down(work: Work) -> None:
        for struct in structs(work.data, beside):
            part = take(struct, name)
            if part and effect and not is_harmless(plain(part), struct):
                for lost in items(part) or [part]:
                    work.lose(lost, effect)

    lost = f"lost{unless and ' unless ' + unless}: {effect}"
    left_out = "left out: it can be told from the rest"
    return Rule(_subject(name, beside), f"added: {because}", lost if effect else left_out, up, down)


def added(name: str, value: Any, because: str, effect: str, *, beside: str = "") -> Rule:
    """What the newer release has, and what has one value for a guest of the older one.

    Args:
        name: the path of the field.
        value: that value, as plain data.
        because: where it comes from, in words.
        effect: what it means that the older release has not the field.
        beside: names the structs that have the field.
    """
    return derived(
        name,
        lambda *_: planted(value),
        because,
        effect,
        beside=beside,
        is_harmless=lambda found, _: bool(found == value),
        unless=_told(value),
    )


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return "nothing is under way"
    if value is None or value == []:
        return "there is none"
    return f"it is {str(value).lower() if isinstance(value, bool) else value}"


# --- features ----------------------------------------------------------------------------------


def feature(beside: str, bit: int, name: str, effect: str) -> Rule:
    """A feature of virtio devices that only the newer release knows.

    Args:
        beside: names the struct that has the device's `virtio_state`.
        bit: number of the feature bit.
        name: of the feature.
        effect: what becomes of a guest whose driver uses it.
    """

    def withdraw(work: Work) -> None:
        why = f"{work.release} does not know {name}"
        for struct in structs(work.data, beside):
            if find(struct, "virtio_state") is None:
                continue
            used = leaf(struct, "virtio_state.acked_features")
            offered = leaf(struct, "virtio_state.avail_features")
            if used.value >> bit & 1:
                work.lose(used, effect, why)
            else:
                work.change(offered, offered.value & ~(1 << bit), why)

    return Rule(
        f"feature {name}, bit {bit}, of the device with `{beside}`",
        "as it is: the guest has negotiated without it",
        f"lost if the driver uses it: {effect}; otherwise offered no more",
        nothing,
        withdraw,
    )
