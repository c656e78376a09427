"""Boots a kernel, freezes the machine in the middle of its session, thaws another one from the
files of that, and holds the rest of the session there.

`python -m tests.linux.frozen_run` is a process of its own, as `tests.linux.run` is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from emu.devices.virtio.disk import FileDisk
from emu.machine import Stop
from emu.snapshot import Snapshot, freeze, thaw
from harness.entropy import SeededEntropy
from tests.linux import frozen_session
from tests.linux.device_session import HostSide
from tests.linux.freezing import InFlight, Watch
from tests.linux.run import (
    SEED,
    EventDigest,
    Host,
    Outcome,
    RecordedEntropy,
    Setup,
    boot,
    go_on,
    latency_cycles,
    machine_of,
    seconds_of,
    trace_of,
    typist_of,
)
from tests.linux.session import Typed, answers

THAWED_SEED = b"thawed"
"""Of what is random to the machine that goes on."""
IN_FLIGHT = "in flight"
"""What of the outcome's `found` is of the first machine, when it was frozen: an `InFlight`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSetup(Setup):
    """What is booted and frozen: a machine with virtio devices on the board squib.

    Attributes:
        busy: it is frozen in the step `FROZEN`, when each virtio device of these ids has an
            interrupt that the driver has yet to acknowledge, or has yet to look at a queue.
    """

    busy: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Before:
    """What came of the first machine."""

    console: bytes
    typed: list[Typed]
    seconds: dict[str, float]
    in_flight: InFlight
    violations: list[str]


def run(setup: FrozenSetup) -> Outcome:
    """Of the machine that goes on; the console and the answers are those of both."""
    disk = Path(setup.disk)
    with TemporaryDirectory(dir=disk.parent) as folder:
        state_path = Path(folder) / "linux.snap"
        before = _until_frozen(setup, state_path)
        return _thawed(setup, before, Snapshot.load(state_path))


def _until_frozen(setup: FrozenSetup, state_path: Path) -> _Before:
    entropy, host_side = SeededEntropy(SEED), HostSide(FileDisk(Path(setup.disk)))
    busybox, modules = Path(setup.busybox).read_bytes(), Path(setup.modules).read_bytes()
    session = frozen_session.until_frozen(busybox, modules, host_side)
    with machine_of(setup, session, entropy) as machine:
        digest = EventDigest()
        watch = Watch(machine, setup.busy)
        host = Host(machine, {frozen_session.FROZEN: watch.begin})
        machine.events.subscribe(digest)
        machine.events.subscribe(watch)
        boot(machine, setup, session, entropy)
        typist = typist_of(machine, session, host)
        stop = go_on(machine, [host.act], is_over=watch.has_come)
        if stop is not Stop.REQUESTED:
            raise AssertionError(f"{stop.value}, and there was no moment to freeze it")
        found = InFlight.of(machine)
        freeze(machine).save(state_path.parent, state_path.stem)
        return _Before(
            bytes(machine.console),
            typist.typed,
            seconds_of(typist.typed, machine),
            found,
            digest.violations,
        )


def _thawed(setup: FrozenSetup, before: _Before, snapshot: Snapshot) -> Outcome:
    entropy, host_side = (
        RecordedEntropy(SeededEntropy(THAWED_SEED)),
        HostSide(FileDisk(Path(setup.disk))),
    )
    digest, session = EventDigest(), frozen_session.when_thawed(host_side)
    with thaw(
        snapshot,
        entropy=entropy,
        listener=digest,
        drives=host_side.drives(),
        links=host_side.links(),
        endpoints=host_side.endpoints(),
        virtio_latency_cycles=latency_cycles(setup),
    ) as machine:
        host = Host(machine, session.deeds)
        typist = typist_of(machine, session, host)
        stop = go_on(machine, [host.act])
        shown = len(before.console)
        typed = [replace(it, console_bytes=shown + it.console_bytes) for it in typist.typed]
        console = before.console + machine.console
        return Outcome(
            stop=stop.name,
            console=console.decode(errors="replace"),
            answers=answers(console, [*before.typed, *typed]),
            seconds=before.seconds | seconds_of(typist.typed, machine),
            found={**session.found(machine), IN_FLIGHT: asdict(before.in_flight)},
            drawn=entropy.drawn.hex(),
            violations=before.violations + digest.violations,
            reloads=0,
            trace={**trace_of(machine), **digest.trace()},
        )


if __name__ == "__main__":
    json.dump(asdict(run(FrozenSetup(**json.load(sys.stdin)))), sys.stdout)
