"""How long our codecs and the published crates take for the same files, side by side.

    python -m tests.oracle.bench

Each figure is a median. A file is a realistic state of two vCPUs with all devices that the release
has; CRC and header are in our time and not in that of the crate. The crates learn the type at run
time, which makes them slower than they are inside a VMM.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

from rich.console import Console
from rich.table import Table

from emu.formats import envelope, registry
from emu.formats.format import Format
from harness.states import realistic_state
from tests.oracle import build
from tests.oracle.client import Oracle
from tests.oracle.subjects import codecs_of

ROUNDS = 101


def median_ms(call: Callable[[], object]) -> float:
    """The median of `ROUNDS` calls, in milliseconds."""

    def once() -> float:
        begin = perf_counter()
        call()
        return perf_counter() - begin

    call()  # compiles the schema
    return median(once() for _ in range(ROUNDS)) * 1e3


def row(oracle: Oracle, file_format: Format) -> list[str]:
    """The figures of one format."""
    snapshot = realistic_state(file_format.id)
    data = file_format.encode(snapshot)
    crate = codecs_of(file_format)[0].crate
    peer = oracle.time(file_format.schema, crate, envelope.body(data), ROUNDS)
    cells = [file_format.id, f"{len(data):,}"]
    for ours_ms, peer_ns in (
        (median_ms(lambda: file_format.decode(data)), peer.decode_ns),
        (median_ms(lambda: file_format.encode(snapshot)), peer.encode_ns),
    ):
        peer_ms = peer_ns / 1e6
        cells += [f"{ours_ms:.2f} ms", f"{peer_ms:.3f} ms", f"{ours_ms / peer_ms:.0f}"]
    return cells


def main() -> None:
    """Print the table."""
    table = Table("state file", "bytes", "decode", "Rust", "x", "encode", "Rust", "x", box=None)
    with Oracle(build.executable()) as oracle:
        for file_format in registry.BUILT_IN:
            table.add_row(*row(oracle, file_format))
    Console(highlight=False, width=100).print(table)


if __name__ == "__main__":
    main()
