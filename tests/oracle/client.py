"""The oracle as a Python object: a process that answers one request after the other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from emu.wire.nodes import Node
from tests.oracle import definition
from tests.oracle.definition import Json

Crate = Literal["bitcode", "bincode1-reader", "bincode2-reader", "bincode2-slice"]
"""A published serializer, and how it is called; `src/codec.rs` says by whom."""

LIMIT_BYTES = 10_485_760
"""What bincode reads of one value, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The crate made a value of the first `consumed` bytes."""

    value: Any
    consumed: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The crate's error, or what it said when it panicked."""

    error: str
    panicked: bool = False


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The oracle stopped the crate, which would have gone on for too long or too deep."""


Outcome = Accepted | Rejected | Exceeded


@dataclass(frozen=True, slots=True)
class Times:
    """Medians, in nanoseconds."""

    decode_ns: int
    encode_ns: int


@dataclass(frozen=True, slots=True)
class SquibLoad:
    """What squib's loader says: "Ok", or the name of its error.

    Attributes:
        value: the file's value as `serde_json` prints it; None if the envelope is not accepted.
    """

    verdict: str
    value: Json


class OracleError(Exception):
    """The oracle has no answer to a request: the test that made it is wrong, or the oracle is."""


class Oracle:
    """A running oracle. To be closed, or used as a context manager."""

    def __init__(self, executable: Path) -> None:
        self._process = subprocess.Popen(
            [executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._schemas: dict[Node, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, and wait until it is gone."""
        self._process.communicate()

    def encode(self, node: Node, crate: Crate, value: Any) -> bytes:
        """The bytes that the crate writes for `value`."""
        return self.encode_json(self.schema(node), crate, definition.dump(node, value))

    def encode_json(self, schema: int, crate: Crate, value: Json) -> bytes:
        """The same for a schema that was loaded, and a value as the oracle reads it."""
        return bytes.fromhex(self._ok("encode", schema=schema, codec=crate, value=value))

    def decode(
        self, node: Node, crate: Crate, data: bytes, limit_bytes: int = LIMIT_BYTES
    ) -> Outcome:
        """What the crate makes of `data`.

        For bincode 2 the limit is 10 MiB or a power of two from 16 to 256.
        """
        outcome = self.decode_json(self.schema(node), crate, data, limit_bytes)
        if isinstance(outcome, Accepted):
            return Accepted(definition.load(node, outcome.value), outcome.consumed)
        return outcome

    def decode_json(
        self, schema: int, crate: Crate, data: bytes, limit_bytes: int = LIMIT_BYTES
    ) -> Outcome:
        """The same for a schema that was loaded; the value is as the oracle writes it."""
        kind, reply = self._ask(
            "decode", schema=schema, codec=crate, data=data.hex(), limit_bytes=limit_bytes
        )
        match kind:
            case "ok":
                return Accepted(reply["value"], reply["consumed"])
            case "rejected" | "panicked":
                return Rejected(reply, panicked=kind == "panicked")
            case "exceeded":
                return Exceeded()
        raise OracleError(f"{kind}: {reply}")

    def crc64(self, data: bytes) -> int:
        """The CRC-64 that the crate `crc64` computes."""
        return int(self._ok("crc64", data=data.hex()))

    def squib_load(self, data: bytes) -> SquibLoad:
        """What squib's loader makes of a state file."""
        return SquibLoad(**self._ok("squib_load", data=data.hex()))

    def squib_save(self, value: Json) -> bytes:
        """The state file that squib writes for a value in the form of `serde_json`."""
        return bytes.fromhex(self._ok("squib_save", value=value))

    def serial(self, state: Json, actions: Sequence[Json]) -> Json:
        """What comes of a serial port made of `state`, and then of each action: the value that is
        read, the interrupts that are triggered, what is sent, and the state.

        An action is `{"read": offset}`, `{"write": [offset, value]}` or `{"receive": text}`; bytes
        are hexadecimal text.

        Raises:
            OracleError: the crate does not take the state.
        """
        return self._ok("serial", state=state, actions=actions)

    def rtc(self, state: Json, actions: Sequence[Json]) -> Json:
        """What comes of a real-time clock made of `state`, after all actions: the values that are
        read, the state, and the host's time in seconds before and after.
        """
        return self._ok("rtc", state=state, actions=actions)

    def virtqueue(self, ram_base: int, ram: bytes, queue: Json, actions: Sequence[Json]) -> Json:
        """What comes of a split virtqueue in guest memory `ram`, and then of each action.

        An action is `"pop"`, `"undo_pop"`, `"arm"`, `"needs_notification"` or
        `{"add_used": [head, written]}`. The reply has the `results`, and at the end `next_avail`,
        `next_used` and the `ram`.

        Raises:
            OracleError: the crate does not take the queue as it is set up.
        """
        return self._ok("virtqueue", ram_base=ram_base, ram=ram.hex(), queue=queue, actions=actions)

    def addresses(self, base: int, size: int, actions: Sequence[Json]) -> Json:
        """What comes of an `AddressAllocator`: `results`, null for a refusal, and the `allocator`.

        An action is `{"first": [size, alignment]}`, `{"last": [size, alignment]}` or
        `{"free": [first, last]}`.
        """
        return self._ok("addresses", base=base, size=size, actions=actions)

    def ids(self, base: int, end: int, actions: Sequence[Json]) -> Json:
        """The same of an `IdAllocator`; an action is `"take"` or `{"give": id}`."""
        return self._ok("ids", base=base, end=end, actions=actions)

    def time(self, node: Node, crate: Crate, data: bytes, rounds: int) -> Times:
        """How long the crate takes for `data`.

        The type is known to it at run time only, which makes it slower than it is in a VMM.
        """
        reply = self._ok(
            "time", schema=self.schema(node), codec=crate, data=data.hex(), rounds=rounds
        )
        return Times(**reply)

    def schema(self, node: Node) -> int:
        """The number by which the oracle knows a type."""
        if node not in self._schemas:
            self._schemas[node] = self.load(definition.definition(node))
        return self._schemas[node]

    def load(self, schema: Json) -> int:
        """Tell the oracle of a type; gives its number."""
        return int(self._ok("load", definition=schema))

    def _ok(self, op: str, **arguments: Json) -> Json:
        kind, reply = self._ask(op, **arguments)
        if kind != "ok":
            raise OracleError(f"{op}: {kind}: {reply}")
        return reply

    def _ask(self, op: str, **arguments: Json) -> tuple[str, Json]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"op": op, **arguments}) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise OracleError(f"{op}: the oracle ended, with exit code {self._process.wait()}")
        (entry,) = json.loads(line).items()
        kind, reply = entry
        return kind, reply
