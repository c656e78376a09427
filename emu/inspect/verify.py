"""What a release's loader says of a state file."""

from __future__ import annotations

from dataclasses import dataclass

from emu.errors import DecodeError
from emu.formats import detect, registry
from emu.formats.format import Verdict
from emu.formats.loader import Loader


@dataclass(frozen=True, slots=True)
class CheckView:
    """One check of the loader.

    Attributes:
        rule: what it insists on: the end of a sentence that begins "the file ".
        loader_error: what the VMM calls its error; None for a bound that is only this tool's.
        passed: None if the loader stopped before it.
    """

    rule: str
    loader_error: str | None
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one state file.

    Attributes:
        format: id of the format whose loader it is.
        written_by: the releases that write the format.
        also: ids of other formats that the file is an encoding of.
        accepted: whether the loader takes the file.
        loader_error: what the VMM calls the error.
        error: the class of `emu.errors` for it.
        message: what is wrong, where, and what was expected.
        offset: byte offset in the file's body where decoding stopped.
        path: the field that was being decoded then.
        checks: the loader's checks in its order.
    """

    format: str
    written_by: str
    also: tuple[str, ...]
    accepted: bool
    loader_error: str | None
    error: str | None
    message: str | None
    offset: int | None
    path: str | None
    checks: tuple[CheckView, ...]


def verify(data: bytes, as_id: str | None = None) -> Report:
    """The verdict of a loader on a state file; no bytes whatever raise another error than this.

    Args:
        data: the file.
        as_id: the release whose loader to ask; by default the one that wrote the file, as far as
            its header tells.

    Raises:
        UnknownFormatError: the format can't be told, or there is none of that id.
    """
    if as_id is None:
        detection = detect.detect(data)
        loader, also = detection.format, detection.others if detection.decodes else ()
    else:
        loader, also = registry.get(as_id), ()
    verdict = loader.verdict(data)
    problem = verdict.problem
    error = problem.error if problem else None
    decoding = error if isinstance(error, DecodeError) else None
    return Report(
        format=loader.id,
        written_by=loader.written_by,
        also=tuple(other.id for other in also),
        accepted=verdict.accepted,
        loader_error=problem.loader_error if problem else None,
        error=type(error).__name__ if error else None,
        message=str(error) if error else None,
        offset=decoding.offset if decoding else None,
        path=decoding.path if decoding else None,
        checks=_checks(verdict, loader.loader),
    )


def _checks(verdict: Verdict, loader: Loader) -> tuple[CheckView, ...]:
    passed = verdict.passed_count
    return tuple(
        CheckView(
            check.rule,
            check.loader_error,
            True if index < passed else False if index == passed else None,
        )
        for index, check in enumerate(loader)
    )
