"""A corpus has every kind of file, each with the loader's verdict, and it can be repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emu.errors import UnknownFormatError
from emu.formats import envelope, registry
from emu.inspect.verify import verify
from harness.corpus.generator import KINDS, MANIFEST, Entry, generate, write
from tests.harness.command_line import invoke

FORMATS = [known.id for known in registry.BUILT_IN]
ONE_ROUND = len(KINDS)


def round_of(format_id: str, seed: int = 0, rounds: int = 1) -> list[Entry]:
    return list(generate(format_id, count=rounds * ONE_ROUND, seed=seed))


@pytest.mark.parametrize("format_id", FORMATS)
def test_a_corpus_has_all_kinds_in_turn_and_each_file_says_what_was_done(format_id: str) -> None:
    entries = round_of(format_id)
    assert [entry.kind for entry in entries] == list(KINDS)
    assert [entry.kind for entry in entries if not entry.what] == ["valid"]


@pytest.mark.parametrize("format_id", FORMATS)
def test_a_valid_file_is_accepted_and_one_that_is_not_says_which_check_failed(
    format_id: str,
) -> None:
    for entry in round_of(format_id, seed=1):
        assert entry.report == verify(entry.data, format_id)
        if entry.kind == "valid":
            assert entry.report.accepted, entry.report.message
        assert entry.report.accepted == (entry.report.message is None)


@pytest.mark.parametrize("format_id", ["squib-0.2", "firecracker-1.12", "firecracker-1.16"])
def test_the_checksum_is_right_unless_it_is_the_point(format_id: str) -> None:
    for entry in round_of(format_id, seed=2, rounds=2):
        right = len(entry.data) >= 8 and envelope.checksum(entry.data).ok
        assert entry.crc == ("right" if right else "wrong")
        assert right or entry.kind == "crc"


@pytest.mark.parametrize("format_id", ["squib-0.2", "firecracker-1.13", "firecracker-main"])
def test_damage_of_every_kind_is_refused_by_some_loader_check(format_id: str) -> None:
    """A corpus in which nothing is refused would test nothing."""
    refused = {e.kind for e in round_of(format_id, rounds=4) if not e.report.accepted}
    assert refused >= {"length", "tag", "wire", "crc", "contradiction"}


def test_the_same_seed_gives_the_same_files_whatever_their_number() -> None:
    few, many = round_of("firecracker-1.16"), round_of("firecracker-1.16", rounds=2)
    assert [(e.name, e.data) for e in few] == [(e.name, e.data) for e in many[:ONE_ROUND]]
    other = round_of("firecracker-1.16", seed=1)
    assert all(a.data != b.data for a, b in zip(few, other, strict=True))


def test_a_corpus_on_disk_has_the_verdict_beside_each_file(tmp_path: Path) -> None:
    manifest = write(tmp_path / "new", "firecracker-1.14", count=ONE_ROUND, seed=3)
    files = sorted((tmp_path / "new").glob("*.snap"))
    assert len(files) == ONE_ROUND
    for file in files:
        verdict = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        assert verdict["file"] == file.name
        assert verdict["size_bytes"] == file.stat().st_size
        assert verdict["accepted"] == verify(file.read_bytes(), "firecracker-1.14").accepted
    assert json.loads((tmp_path / "new" / MANIFEST).read_text()) == manifest
    accepted = [sum(kind.values()) for kind in manifest["kinds"].values()]
    assert sum(accepted) == ONE_ROUND


def test_a_folder_has_no_manifest_while_it_is_written_again(tmp_path: Path) -> None:
    write(tmp_path, "squib-0.2", count=1, seed=0)
    seen = []
    write(
        tmp_path,
        "squib-0.2",
        count=1,
        seed=1,
        progress=lambda _: seen.append((tmp_path / MANIFEST).exists()),
    )
    assert seen == [False]
    assert json.loads((tmp_path / MANIFEST).read_text())["seed"] == 1


def test_the_command_writes_a_corpus_and_sums_it_up(tmp_path: Path) -> None:
    arguments = ["corpus", "--format", "squib-0.2", "--count", "9", "-o", tmp_path / "c"]
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    assert "Apple" in result.stdout
    assert len(list((tmp_path / "c").iterdir())) == 19
    as_json = invoke(*arguments, "--json")
    assert json.loads(as_json.stdout)["count"] == 9


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormatError, match="firecracker-9"):
        write(tmp_path / "c", "firecracker-9", count=1, seed=0)
    assert not (tmp_path / "c").exists()
