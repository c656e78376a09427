"""docs/snapshots.md says what the plans and the encodings are today."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from emu.formats import thawbench
from emu.snapshot import RESTORE_PLAN, SAVE_PLAN, Plan
from emu.snapshot.squib_save import EXTRA_SYSREGS
from emu.wire.nodes import EnumNode, Node, OptionNode, SeqNode, StructNode
from emu.wire.schema import schema_of

PAGE = (Path(__file__).parents[2] / "docs" / "snapshots.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(("title", "plan"), [("Saving", SAVE_PLAN), ("Restoring", RESTORE_PLAN)])
def test_the_page_names_every_step_in_its_order(title: str, plan: Plan) -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", section(title), re.M)
    assert rows == [step.name for step in plan.steps]


@pytest.mark.parametrize(
    "struct",
    [
        thawbench.GicBlob,
        thawbench.InterruptBanks,
        thawbench.RedistributorBlob,
        thawbench.Pl011Blob,
        thawbench.ExtraBlob,
        thawbench.ExtraVcpu,
        thawbench.VmGenIdBlob,
    ],
)
def test_the_page_names_every_field_in_its_order(struct: type) -> None:
    text = section("What is in squib's opaque fields")
    names = list(struct.__annotations__)
    assert re.search(r"\{" + r"\b.*?".join(f"{name}\\b" for name in names), text), names


@pytest.mark.parametrize("encoding", [thawbench.GIC, thawbench.PL011, thawbench.EXTRA])
def test_the_page_names_signature_and_version(encoding: thawbench.Encoding[Any]) -> None:
    signature, version = encoding.prefix[:8].decode(), int.from_bytes(encoding.prefix[8:], "little")
    assert f"| `{signature}`, {version} |" in PAGE


def test_the_page_names_what_strict_loses() -> None:
    text = section("What squib's format loses")
    kept_together = ("ICC_", "AP", "DBG")
    for reg in EXTRA_SYSREGS:
        assert reg.name.startswith(kept_together) or reg.name in text, reg.name
    assert "ICC_*" in text
    assert "pointer-authentication keys" in text


def spelt(node: Node) -> str:
    """A type as the page spells it."""
    match node:
        case StructNode(cls=cls):
            return cls.__name__
        case SeqNode(item=item):
            return f"[{spelt(item)}]"
        case OptionNode(item=item):
            return f"{spelt(item)}?"
        case EnumNode():
            return r" \| ".join(node.names)
        case _:
            return str(node)


def layout(struct: StructNode) -> str:
    """All fields in their order, those of one type that follow each other together."""
    groups = groupby(struct.fields, key=lambda field: spelt(field.node))
    spelt_out = (", ".join(field.name for field in found) + f": {kind}" for kind, found in groups)
    return "{" + ", ".join(spelt_out) + "}"


def structs_in(node: Node) -> Iterator[StructNode]:
    """The structs inside a type, itself included."""
    if isinstance(node, StructNode):
        yield node
        for field in node.fields:
            yield from structs_in(field.node)
    elif isinstance(node, SeqNode | OptionNode):
        yield from structs_in(node.item)


@pytest.mark.parametrize(("kind", "encoding"), thawbench.VIRTIO_ENCODINGS.items())
def test_the_page_has_the_layout_of_each_virtio_device(
    kind: str, encoding: thawbench.Encoding[Any]
) -> None:
    text = section("What is in squib's opaque fields")
    whole, *parts = structs_in(schema_of(encoding.schema))
    assert whole.cls is thawbench.ConnectedBlob
    assert f"| `{kind}` | `{encoding.prefix[:8].decode()}`, 1 | `" in text
    for struct in parts:
        name = struct.cls.__name__
        assert re.search(rf"`{name}(` \| `| ){re.escape(layout(struct))}`", text), name
