"""Golden files that are made here are those that VMMs write."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from emu.formats import registry
from emu.formats.format import Format
from emu.wire import jsonvalue
from tests.oracle.client import Oracle
from tests.oracle.make_golden import golden_file_of_json
from tests.oracle.samples import sample

SQUIB = sorted((Path(__file__).parents[1] / "golden" / "squib-0.2").glob("*.json"))


@pytest.mark.parametrize("path", SQUIB, ids=lambda path: path.stem)
def test_squibs_golden_files_come_out_as_they_are(oracle: Oracle, path: Path) -> None:
    data = golden_file_of_json(oracle, registry.get("squib-0.2"), path.read_text("utf-8"))
    assert data == path.with_suffix(".snap").read_bytes()


@pytest.mark.parametrize("form", registry.BUILT_IN, ids=lambda form: form.id)
def test_a_file_of_any_format_decodes_to_its_value(oracle: Oracle, form: Format) -> None:
    snapshot = sample(form.schema, Random(form.id))
    data = golden_file_of_json(oracle, form, jsonvalue.dumps(form.schema, snapshot))
    assert form.decode(data) == snapshot
