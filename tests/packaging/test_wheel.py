"""The wheel alone, in an empty environment and an unrelated directory, has all that it needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytest.importorskip("build", reason="building a wheel needs `pip install build`")

SOURCE = Path(__file__).parents[2]
PACKAGES = ("emu", "firmware", "harness")
PACKAGED = (*PACKAGES, "pyproject.toml", "README.md", "LICENSE")
NOT_DATA = {".py", ".pyc"}

WALK = """
import importlib.resources as resources, json, sys

def files(folder, prefix):
    for entry in folder.iterdir():
        name = f"{prefix}/{entry.name}"
        yield from files(entry, name) if entry.is_dir() else [name]

print(json.dumps([n for p in sys.argv[1:] for n in files(resources.files(p), p)]))
"""

FIRMWARE = """
import firmware

for name in firmware.names():
    assert firmware.load(name).image, name
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed, run without this checkout in reach."""
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built through an sdist from a copy, so that the checkout stays as it is."""
    copy = tmp_path_factory.mktemp("source")
    for name in PACKAGED:
        if (SOURCE / name).is_dir():
            shutil.copytree(
                SOURCE / name, copy / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(SOURCE / name, copy)
    run(sys.executable, "-m", "build", cwd=copy)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of executables of an environment that holds the wheel and its dependencies."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    folder = environment / ("Scripts" if os.name == "nt" else "bin")
    run(folder / "python", "-m", "pip", "install", "--quiet", wheel, cwd=environment)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A working directory that has nothing to do with the project."""
    return tmp_path


def data_files(source: Path) -> set[str]:
    """The files of the packages that are not Python code."""
    return {
        path.relative_to(source).as_posix()
        for package in PACKAGES
        for path in (source / package).rglob("*")
        if path.is_file() and path.suffix not in NOT_DATA
    }


def test_every_data_file_of_the_packages_is_in_the_wheel(scripts: Path, elsewhere: Path) -> None:
    installed = json.loads(run(scripts / "python", "-c", WALK, *PACKAGES, cwd=elsewhere))
    assert data_files(SOURCE) <= set(installed)


def test_the_command_tells_its_version(wheel: Path, scripts: Path, elsewhere: Path) -> None:
    version = wheel.name.split("-")[1]
    assert version in run(scripts / "thawbench", "--version", cwd=elsewhere)


def test_the_command_describes_a_state_file(scripts: Path, elsewhere: Path) -> None:
    golden = SOURCE / "tests" / "golden" / "squib-0.2" / "13-realistic-one-vcpu.snap"
    shutil.copy(golden, elsewhere / "guest.snap")
    assert "5.0.0" in run(scripts / "thawbench", "describe", "guest.snap", cwd=elsewhere)


def test_every_guest_program_loads(scripts: Path, elsewhere: Path) -> None:
    run(scripts / "python", "-c", FIRMWARE, cwd=elsewhere)


def test_the_demo_runs(scripts: Path, elsewhere: Path) -> None:
    assert run(scripts / "thawbench", "demo", cwd=elsewhere)
