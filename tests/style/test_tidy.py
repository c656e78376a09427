"""The rules of the tree that no linter checks. A style rule is a test."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FOLDERS = (".ci", ".github", "docs", "emu", "firmware", "harness", "tests")
TEXT = {"", ".c", ".h", ".inc", ".ini", ".ld", ".md", ".py", ".s", ".toml", ".yml"}

LINES_MAX = 400
LONGER: dict[str, str] = {
    # "path": "why it is one subject all the same",
}

# Why not, and what. Spelt with brackets, so that this file does not contain what it looks for.
BANNED = {
    "finish it, or open an issue": r"\b(TO[D]O|FI[X]ME|X[X]X)\b",
    "it exists on one machine only": r"(?<![\w.])/(hom[e]|roo[t]|User[s]|wor[k])/",
    "it is outside the project": r"\bshare[d]/",
}


def text_files() -> Iterator[Path]:
    """Every text file of ours, as a path from the root."""
    for path in [*ROOT.glob("[!.]*"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*"))]:
        if path.is_file() and path.suffix in TEXT:
            yield path.relative_to(ROOT)


def read(path: Path | str) -> str:
    """The text of a file, by its path from the root."""
    return (ROOT / path).read_text(encoding="utf-8")


def golden_folders() -> list[Path]:
    """The folders that hold golden files."""
    return sorted(path for path in (ROOT / "tests" / "golden").rglob("*") if path.is_dir())


def test_a_python_file_has_one_subject() -> None:
    """A file over the limit has a second subject: split it, or say in LONGER why not."""
    sizes = {p.as_posix(): read(p).count("\n") for p in text_files() if p.suffix == ".py"}
    assert {p for p, lines in sizes.items() if lines > LINES_MAX} == set(LONGER)


@pytest.mark.parametrize("reason", BANNED)
def test_banned_words_stay_out_of_the_tree(reason: str) -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in text_files()
        for number, line in enumerate(read(path).splitlines(), start=1)
        if re.search(BANNED[reason], line)
    ]
    assert found == [], reason


@pytest.mark.parametrize("folder", golden_folders(), ids=lambda folder: str(folder.name))
def test_golden_files_say_where_they_come_from(folder: Path) -> None:
    """In the README.md of the folder, or of the nearest one above that has one."""
    above = [folder, *folder.parents]
    candidates = [path / "README.md" for path in above[: above.index(ROOT / "tests" / "golden")]]
    readme = next((path for path in candidates if path.is_file()), None)
    assert readme is not None, "say in README.md what made these files, with its version"
    assert re.search(r"\d+\.\d+", readme.read_text()), "name the version of what made these files"


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert releases[0] == version


@pytest.mark.parametrize("page", [p for p in text_files() if p.suffix == ".md"], ids=str)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", read(page))
    assert [t for t in targets if not (ROOT / page.parent / t).exists()] == []


def test_every_package_folder_is_typed() -> None:
    for package in ("emu", "firmware", "harness"):
        assert (ROOT / package / "py.typed").is_file(), package
