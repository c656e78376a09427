"""How fast the codec and a freeze-thaw cycle are: `python -m harness.bench`.

Each figure is the best of several rounds. The codec's peer, measured in the same run, is Python's
own `json` on the same value: C code that reads text for which no schema is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from time import perf_counter

from rich.console import Console
from rich.table import Table

from emu.formats import squib
from emu.snapshot import freeze, thaw
from emu.wire import jsonvalue
from harness import data
from harness.entropy import SeededEntropy
from harness.guests import boot_guest

ROUNDS = 5
CALLS_PER_ROUND = 100
CYCLES_PER_ROUND = 20
FROZEN_AT_INSTRUCTION = 2000


def best_time_s(call: Callable[[], object], calls: int) -> float:
    """Seconds for one call: the best average of `ROUNDS` rounds of `calls`."""

    def round_s() -> float:
        start = perf_counter()
        for _ in range(calls):
            call()
        return (perf_counter() - start) / calls

    return min(round_s() for _ in range(ROUNDS))


def codec_table(states: dict[str, bytes]) -> Table:
    """Decoding and encoding state files, CRC included, beside `json` on the same values."""
    table = Table("state file", "bytes", "decode", "x json", "encode", "x json", box=None)
    for name, state in states.items():
        value = squib.decode(state)
        text = jsonvalue.dumps(squib.Snapshot, value)
        plain = json.loads(text)
        cells = [name, str(len(state))]
        for ours, peer in (
            (partial(squib.decode, state), partial(json.loads, text)),
            (partial(squib.encode, value), partial(json.dumps, plain)),
        ):
            ours_s, peer_s = (best_time_s(call, CALLS_PER_ROUND) for call in (ours, peer))
            cells += [f"{ours_s * 1e3:.2f} ms", f"{ours_s / peer_s:.2f}"]
        table.add_row(*cells)
    return table


def main() -> None:
    """Print all figures."""
    console = Console(highlight=False)
    with boot_guest("heartbeat") as machine:
        machine.run(FROZEN_AT_INSTRUCTION)
        snapshot = freeze(machine)
        freeze_s = best_time_s(lambda: freeze(machine), CYCLES_PER_ROUND)
    states = {"golden, 2 vCPUs": data.read(data.DEMO_SNAPSHOT), "own": snapshot.encode_state()}
    console.print(codec_table(states))
    thaw_s = best_time_s(
        lambda: thaw(snapshot, entropy=SeededEntropy(b"bench")).close(), CYCLES_PER_ROUND
    )
    console.print(
        f"\nheartbeat, 1 vCPU, {snapshot.ram_size_bytes >> 20} MiB: "
        f"freeze {freeze_s * 1e3:.1f} ms, thaw {thaw_s * 1e3:.1f} ms"
    )


if __name__ == "__main__":
    main()
