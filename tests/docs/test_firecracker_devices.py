"""The page on Firecracker's devices says which release saves what, as the schemas have it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emu.formats import registry
from emu.snapshot.firecracker.kinds import KINDS
from emu.wire.nodes import (
    EnumNode,
    Node,
    OptionNode,
    SeqNode,
    StructNode,
    UnionNode,
    field_node,
    has_field,
)
from harness.states.releases import RELEASES

TEXT = (Path(__file__).parents[2] / "docs" / "firecracker-devices.md").read_text(encoding="utf-8")
NAMES = [name.removeprefix("firecracker-") for name in RELEASES if name != "firecracker-1.10.0"]
NO_DEVICE = {"mmds_ns"}
"""What this machine has no model of."""


def bus(release: str) -> Node:
    """The states of the MMIO bus."""
    states = field_node(registry.get(f"firecracker-{release}").schema, "data", "device_states")
    if has_field(states, "mmio_state"):
        return field_node(states, "mmio_state")
    if has_field(states, "virtio_state"):
        union = field_node(states, "virtio_state")
        assert isinstance(union, UnionNode)
        return union.variants[0]
    return states


def leaves(node: Node, path: str = "") -> Iterator[str]:
    """The names of all that is in a type."""
    while isinstance(node, SeqNode | OptionNode | UnionNode):
        node = node.variants[0] if isinstance(node, UnionNode) else node.item
    if isinstance(node, StructNode):
        for field in node.fields:
            if field.name not in NO_DEVICE:
                yield from leaves(field.node, f"{path}.{field.name}" if path else field.name)
    else:
        yield f"{path}: {node}" if isinstance(node, EnumNode) else path


def saved(release: str) -> dict[tuple[str, str], None]:
    """Each field of each device that a release saves."""
    return {
        (kind.type.name, leaf): None
        for kind in KINDS
        for leaf in leaves(field_node(bus(release), kind.field))
    }


def span(releases: list[str]) -> str:
    first, last = releases[0], releases[-1]
    assert releases == NAMES[NAMES.index(first) : NAMES.index(last) + 1]
    if last == NAMES[-1]:
        return f"from v{first} on" if first != "main" else "the main branch"
    return f"v{first} to v{last}" if first != last else f"v{first}"


def table() -> str:
    """What not all releases save; what is the same of all devices is told once."""
    by_release = {release: saved(release) for release in NAMES}
    rows: dict[tuple[str, str], list[str]] = {}
    for kind, leaf in dict.fromkeys(field for fields in by_release.values() for field in fields):
        releases = [name for name in NAMES if (kind, leaf) in by_release[name]]
        if releases != NAMES:
            rows.setdefault((leaf, span(releases)), []).append(kind)
    lines = ["| field | of | saved by |", "|---|---|---|"]
    for (leaf, releases_text), kinds in rows.items():
        whose = "all" if len(kinds) == len(KINDS) else ", ".join(kinds)
        lines.append(f"| `{leaf}` | {whose} | {releases_text} |")
    return "\n".join(lines)


def test_the_page_has_what_not_all_releases_save() -> None:
    """`table()` is the text to put there."""
    assert table() in TEXT
