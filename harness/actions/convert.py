"""`thawbench convert`: a state file as another release would have it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from emu.errors import IncompatibleError
from emu.formats import registry
from emu.formats.atomic import write_atomic
from emu.formats.format import Format
from emu.inspect.convert import Conversion, convert
from harness.actions.files import about, opened
from harness.report.conversion import print_conversion
from harness.report.output import print_json
from harness.report.text import count


def run(
    path: Path,
    output: Path,
    to_id: str,
    *,
    as_id: str | None = None,
    lossy: bool = False,
    as_json: bool = False,
) -> None:
    """Write the state file `path` in another format to `output`, and print what became of it.

    Args:
        path: the state file.
        output: the file to write; it may be the same.
        to_id: the format to write.
        as_id: the format to read `path` as; found out by default.
        lossy: whether to write the file even if something is lost.
        as_json: print JSON instead of text.

    Raises:
        IncompatibleError: the state can't be converted, or something would be lost and `lossy` is
            false; nothing is written then.
        SnapshotError: the file can't be read.
        OSError: a file can't be read or written.
    """
    target = registry.get(to_id)
    with about(path):
        state = opened(path, as_id)
        conversion = convert(state.snapshot, state.format, target)
        data = target.encode(conversion.snapshot)
    refused = bool(conversion.losses) and not lossy
    if not refused:
        write_atomic(output, data)
    if as_json:
        print_json(_as_data(state.format, target, conversion, not refused))
    else:
        print_conversion(state.format.id, target.id, conversion)
    if refused:
        raise IncompatibleError(
            f"{path}: not written as {target.id}, because {count(len(conversion.losses), 'thing')} "
            "would be lost; --lossy accepts that"
        )


def _as_data(source: Format, target: Format, conversion: Conversion, written: bool) -> Any:
    told = {field.name: getattr(conversion, field.name) for field in dataclasses.fields(conversion)}
    del told["snapshot"]
    for name in ("losses", "additions", "changes", "moves"):
        told[name] = [dataclasses.asdict(part) for part in told[name]]
    return {"from": source.id, "to": target.id, "written": written, **told}
