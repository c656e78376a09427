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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from emu import boards
from emu.core.events import DriverViolation, Stamped
from emu.core.image import Image
from emu.core.ports import Entropy
from emu.core.ram import Ram
from emu.cpu import find_cpu_model
from emu.devices.virtio.disk import FileDisk
from emu.machine import Machine, Stop
from harness.entropy import SeededEntropy
from tests.linux.device_session import device_session
from tests.linux.reloading import Reloader
from tests.linux.session import Session, Typed, Typist, answers
from tests.linux.system_session import system_session

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
        programs: paths of more programs for a machine without a disk, by name.
        modules: path of the archive of the kernel's modules, for a machine with a disk.
        disk: path of the image of its root file system, which is written; "" for a machine without.
        virtio_latency_us: virtual time in which a virtio device comes to see a notification.
        reload_every: states of virtio devices are loaded into them again after so many accesses to
            their registers; 0 for never.
        ram_mib: size of RAM.
    """

    board: str
    cpu: str
    vcpus: int
    kernel: str
    busybox: str
    programs: dict[str, str] = field(default_factory=dict)
    modules: str = ""
    disk: str = ""
    virtio_latency_us: int = 0
    reload_every: int = 0
    ram_mib: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        stop: name of the `Stop` that ended it.
        console: all that the guest sent.
        answers: what the shell answered, by step.
        seconds: virtual time that each step took, from its first character to the next prompt.
        found: what the host found.
        drawn: what was drawn from its entropy, in hex.
        violations: what rules of virtio drivers broke.
        reloads: how often states were loaded into their devices again.
        trace: everything that tells this run from another one, by what it is.
    """

    stop: str
    console: str
    answers: dict[str, str]
    seconds: dict[str, float]
    found: dict[str, object]
    drawn: str
    violations: list[str]
    reloads: int
    trace: dict[str, object]

    @classmethod
    def of(cls, setup: Setup, module: str = "tests.linux.run") -> Self:
        """The outcome of a run in a process of its own.

        Args:
            setup: what is booted.
            module: what is executed there, and reads such a setup.

        Raises:
            subprocess.CalledProcessError: the run itself failed.
        """
        command = [sys.executable, "-m", module]
        text = json.dumps(asdict(setup))
        done = subprocess.run(
            command, cwd=ROOT, input=text, stdout=subprocess.PIPE, text=True, check=True
        )
        return cls(**json.loads(done.stdout))


class EventDigest:
    """A listener that keeps a digest of all events, and how many of each kind there were.

    Attributes:
        violations: what rules of virtio drivers broke.
    """

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._digest = hashlib.sha256()
        self._counts: Counter[str] = Counter()

    def __call__(self, stamped: Stamped) -> None:
        """Listen."""
        if isinstance(stamped.event, DriverViolation):
            self.violations.append(f"{stamped.event.device}: {stamped.event.reason}")
        self._digest.update(repr(stamped).encode())
        self._counts[type(stamped.event).__name__] += 1

    def trace(self) -> dict[str, object]:
        """The digest, and the counts."""
        return {"events": self._digest.hexdigest(), "event counts": dict(self._counts)}


class RecordedEntropy:
    """Entropy that keeps all that is drawn from it.

    Attributes:
        drawn: that.
    """

    def __init__(self, source: Entropy) -> None:
        self.drawn = bytearray()
        self._source = source

    def __call__(self, size_bytes: int, /) -> bytes:
        """Draw."""
        data = self._source(size_bytes)
        self.drawn += data
        return data


class Host:
    """Who does the deeds of a session, each between two instructions of the guest.

    Args:
        machine: the machine.
        deeds: what is done before a line is typed, by the line's name.
    """

    def __init__(self, machine: Machine, deeds: Mapping[str, Callable[[Machine], None]]) -> None:
        self._machine = machine
        self._deeds = deeds
        self._waiting: list[str] = []

    def expect(self, step: str) -> None:
        """A line is about to be typed."""
        if step in self._deeds:
            self._waiting.append(step)
            self._machine.stop()

    def act(self) -> None:
        """Do what waits."""
        while self._waiting:
            self._deeds[self._waiting.pop(0)](self._machine)


