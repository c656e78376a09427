"""Boots a kernel, holds a session at its shell, and prints what came of it as JSON.

`python -m tests.linux.run` is a process of its own, so that two runs have nothing in common but
their inputs. It is told what to boot by a `Setup` as JSON on standard input.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from emu import boards
from emu.core.events import Stamped
from emu.core.image import Image
from emu.core.ports import Entropy
from emu.core.ram import Ram
from emu.cpu import find_cpu_model
from emu.devices.vmgenid import VmGenId
from emu.machine import Machine, Stop
from harness.entropy import SeededEntropy
from tests.linux import initramfs
from tests.linux.session import Typed, Typist, answers, steps

INSTRUCTIONS_MAX = 4_000_000_000
TIME_MAX_S = 300
"""Of virtual time: a guest that hangs ends too."""
SEED = b"linux"
UNIX_TIME_S = 1_800_000_000
"""What a real-time clock shows when the machine is made."""
BOOTARGS = "panic=-1 cryptomgr.notests initcall_blacklist=jent_mod_init,init_kprobe_trace"
"""Self-tests of ciphers and of the jitter RNG, and a list for kprobes, are half of a boot."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is booted.

    Attributes:
        board: name of the board.
        cpu: name of the CPU model.
        vcpus: number of vCPUs.
        kernel: path of a kernel, in any form that `Image.load` takes.
        busybox: path of a static busybox.
        threads: path of the program made of `threads.c`; "" does without.
        ram_mib: size of RAM.
    """

    board: str
    cpu: str
    vcpus: int
    kernel: str
    busybox: str
    threads: str
    ram_mib: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        stop: name of the `Stop` that ended it.
        console: all that the guest sent.
        answers: what the shell answered, by step.
        seconds: virtual time that each step took, from its first character to the next prompt.
        trace: everything that tells this run from another one, by what it is.
    """

    stop: str
    console: str
    answers: dict[str, str]
    seconds: dict[str, float]
    trace: dict[str, object]

    @classmethod
    def of(cls, setup: Setup) -> Self:
        """The outcome of a run in a process of its own.

        Raises:
            subprocess.CalledProcessError: the run itself failed.
        """
        command = [sys.executable, "-m", "tests.linux.run"]
        text = json.dumps(asdict(setup))
        done = subprocess.run(
            command, cwd=ROOT, input=text, stdout=subprocess.PIPE, text=True, check=True
        )
        return cls(**json.loads(done.stdout))


class _EventDigest:
    """A listener that keeps a digest of all events, and how many of each kind there were."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._counts: Counter[str] = Counter()

    def __call__(self, stamped: Stamped) -> None:
        self._digest.update(repr(stamped).encode())
        self._counts[type(stamped.event).__name__] += 1

    def trace(self) -> dict[str, object]:
        return {"events": self._digest.hexdigest(), "event counts": dict(self._counts)}


def run(setup: Setup) -> Outcome:
    """Boot, hold the session, and go on until the guest powers off or the budget is used up."""
    entropy = SeededEntropy(SEED)
    with _machine(setup, entropy) as machine:
        digest = _EventDigest()
        machine.events.subscribe(digest)
        _boot(machine, setup, entropy)
        typist = _typist(machine, with_threads=bool(setup.threads))
        stop = _run(machine, entropy)
        return Outcome(
            stop=stop.name,
            console=machine.console.decode(errors="replace"),
            answers=answers(bytes(machine.console), typist.typed),
            seconds=_seconds(typist.typed, machine),
            trace={**_trace(machine), **digest.trace()},
        )


def _machine(setup: Setup, entropy: Entropy) -> Machine:
    board = boards.get(setup.board)
    return Machine(
        board,
        ram=Ram(board.dram_base, setup.ram_mib << 20),
        vcpu_count=setup.vcpus,
        cpu_model=find_cpu_model(setup.cpu),
        entropy=entropy,
        unix_time_s=UNIX_TIME_S,
    )


def _boot(machine: Machine, setup: Setup, entropy: Entropy) -> None:
    busybox = Path(setup.busybox).read_bytes()
    programs = {"threads": Path(setup.threads).read_bytes()} if setup.threads else {}
    machine.boot(
        Image.load(Path(setup.kernel)),
        entropy=entropy,
        initrd=initramfs.build(busybox, programs),
        bootargs=BOOTARGS,
    )


def _typist(machine: Machine, *, with_threads: bool) -> Typist:
    """Who types at the machine's console."""
    typist = Typist(
        steps(len(machine.vcpus), with_threads=with_threads),
        console=machine.console,
        now=machine.clock.now,
        on_new_generation=machine.stop,
    )
    assert machine.uart is not None
    machine.uart.connect(typist)
    return typist


def _run(machine: Machine, entropy: Entropy) -> Stop:
    cycles_max = TIME_MAX_S * machine.board.cycles_per_s
    stop = machine.run(INSTRUCTIONS_MAX, cycles_max)
    while stop is Stop.REQUESTED:
        _renew_generation(machine, entropy)
        stop = machine.run(INSTRUCTIONS_MAX, cycles_max)
    return stop


def _renew_generation(machine: Machine, entropy: Entropy) -> None:
    """What a restore does: the new id is in memory before its interrupt is pending."""
    assert machine.vmgenid is not None
    machine.vmgenid = VmGenId.restore(
        machine.vmgenid.save(), entropy=entropy, irqs=machine.gsi, events=machine.events
    )
    machine.vmgenid.activate(machine.ram)
    machine.vmgenid.notify_guest()


def _seconds(typed: list[Typed], machine: Machine) -> dict[str, float]:
    """How long each step took; the last one until now."""
    ends = [*(entry.cycles for entry in typed), machine.clock.now()]
    return {
        entry.step: (end - entry.cycles) / machine.board.cycles_per_s
        for entry, end in zip(typed, ends[1:], strict=True)
    }


def _trace(machine: Machine) -> dict[str, object]:
    state = machine.state()
    parts = {field.name: getattr(state, field.name) for field in fields(state)}
    return {
        "instructions": machine.instructions,
        "console": _sha256(machine.console),
        **{name: _sha256(repr(part).encode()) for name, part in parts.items()},
    }


def _sha256(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    json.dump(asdict(run(Setup(**json.load(sys.stdin)))), sys.stdout)
