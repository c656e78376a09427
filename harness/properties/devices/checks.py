"""The properties of any device. Each is one function that raises `PropertyViolation`.

The capitals in their first lines are their names in the docs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from typing import Any, Final

from harness.properties.devices.actions import Wait
from harness.properties.devices.bench import Bench, drawn, run
from harness.properties.devices.hostile import hostile
from harness.properties.devices.subject import DeviceUnderTest, Step
from harness.properties.devices.world import CYCLES_PER_S
from harness.properties.violation import expect, expect_none

ACTIONS: Final = 200
"""How much a driver does to a device, unless told otherwise."""

_CAPTURES: Final = 24
"""So often is a state looked at in that time."""


def check_reset_values(dut: DeviceUnderTest) -> None:
    """RESET: a device that is made has the declared state, and its registers read what their data
    sheet says, which changes nothing.
    """
    device = Bench(dut).device
    rule = f"RESET: a {dut} that is made is at its reset values"
    expect(rule, device.capture() == dut.reset_state, f"its state is {device.capture()}")
    read = {at: device.window.read(*at) for at in dut.reset_reads}
    expect_none(
        rule,
        (
            f"offset {at[0]:#x} reads {value:#x}; expected {dut.reset_reads[at]:#x}"
            for at, value in read.items()
            if value != dut.reset_reads[at]
        ),
    )
    expect(rule, device.capture() == dut.reset_state, "reading its registers changed its state")


def check_reset(dut: DeviceUnderTest, seed: int, *, count: int = ACTIONS) -> None:
    """RESET AGAIN: a device that its driver resets is as it was made, but for what a reset keeps.

    Nothing is checked of a device that a guest can't reset.
    """
    bench = Bench(dut)
    bench.drive(Random(seed), count)
    before = bench.device.capture()
    bench.steps(dut.resets)
    expected = dut.kept(before) if dut.kept else dut.reset_state
    found = bench.device.capture() if dut.resets else expected
    expect(
        f"RESET AGAIN: a {dut} is as it was made after a reset",
        found == expected,
        f"its state is\n  {found}; expected\n  {expected}",
    )


def check_capture_apply(dut: DeviceUnderTest, seed: int, *, count: int = ACTIONS) -> None:
    """SYMMETRY: at any time a device's state, given to a fresh one or to one that was in use, is
    that one's state; a captured state stays as it is; and to capture changes nothing.
    """
    rule = f"SYMMETRY: capture after apply gives the same state of a {dut}"
    random, bench, used = Random(seed), Bench(dut), Bench(dut)
    points = set(Random(seed).sample(range(count), min(_CAPTURES, count)))
    captured: list[tuple[Any, Any]] = []
    for number, action in enumerate(islice(dut.drive(random, bench.world), count)):
        bench.perform(action)
        if number in points:
            state = bench.device.capture()
            captured.append((state, copy.deepcopy(state)))
    for state, kept in captured:
        expect(rule, state == kept, f"it was\n  {kept}\n  and changed to\n  {state}")
        fresh = Bench(dut)
        for other in (fresh, used):
            other.device.apply(state)
            found = other.device.capture()
            expect(rule, found == kept, f"it is\n  {found}; was\n  {kept}")
        fresh.drive(Random(seed), 8)
        expect(rule, state == kept, f"it was\n  {kept}\n  and changed to\n  {state}")
        used = fresh


def check_freeze_anywhere(
    dut: DeviceUnderTest, seed: int, *, count: int = ACTIONS, only: int | None = None
) -> None:
    """FREEZE: a device that is frozen before and after every access, its state given to a fresh one
    with the same things behind it, goes on as if nothing had happened.

    All that a guest or the world can notice is the same: what is read, interrupts, events with
    their times, output, and memory.

    Args:
        dut: the device.
        seed: of the driver.
        count: how much it does.
        only: freeze before the action of this number alone.
    """
    actions = drawn(dut, seed, count)
    expected = run(dut, actions, lambda _number, _bench: None)
    surprises: list[str] = []

    def freeze(number: int, bench: Bench) -> None:
        if only in (None, number):
            wanted = dut.interrupts_on_apply(bench.device.capture())
            memory, notes = bench.memory, bench.freeze()
            if notes.interrupts != wanted or notes.events or notes.output:
                surprises.append(f"before action {number}, to thaw did {notes}")
            if memory != bench.memory:
                surprises.append(f"before action {number}, to thaw changed memory")

    found = run(dut, actions, freeze)
    rule = f"FREEZE: a {dut} goes on after a freeze as if there had been none"
    expect_none(rule, surprises)
    expect_none(rule, _differences(expected, found))


def check_interrupts(dut: DeviceUnderTest, seed: int, *, count: int = ACTIONS) -> None:
    """IRQ: a device interrupts exactly when its rules ask for it: none is lost, none invented."""
    for number, step in enumerate(Bench(dut).drive(Random(seed), count)):
        expect_none(
            f"IRQ: a {dut} interrupts exactly when it has to (action {number}, {step.action})",
            dut.interrupt_faults(step),
        )


def check_hostile(dut: DeviceUnderTest, seed: int, *, count: int = 4 * ACTIONS) -> None:
    """HOSTILE: whatever a guest stores, in the registers or in memory, a device raises no error;
    once it is reset it works.
    """
    bench, done = Bench(dut), []
    rule = f"HOSTILE: a {dut} lives through anything that a guest does"
    try:
        for action in islice(hostile(dut, Random(seed), bench.world), count):
            done.append(action)
            bench.perform(action)
    except Exception as error:
        recent = "".join(f"\n  {action}" for action in done[-6:])
        expect(rule, False, f"{type(error).__name__}: {error}; the last actions were{recent}")
    bench.steps(dut.resets)
    expect(rule, is_at_work(bench, seed), "it does not do its work after a reset")


def is_at_work(bench: Bench, seed: int) -> bool:
    """Whether a device does for a driver that keeps to the rules what it is there for, if time
    enough passes now and then.
    """
    bench.perform(Wait(CYCLES_PER_S))
    steps: list[Step] = []
    for number, action in enumerate(islice(bench.dut.drive(Random(seed), bench.world), ACTIONS)):
        steps.append(bench.step(action))
        if number % 20 == 19:
            steps.append(bench.step(Wait(CYCLES_PER_S)))
    return bench.dut.is_alive(steps)


CHECKS: Final[dict[str, Callable[[DeviceUnderTest, int], None]]] = {
    "RESET": lambda dut, _seed: check_reset_values(dut),
    "RESET AGAIN": check_reset,
    "SYMMETRY": check_capture_apply,
    "FREEZE": check_freeze_anywhere,
    "IRQ": check_interrupts,
    "HOSTILE": check_hostile,
}
"""All of them, by name: each takes a device and a seed."""


def _differences(expected: list[Step], found: list[Step]) -> Iterator[str]:
    for number, (one, other) in enumerate(zip(expected, found, strict=True)):
        where = f"action {number}, {one.action}"
        if one.value != other.value:
            yield f"{where}: loads {other.value}; expected {one.value}"
        if one.notes != other.notes:
            yield f"{where}: {other.notes}; expected {one.notes}"
        if one.line_is_high != other.line_is_high:
            yield f"{where}: the line is {other.line_is_high}; expected {one.line_is_high}"
        if one.memory_after != other.memory_after:
            yield f"{where}: memory differs"
