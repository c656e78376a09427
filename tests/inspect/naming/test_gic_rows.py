"""Entries of Firecracker's GIC lists are known by their names, whichever release wrote them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from emu.errors import PathError
from emu.formats.firecracker import gic
from emu.formats.firecracker.gic import Entry
from emu.inspect.diff import BitsChange, diff
from emu.inspect.edit import edit
from emu.inspect.naming.gic_rows import gic_rows
from emu.inspect.values.containers import container_of
from emu.inspect.values.lookup import resolve
from emu.inspect.values.parts import Naming, root
from emu.wire.schema import Struct, u32


class Row(Struct):
    chunks: list[u32]


class Gic(Struct):
    dist: list[Row]
    rdist: list[Row]
    ap: list[Row | None]


NAMING = Naming(
    views={
        (Gic, "dist"): gic_rows(gic.DIST, gic.DIST_V2),
        (Gic, "rdist"): gic_rows(gic.REDIST_TO_1_12, gic.REDIST_FROM_1_13),
        (Gic, "ap"): gic_rows(gic.ICC_AP),
    }
)


def rows(entries: Sequence[Entry]) -> list[Row]:
    """Rows whose words are all different."""
    return [
        Row([100 * index + chunk for chunk in range(entry.chunk_count)])
        for index, entry in enumerate(entries)
    ]


def example(dist: Sequence[Entry] = gic.DIST, rdist: Sequence[Entry] = gic.REDIST_FROM_1_13) -> Gic:
    return Gic(rows(dist), rows(rdist), [Row([0]), *[None] * 3, Row([1]), *[None] * 3])


@pytest.mark.parametrize(
    ("path", "value", "label"),
    [
        ("dist.GICD_CTLR.chunks[0]", 0, ""),
        ("dist[3].chunks[1]", 301, "GICD_ISENABLER2"),
        ("dist.GICD_ISENABLER.chunks[1]", 301, "GICD_ISENABLER2"),
        ("dist.GICD_IROUTER.chunks[1]", 501, "GICD_IROUTER32 (high)"),
        ("rdist.GICR_CTLR.chunks[0]", 400, ""),
        ("rdist.GICR_IPRIORITYR.chunks[7]", 1307, "GICR_IPRIORITYR7"),
        ("ap.ICC_AP1R0_EL1.chunks[0]", 1, ""),
    ],
)
def test_a_word_is_found_and_labelled(path: str, value: int, label: str) -> None:
    part = resolve(root(Gic, example(), NAMING), path)
    assert (part.value, part.label, part.is_register) == (value, label, True)


def test_the_proper_path_has_the_name() -> None:
    part = resolve(root(Gic, example(), NAMING), "dist[3].chunks[1]")
    assert str(part.path) == "dist.GICD_ISENABLER.chunks[1]"


@pytest.mark.parametrize(
    ("field", "entries"),
    [
        ("dist", gic.DIST),
        ("dist", gic.DIST_V2),
        ("rdist", gic.REDIST_TO_1_12),
        ("rdist", gic.REDIST_FROM_1_13),
    ],
)
def test_the_numbers_of_words_tell_which_list_it_is(field: str, entries: Sequence[Entry]) -> None:
    rows_of_field = container_of(resolve(root(Gic, example(**{field: entries}), NAMING), field))
    assert rows_of_field is not None
    assert [part.step.key for part in rows_of_field.parts()] == [entry.name for entry in entries]


def test_redistributors_of_two_releases_are_compared_register_by_register() -> None:
    """GICR_CTLR has another place from v1.13 on: that is one difference, of order."""
    old = example(rdist=gic.REDIST_TO_1_12)
    places = [gic.REDIST_TO_1_12.index(entry) for entry in gic.REDIST_FROM_1_13]
    new = Gic(old.dist, [old.rdist[place] for place in places], old.ap)
    (difference,) = diff(Gic, old, Gic, new, naming_a=NAMING)
    assert (difference.path, difference.kind) == ("rdist", "order")
    assert (difference.old[0], difference.new[4]) == ("GICR_CTLR", "GICR_CTLR")


def test_a_word_that_differs_is_told_with_its_register_and_fields() -> None:
    old = example()
    new = edit(Gic, old, ["dist.GICD_CTLR.chunks[0]:ARE=1", "dist[3].chunks[1]=0"], naming=NAMING)
    first, second = diff(Gic, old, Gic, new, naming_a=NAMING)
    assert first.bits == (BitsChange("ARE", "0", "1"),)
    assert (second.path, second.label) == ("dist.GICD_ISENABLER.chunks[1]", "GICD_ISENABLER2")
    assert old == example()


@pytest.mark.parametrize("delete", ["dist[3]", "dist.GICD_ISENABLER", "dist[3].chunks[1]"])
def test_a_list_that_is_like_none_has_no_names(delete: str) -> None:
    new = edit(Gic, example(), [], delete=[delete], naming=NAMING)
    whole = root(Gic, new, NAMING)
    assert resolve(whole, "dist[0].chunks[0]").label == ""
    with pytest.raises(PathError):
        resolve(whole, "dist.GICD_CTLR")
    found = diff(Gic, example(), Gic, new, naming_a=NAMING)
    assert {difference.kind for difference in found} <= {"changed", "removed", "added"}
    assert found[0].path.startswith("dist[3].chunks[")


def test_rows_can_be_appended() -> None:
    new = edit(Gic, example(), ['dist[+]={"chunks":[1]}', "dist[0].chunks[+]=2"], naming=NAMING)
    assert (new.dist[-1], new.dist[0]) == (Row([1]), Row([0, 2]))
