"""The releases whose schemas are tested, and what the Rust sources say of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from emu.formats.firecracker import (
    main,
    v1_9,
    v1_9_devices,
    v1_9_virtio,
    v1_10,
    v1_11,
    v1_12,
    v1_13,
    v1_13_pci,
    v1_13_resources,
    v1_14,
    v1_14_memory_devices,
    v1_15,
    v1_16,
)
from emu.wire.nodes import Node
from emu.wire.schema import AS_DECLARED, Revision, schema_of

GOLDEN = Path(__file__).parents[2] / "golden" / "firecracker-schemas"

MODULES: dict[str, tuple[ModuleType, ...]] = {
    "v1.9": (v1_9, v1_9_devices, v1_9_virtio),
    "v1.10": (v1_10,),
    "v1.11": (v1_11,),
    "v1.12": (v1_12,),
    "v1.13": (v1_13, v1_13_pci, v1_13_resources),
    "v1.14": (v1_14, v1_14_memory_devices),
    "v1.15": (v1_15,),
    "v1.16": (v1_16,),
    "main": (main,),
}


@dataclass(frozen=True)
class Release:
    """A release: its modules, the first of which has the `REVISION`, and the one before it."""

    name: str
    modules: tuple[ModuleType, ...]
    revision: Revision
    revision_before: Revision

    @property
    def schema(self) -> Node:
        """The whole state file."""
        return schema_of(v1_9.Snapshot, self.revision)

    @property
    def golden(self) -> str:
        """The schema's tree, made from the Rust sources."""
        return (GOLDEN / f"{self.name}.txt").read_text(encoding="utf-8")

    @property
    def declared(self) -> set[type]:
        """The types that the release's own modules declare."""
        return {
            value
            for module in self.modules
            for value in vars(module).values()
            if isinstance(value, type) and value.__module__ == module.__name__
        }


def _releases() -> list[Release]:
    revisions = [modules[0].REVISION for modules in MODULES.values()]
    before = [AS_DECLARED, *revisions]
    return list(map(Release, MODULES, MODULES.values(), revisions, before))


RELEASES = _releases()
