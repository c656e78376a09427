"""Builds the oracle with cargo, which does so once for all processes and runs."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

CRATE = Path(__file__).parent


class UnavailableError(Exception):
    """The oracle can't be built here: what it takes is missing."""


def executable() -> Path:
    """The oracle's executable, up to date.

    Build products are kept in `CARGO_TARGET_DIR` if it is set, otherwise in the system's directory
    for temporary files. Cargo locks that directory, and has little to do if it is full.

    Raises:
        UnavailableError: cargo is missing or too old, or has no way to the crates.
        RuntimeError: the crate does not compile.
    """
    _require_rust()
    fetched = _cargo("fetch")
    if fetched.returncode:
        raise UnavailableError(f"cargo can't get the crates: {_last_line(fetched.stderr)}")
    built = _cargo("build", "--release", "--offline", "--message-format=json-render-diagnostics")
    if built.returncode:
        raise RuntimeError(built.stderr)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return next(Path(message["executable"]) for message in messages if message.get("executable"))


def _require_rust() -> None:
    if shutil.which("cargo") is None:
        raise UnavailableError("there is no cargo in PATH")
    least = tomllib.loads((CRATE / "Cargo.toml").read_text("utf-8"))["package"]["rust-version"]
    done = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"rustc (\d+)\.(\d+)", done.stdout)
    if found is None:
        raise UnavailableError(f"rustc does not run: {_last_line(done.stderr)}")
    if tuple(map(int, found.groups())) < tuple(map(int, least.split("."))):
        raise UnavailableError(f"{done.stdout.strip()} is too old; the crates want {least}")


def _cargo(command: str, *options: str) -> subprocess.CompletedProcess[str]:
    target = Path(tempfile.gettempdir(), f"thawbench-oracle-of-{getpass.getuser()}")
    environment = {"CARGO_TARGET_DIR": str(target), "CARGO_NET_RETRY": "1", **os.environ}
    return subprocess.run(
        ["cargo", command, "--quiet", *options],
        cwd=CRATE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1].strip()
