"""Images and sources agree, and the build says so when they don't."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import firmware
from emu.errors import FirmwareError
from firmware import build

TOOLCHAINS = {toolchain.name: toolchain for toolchain in build.TOOLCHAINS}
ANY = next((each for each in build.TOOLCHAINS if each.command()), None)

needs_assembler = pytest.mark.skipif(ANY is None, reason="no assembler for A64 is on PATH")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A copy of the checked-in images."""
    return Path(shutil.copytree(build.IMAGES, tmp_path / "images"))


@pytest.fixture
def toolchain() -> build.Toolchain:
    return build.find_toolchain()


def write_source(folder: Path, text: str) -> Path:
    source = folder / "guest.s"
    source.write_text(text)
    return source


@pytest.mark.parametrize("name", sorted(TOOLCHAINS))
def test_images_match_their_sources(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not TOOLCHAINS[name].command():
        pytest.skip(f"{name}: none of {', '.join(TOOLCHAINS[name].commands)} is on PATH")
    assert build.main(["--check", "--toolchain", name]) == 0
    assert capsys.readouterr().out == ""


def test_every_source_has_an_image() -> None:
    assert sorted(path.stem for path in build.SOURCES.glob("*.s")) == firmware.names()


@needs_assembler
def test_check_tells_each_difference_and_writes_nothing(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = bytearray((images / "quiet.bin").read_bytes())
    image[0x123] ^= 1
    (images / "quiet.bin").write_bytes(image)
    (images / "heartbeat.json").unlink()
    (images / "stray.bin").write_bytes(b"")
    assert build.main(["--check"], images) == 1
    heartbeat, quiet, stray = capsys.readouterr().out.splitlines()
    assert heartbeat == "heartbeat.json: missing"
    assert quiet.startswith("quiet.bin: ")
    assert quiet.endswith("from byte 0x123 on")
    assert stray == "stray.bin: has no source"
    assert (images / "quiet.bin").read_bytes() == image
    assert not (images / "heartbeat.json").exists()


@needs_assembler
def test_build_restores_what_differs(images: Path) -> None:
    (images / "quiet.bin").write_bytes(b"damaged")
    assert build.main([], images) == 0
    assert (images / "quiet.bin").read_bytes() == firmware.load("quiet").image


def test_longer_image_differs_where_the_shorter_ends(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"1234")
    (line,) = build.differences({"a.bin": b"123456"}, tmp_path)
    assert line == "a.bin: 4 bytes, built 6; they differ from byte 0x4 on"


def test_missing_assembler_is_an_error_that_names_the_commands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build.main(["--toolchain", "gcc"], tmp_path) == 2
    assert "aarch64-linux-gnu-gcc" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@needs_assembler
def test_refused_source_is_an_error_with_the_assemblers_words(
    tmp_path: Path, toolchain: build.Toolchain
) -> None:
    with pytest.raises(FirmwareError, match=r"can't assemble guest\.s:(?s:.*)guest\.s:2:"):
        build.assemble(write_source(tmp_path, "nop\nfrobnicate x0\n"), toolchain)


@needs_assembler
def test_newer_than_armv8_0_is_refused(tmp_path: Path, toolchain: build.Toolchain) -> None:
    with pytest.raises(FirmwareError, match="can't assemble"):
        build.assemble(write_source(tmp_path, "ldadd x0, x1, [x2]\n"), toolchain)


@needs_assembler
def test_reference_to_another_file_is_refused(tmp_path: Path, toolchain: build.Toolchain) -> None:
    with pytest.raises(FirmwareError, match=r"relocations .*: 1;"):
        build.assemble(write_source(tmp_path, "b elsewhere\n"), toolchain)


@needs_assembler
def test_labels_are_relative_to_the_image(tmp_path: Path, toolchain: build.Toolchain) -> None:
    program = build.assemble(write_source(tmp_path, "first: nop\nsecond: nop\n"), toolchain)
    assert program.labels == {"first": 0, "second": 4}
    assert program.code == bytes.fromhex("1f2003d5") * 2