def run(setup: Setup) -> Outcome:
    """Boot, hold the session, and go on until the guest powers off or the budget is used up."""
    entropy = RecordedEntropy(SeededEntropy(SEED))
    session = _session(setup, entropy)
    with machine_of(setup, session, entropy) as machine:
        digest, host = EventDigest(), Host(machine, session.deeds)
        reloader = Reloader(machine, setup.reload_every)
        machine.events.subscribe(digest)
        if setup.reload_every:
            machine.events.subscribe(reloader)
        boot(machine, setup, session, entropy)
        typist = typist_of(machine, session, host)
        stop = go_on(machine, [host.act, reloader.act])
        return Outcome(
            stop=stop.name,
            console=machine.console.decode(errors="replace"),
            answers=answers(bytes(machine.console), typist.typed),
            seconds=seconds_of(typist.typed, machine),
            found=session.found(machine),
            drawn=entropy.drawn.hex(),
            violations=digest.violations,
            reloads=reloader.count,
            trace={**trace_of(machine), **digest.trace()},
        )


def boot(machine: Machine, setup: Setup, session: Session, entropy: Entropy) -> None:
    """Put the kernel and its RAM disk into the machine."""
    machine.boot(
        Image.load(Path(setup.kernel)),
        entropy=entropy,
        initrd=session.initrd,
        bootargs=" ".join([BOOTARGS, *session.words]),
    )


def _session(setup: Setup, entropy: Entropy) -> Session:
    busybox = Path(setup.busybox).read_bytes()
    if setup.disk:
        return device_session(
            busybox,
            Path(setup.modules).read_bytes(),
            FileDisk(Path(setup.disk)),
            names_root=boards.get(setup.board).command_line.names_root,
        )
    programs = {name: Path(path).read_bytes() for name, path in setup.programs.items()}
    return system_session(busybox, programs, vcpu_count=setup.vcpus, entropy=entropy)


def machine_of(setup: Setup, session: Session, entropy: Entropy) -> Machine:
    """The machine, which is not booted."""
    board = boards.get(setup.board)
    return Machine(
        board,
        ram=Ram(board.dram_base, setup.ram_mib << 20),
        vcpu_count=setup.vcpus,
        cpu_model=find_cpu_model(setup.cpu),
        entropy=entropy,
        unix_time_s=UNIX_TIME_S,
        devices=session.devices,
        virtio_latency_cycles=latency_cycles(setup),
    )


def latency_cycles(setup: Setup) -> int:
    """The latency of virtio devices, in cycles of the board."""
    return setup.virtio_latency_us * boards.get(setup.board).cycles_per_s // 1_000_000


def typist_of(machine: Machine, session: Session, host: Host) -> Typist:
    """Who types at the machine's console."""
    typist = Typist(
        session.lines, console=machine.console, now=machine.clock.now, on_step=host.expect
    )
    assert machine.uart is not None
    machine.uart.connect(typist)
    return typist


def go_on(
    machine: Machine,
    attendants: Sequence[Callable[[], None]],
    is_over: Callable[[], bool] = lambda: False,
) -> Stop:
    """Whenever the run is stopped the attendants do what they stopped it for, until it is over."""
    end_instructions = machine.instructions + INSTRUCTIONS_MAX
    end_cycles = machine.clock.now() + TIME_MAX_S * machine.board.cycles_per_s
    while True:
        stop = machine.run(
            end_instructions - machine.instructions, end_cycles - machine.clock.now()
        )
        if stop is not Stop.REQUESTED:
            return stop
        for attend in attendants:
            attend()
        if is_over():
            return stop


def seconds_of(typed: list[Typed], machine: Machine) -> dict[str, float]:
    """How long each step took; the last one until now."""
    ends = [*(entry.cycles for entry in typed), machine.clock.now()]
    return {
        entry.step: (end - entry.cycles) / machine.board.cycles_per_s
        for entry, end in zip(typed, ends[1:], strict=True)
    }


def trace_of(machine: Machine) -> dict[str, object]:
    """All of the machine's state, as digests by its part."""
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
