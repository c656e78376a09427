"""Modules are put into an archive in an order in which they can be loaded."""

from __future__ import annotations

import lzma
from itertools import permutations

import pytest

from tests.linux import modules


def module(*depends: str) -> bytes:
    """A file with a `.modinfo` of these dependencies; the rest does not matter here."""
    return b"\x7fELF\0license=GPL\0depends=" + ",".join(depends).encode() + b"\0intree=Y\0"


NET = module("virtio_ring", "virtio", "net_failover")
FILES = {
    "virtio_net": NET,
    "net_failover": module("failover"),
    "failover": module(),
    "virtio": module(),
}


@pytest.mark.parametrize("names", list(permutations(FILES)))
def test_each_comes_after_those_that_it_depends_on(names: tuple[str, ...]) -> None:
    """However they are listed; `virtio_ring` has no file: it is built in. Always the same order."""
    assert modules.in_order({name: FILES[name] for name in names}) == [
        "failover", "virtio", "net_failover", "virtio_net",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("./lib/modules/6.1/kernel/drivers/block/virtio_blk.ko", True),
        ("./usr/lib/modules/6.12/kernel/drivers/char/hw_random/virtio-rng.ko.xz", True),
        ("./lib/modules/6.1/kernel/drivers/virtio/", False),
        ("./lib/modules/6.1/kernel/drivers/net/dummy.ko", False),
        ("./usr/share/doc/virtio.ko.html", False),
    ],
)
def test_files_are_known_by_their_names(path: str, expected: bool) -> None:
    assert modules.is_wanted(path) == expected


def test_the_archive_has_them_unpacked_and_their_order() -> None:
    """A kernel knows `virtio-rng.ko` as `virtio_rng`, and busybox loads nothing that is packed."""
    archive = modules.archive(
        [("a/virtio-rng.ko.xz", lzma.compress(module("virtio"))), ("b/virtio.ko", module())]
    )
    assert f"{modules.ORDER}\0".encode() in archive
    assert b"virtio.ko\nvirtio_rng.ko\n" in archive
    assert f"{modules.FOLDER}/virtio_rng.ko\0".encode() in archive
    assert module("virtio") in archive
