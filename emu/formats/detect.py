"""Which format a state file has, from its bytes alone.

The header tells the wire format and the version. Where that leaves several schemas (Firecracker
used 3.0.0 and 8.0.0 twice each), those remain that the whole body is an encoding of. It may still
be several: v1.9 and v1.10.0 differ in network devices only, so without one both are right. A file
whose version says nothing is of the formats that its body is an encoding of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from emu.errors import DecodeError, UnknownFormatError
from emu.formats import envelope, registry
from emu.formats.checks import covers
from emu.formats.envelope import HeaderPeek
from emu.formats.format import Format
from emu.wire import semver

_NEVER_READ = {
    "1.0.0": "Firecracker v1.7",
    "2.0.0": "Firecracker v1.8",
    "7.0.0": "a development version of Firecracker v1.13",
}


@dataclass(frozen=True, slots=True)
class Detection:
    """The formats that a file may have.

    Attributes:
        header: what the header says.
        formats: the best guess first, that is, the newest release. More than one if the file is
            of several schemas, or is damaged, so that its body can't tell them apart.
        decodes: whether the body is an encoding of their schemas.
    """

    header: HeaderPeek
    formats: tuple[Format, ...]
    decodes: bool

    @property
    def format(self) -> Format:
        """The best guess."""
        return self.formats[0]

    @property
    def others(self) -> tuple[Format, ...]:
        """The formats that the file may have as well."""
        return self.formats[1:]


def detect(data: bytes) -> Detection:
    """The formats that a state file may have.

    Raises `UnknownFormatError` if its header is that of none.
    """
    header = envelope.peek(data)
    if header is None:
        raise UnknownFormatError(
            "the file does not begin with the header of a snapshot, so its format can't be told; "
            "check that it is a state file, or name the format"
        )
    written_alike = [
        known for known in reversed(registry.formats()) if known.codec.encoding == header.encoding
    ]
    by_version = named_by(written_alike, header.version)
    fitting = _fitting(by_version or written_alike, envelope.body(data))
    if not fitting and not by_version:
        raise UnknownFormatError(_no_candidate(header))
    return Detection(header, fitting or by_version, bool(fitting))


def named_by(candidates: Iterable[Format], version: str | None) -> tuple[Format, ...]:
    """Those of `candidates` whose loader takes a version.

    If none does, those that write its major number: their loaders are the ones to refuse it.
    """
    if version is None:
        return ()
    known = tuple(candidates)
    taking = tuple(candidate for candidate in known if covers(candidate.version, version))
    return taking or tuple(c for c in known if _major(c.version) == _major(version))


def _major(version: str) -> int | None:
    numbers = semver.parse(version)
    return numbers[0] if numbers else None


def _fitting(candidates: Sequence[Format], body: bytes) -> tuple[Format, ...]:
    """Those whose schema the body is an encoding of, preferably with nothing left over."""
    left_over: dict[Format, int] = {}
    for candidate in candidates:
        with suppress(DecodeError):
            left_over[candidate] = candidate.decode_body(body).trailing_size_bytes
    exact = tuple(candidate for candidate, size_bytes in left_over.items() if size_bytes == 0)
    return exact or tuple(left_over)


def _no_candidate(header: HeaderPeek) -> str:
    version = header.version or "unknown"
    known = ", ".join(dict.fromkeys(f.version for f in registry.formats()))
    older = f", which {_NEVER_READ[version]} writes" if version in _NEVER_READ else ""
    return (
        f"the header is that of a snapshot of version {version}{older}, written in "
        f"{header.encoding}; no known format has it (versions known: {known}); take the snapshot "
        "with another release, or register its format"
    )
