"""What a file format is: a schema, a codec and a loader, under an id.

A VMM's release has one; `emu.formats.registry` knows them all, and a user adds her own there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emu.errors import SnapshotError
from emu.formats import envelope
from emu.formats.codecs import Codec, Decoded
from emu.formats.loader import Loader, Loading, Problem, checks_of_values, problems
from emu.formats.memory.regions import Region
from emu.wire.nodes import EnumNode, Node, StructNode, inner_nodes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a release's loader says of a state file.

    Attributes:
        format_id: the release.
        problem: the first check that failed; None if the loader accepts the file.
        passed_count: how many of the loader's checks were passed, from the first on.
    """

    format_id: str
    problem: Problem | None
    passed_count: int

    @property
    def accepted(self) -> bool:
        """Whether the loader takes the file."""
        return self.problem is None


@dataclass(frozen=True, eq=False)
class Format:
    """A format of state files.

    Attributes:
        id: what users call it, for example "firecracker-1.16".
        written_by: which releases write it.
        version: the version that they put into the header.
        codec: how the body is encoded.
        schema: the type of the body: a struct of `header {magic, version}` and `data`.
        loader: the checks that the release makes, in its order.
        regions: the guest memory that a state describes, in the order of the memory file.
        aliases: further ids.
    """

    id: str
    written_by: str
    version: str
    codec: Codec
    schema: StructNode
    loader: Loader
    regions: Callable[[Any], tuple[Region, ...]]
    aliases: tuple[str, ...] = ()

    def encode(self, snapshot: Any) -> bytes:
        """The state file of `snapshot`; raises `EncodeError` if a value does not fit its field."""
        return envelope.seal(self.codec.encode(self.schema, snapshot))

    def decode(self, data: bytes) -> Any:
        """The value of a state file whose size, checksum and encoding are right, whatever it says.

        Bytes after the state are ignored where the release ignores them. Raises `SizeLimitError`,
        `TooShortError`, `CrcError` or `DecodeError`.
        """
        for check in self.loader:
            if check.final:
                check.run(Loading(data))
        envelope.check_holds_crc(data)
        envelope.check_crc(envelope.checksum(data))
        return self._snapshot(self.decode_body(envelope.body(data)))

    def decode_body(self, body: bytes) -> Decoded:
        """The value of a state file without its checksum; raises `DecodeError`."""
        return self.codec.decode(self.schema, body)

    def load(self, data: bytes) -> Any:
        """The value of a state file that the release's loader accepts.

        Raises the error of the first check that fails.
        """
        loading = Loading(data)
        for problem in problems(self.loader, loading):
            raise problem.error
        return self._snapshot(loading)

    def verify(self, snapshot: Any) -> None:
        """Raise the first error that the loader has for what a value says, whatever its bytes."""
        loading = Loading(b"", header=snapshot.header, state=snapshot.data)
        for problem in problems(checks_of_values(self.loader), loading):
            raise problem.error

    def examine(self, data: bytes) -> tuple[Loading, tuple[Problem, ...]]:
        """As much of a state file as can be decoded, and all that the loader has against it."""
        loading = Loading(data)
        return loading, tuple(problems(self.loader, loading))

    def verdict(self, data: bytes) -> Verdict:
        """What the release's loader says of a state file."""
        loading = Loading(data)
        for index, check in enumerate(self.loader):
            try:
                check.run(loading)
            except SnapshotError as error:
                return Verdict(self.id, Problem(check, error), index)
        return Verdict(self.id, None, len(self.loader))

    def _snapshot(self, parts: Decoded | Loading) -> Any:
        """The value of `schema` that the parts make."""
        return self.schema.cls(parts.header, parts.state)

    def types(self) -> dict[str, type]:
        """The struct and enum classes of the schema by name, to make values of."""
        seen: dict[Node, None] = {}  # in order, which a set is not
        left: list[Node] = [self.schema]
        while left:
            node = left.pop()
            if node not in seen:
                seen[node] = None
                left += inner_nodes(node)
        named = [node.cls for node in seen if isinstance(node, StructNode | EnumNode)]
        return {cls.__name__: cls for cls in named}
