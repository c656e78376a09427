"""Firecracker's releases, oldest first: which schema, which codec, which loader.

| snapshot version | releases |
|---|---|
| 3.0.0 | v1.9.x, and v1.10.0 with another schema |
| 4.0.0 | v1.10.1 |
| 5.0.0 | v1.11.0 |
| 6.0.0 | v1.12.x |
| 8.0.0 | v1.13.x, and v1.14.x with another schema |
| 9.0.0 | v1.15.x |
| 10.0.0 | v1.16.x |
| 11.0.0 | none yet: the main branch, whose schema changes under the same number |

Within each of these lines the schema is the same in all patch releases. Source: `SNAPSHOT_VERSION`
in `src/vmm/src/persist.rs` at each tag.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from emu.formats.firecracker import (
    main,
    restore,
    v1_9,
    v1_10,
    v1_11,
    v1_12,
    v1_13,
    v1_14,
    v1_15,
    v1_16,
)
from emu.formats.firecracker.loaders import (
    BINCODE_1_READER,
    BINCODE_2_READER,
    BINCODE_2_SLICE,
    BITCODE,
    Reader,
)
from emu.formats.format import Format
from emu.formats.loader import Loader
from emu.formats.memory.regions import Region
from emu.wire.nodes import StructNode
from emu.wire.schema import Revision, schema_of


def _regions(state: Any) -> tuple[Region, ...]:
    return tuple(
        Region(region.base_address, region.size) for region in restore.memory_regions(state)
    )


def release(
    name: str,
    version: str,
    revision: Revision,
    reader: Reader,
    restores: Loader,
    *,
    written_by: str = "",
    patches: Iterable[int] = (),
) -> Format:
    """The format of a release, or of a fork of one.

    Args:
        name: what follows "firecracker-" in the id.
        version: what the release writes into the header.
        revision: its types, where they are not those of v1.9.
        reader: how it encodes and reads a file: one of `loaders`.
        restores: what it then asks of the state: checks of `restore`.
        written_by: the releases, in words; "Firecracker v" and the name by default.
        patches: the patch releases of the line; each is an alias.
    """
    schema = schema_of(v1_9.Snapshot, revision)
    if not isinstance(schema, StructNode):
        raise TypeError(f"{name}: a snapshot is a struct")
    written_by = written_by or f"Firecracker v{name}"
    return Format(
        id=f"firecracker-{name}",
        written_by=written_by,
        version=version,
        codec=reader.codec,
        schema=schema,
        loader=(*reader.checks(reader.codec, schema, version, written_by), *restores),
        regions=_regions,
        aliases=tuple(f"firecracker-{name}.{patch}" for patch in patches),
    )


RELEASES: Final[tuple[Format, ...]] = (
    release("1.9", "3.0.0", v1_9.REVISION, BINCODE_1_READER, restore.V1_9, patches=range(2)),
    release("1.10.0", "3.0.0", v1_10.REVISION, BINCODE_1_READER, restore.V1_10),
    release(
        "1.10", "4.0.0", v1_10.REVISION, BINCODE_1_READER, restore.V1_10,
        written_by="Firecracker v1.10.1", patches=[1],
    ),
    release("1.11", "5.0.0", v1_11.REVISION, BINCODE_1_READER, restore.V1_11, patches=range(1)),
    release("1.12", "6.0.0", v1_12.REVISION, BINCODE_2_READER, restore.V1_12, patches=range(2)),
    release("1.13", "8.0.0", v1_13.REVISION, BINCODE_2_READER, restore.V1_13, patches=range(3)),
    release("1.14", "8.0.0", v1_14.REVISION, BINCODE_2_SLICE, restore.V1_14, patches=range(5)),
    release("1.15", "9.0.0", v1_15.REVISION, BITCODE, restore.V1_15, patches=range(2)),
    release("1.16", "10.0.0", v1_16.REVISION, BITCODE, restore.V1_16, patches=range(2)),
    release(
        "main", "11.0.0", main.REVISION, BITCODE, restore.MAIN,
        written_by=f"Firecracker's main branch at commit {main.COMMIT[:12]}",
    ),
)  # fmt: skip
