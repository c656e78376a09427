"""Feeds damaged files to all that reads files: `python -m harness.fuzz --time-limit-s 60`.

Whatever the bytes, the outcome must be a value or a `SnapshotError`, soon and in little memory.
An input that breaks this is written down, with the seed that makes it again. Each input depends
on the seed and its number alone; only how many there are depends on the time.
"""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from time import perf_counter

import click

from emu.errors import SnapshotError
from emu.formats import detect, envelope, registry
from emu.formats.atomic import write_atomic
from emu.formats.format import Format
from emu.inspect.describe import describe
from emu.inspect.open import decode_state
from emu.inspect.verify import verify
from emu.wire import jsonvalue
from emu.wire.pieces import Piece
from harness.corpus import wire
from harness.entropy import draw_seed
from harness.states import random_state

SLOW_S = 20.0
"""An input that takes longer counts as one that hangs."""

_BASES_PER_FORMAT = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one input.

    Attributes:
        number: which input of the run it was.
        what: how it was made.
        time_s: how long all readers took together.
        broken: the reader that raised something else than it may, or was too slow, and what.
    """

    number: int
    what: str
    data: bytes
    time_s: float
    broken: str | None


def inputs(seed: str) -> Iterator[tuple[str, Format, bytes]]:
    """Damaged files without end: how each was made, of which format, and its bytes."""
    number = 0
    while True:
        random = Random(f"{seed} {number}")
        file_format = random.choice(registry.BUILT_IN)
        yield _input(random, file_format)
        number += 1


def _input(random: Random, file_format: Format) -> tuple[str, Format, bytes]:
    if random.random() < 0.05:
        return "random bytes", file_format, random.randbytes(random.randint(0, 4096))
    data, pieces = _base(file_format.id, random.randrange(_BASES_PER_FORMAT))
    body, steps = envelope.body(data), []
    for _ in range(random.choice([1, 1, 2, 4])):
        body, what = _damage(random, body, pieces)
        steps.append(what)
    sealed = random.random() < 0.9
    return "; ".join(steps), file_format, envelope.seal(body) if sealed else body


def _damage(random: Random, body: bytes, pieces: list[Piece]) -> wire.Damage:
    match random.randrange(3):
        case 0:
            return wire.lengths(random, body, pieces)
        case 1:
            return wire.tags(random, body, pieces)
        case _:
            return wire.any_bytes(random, body)


@cache
def _base(format_id: str, number: int) -> tuple[bytes, list[Piece]]:
    """A valid file, and where its fields are."""
    file_format = registry.get(format_id)
    snapshot = random_state(format_id, Random(f"{format_id} {number}"))
    data = file_format.encode(snapshot)
    return data, wire.pieces(file_format, snapshot, envelope.body(data))


def _dump(file_format: Format, data: bytes) -> None:
    jsonvalue.dumps(file_format.schema, file_format.decode(data))


READERS: dict[str, Callable[[Format, bytes], object]] = {
    "detect": lambda _format, data: detect.detect(data),
    "open": lambda _format, data: decode_state(data),
    "verify": lambda file_format, data: verify(data, file_format.id),
    "describe": lambda _format, data: describe(data),
    "dump": _dump,
}
"""All that takes the bytes of a state file."""


def try_input(number: int, what: str, file_format: Format, data: bytes) -> Outcome:
    """Give one input to every reader."""
    broken = None
    begin = perf_counter()
    for name, reader in READERS.items():
        try:
            reader(file_format, data)
        except SnapshotError:
            continue
        except Exception as error:
            broken = f"{name} raised {type(error).__name__}: {error}"
            break
    time_s = perf_counter() - begin
    if broken is None and time_s > SLOW_S:
        broken = f"the readers took {time_s:.1f} s"
    return Outcome(number, f"{file_format.id}: {what}", data, time_s, broken)


def run(seed: str, time_limit_s: float) -> tuple[int, Outcome]:
    """Try inputs until the time is up or one is broken; how many, and the broken or slowest one."""
    end = perf_counter() + time_limit_s
    worst: Outcome | None = None
    for number, (what, file_format, data) in enumerate(inputs(seed)):
        faulthandler.dump_traceback_later(10 * SLOW_S, exit=True)
        outcome = try_input(number, what, file_format, data)
        if worst is None or outcome.broken or outcome.time_s > worst.time_s:
            worst = outcome
        if outcome.broken or perf_counter() > end:
            break
    faulthandler.cancel_dump_traceback_later()
    assert worst is not None  # there is no end of inputs, so there was a first
    return number + 1, worst


@click.command()
@click.option("--time-limit-s", type=float, default=60.0, show_default=True)
@click.option("--seed", help="Drawn from the system and printed by default.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path(), show_default="this folder",
    help="Where to write an input that breaks something.",
)  # fmt: skip
def main(time_limit_s: float, seed: str | None, output: Path) -> None:
    """Feed damaged state files to all that reads them; exit status 1 if one breaks something."""
    seed = seed or draw_seed().hex()
    click.echo(f"seed {seed}")
    count, worst = run(seed, time_limit_s)
    click.echo(f"{count} inputs; the slowest, {worst.number}, took {worst.time_s * 1e3:.0f} ms")
    if worst.broken:
        path = output / f"fuzz-{seed}-{worst.number}.snap"
        write_atomic(path, worst.data)
        click.echo(f"input {worst.number} ({worst.what}): {worst.broken}\nwritten to {path}")
        sys.exit(1)


if __name__ == "__main__":
    main()
