"""squib's state files against the crate squib-snapshot: its types, its encoder, its loader."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.formats import envelope, squib
from emu.formats.envelope import CRC_SIZE_BYTES, MAGIC_AARCH64, MAGIC_X86_64
from emu.formats.squib import FORMAT, Snapshot
from emu.wire import jsonvalue
from tests.oracle.client import Oracle
from tests.oracle.mutate import mutations
from tests.oracle.samples import sample

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "squib-0.2").glob("*.snap"))

# Damaged forms of one file.
MUTATIONS = 12

EXAMPLES_MAX = settings().max_examples

seeds = st.integers(0, (1 << 32) - 1)
golden = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)


def assert_same_verdict(oracle: Oracle, data: bytes) -> str:
    """Fail unless both loaders say the same of a file, and read the same; gives the verdict."""
    theirs = oracle.squib_load(data)
    problem = FORMAT.verdict(data).problem
    assert ("Ok" if problem is None else problem.loader_error) == theirs.verdict, data.hex()
    if theirs.value is not None:
        assert jsonvalue.to_json(Snapshot, squib.decode(data)) == theirs.value
    return theirs.verdict


@given(seed=seeds)
def test_a_value_has_the_file_that_squib_writes(oracle: Oracle, seed: int) -> None:
    """The value goes there as JSON, so its JSON is that of serde_json as well."""
    snapshot: Snapshot = sample(FORMAT.schema, Random(seed))
    data = squib.encode(snapshot)
    assert data == oracle.squib_save(jsonvalue.to_json(Snapshot, snapshot))
    assert_same_verdict(oracle, data)


@golden
@settings(max_examples=EXAMPLES_MAX // 5)
@given(seed=seeds)
def test_a_damaged_file_has_the_verdict_of_squib(oracle: Oracle, path: Path, seed: int) -> None:
    """With the checksum as it was, so that it is wrong, and with the checksum put right."""
    data = path.read_bytes()
    random = Random(seed)
    for mutated in mutations(data, random, MUTATIONS // 4):
        assert_same_verdict(oracle, mutated)
    for mutated in mutations(envelope.body(data), random, MUTATIONS):
        assert_same_verdict(oracle, envelope.seal(mutated))


VERSIONS = ("5.0.0", "5.0.999", "5.0.0-rc.1", "5.1.0", "4.0.0", "6.0.0", "0.0.0")
MAGICS = (MAGIC_AARCH64, MAGIC_X86_64, 0)
# For each a number of vCPUs, whether there is SMT, the GIC's length, and how far off it says it is.
SHAPES = ((1, False, 8, 0), (0, False, 8, 0), (33, False, 8, 0), (32, False, 8, 0),
          (1, True, 8, 0), (1, False, 0, 0), (1, False, 8, 1), (1, False, 8, 1 << 32))  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("magic", MAGICS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_check_is_made_in_the_order_of_squib(
    oracle: Oracle, version: str, magic: int, shape: tuple[int, bool, int, int]
) -> None:
    """All pairs of faults, of which the loader names the first."""
    vcpus, smt, gic_size_bytes, gic_error = shape
    snapshot = squib.decode(GOLDEN[12].read_bytes())
    snapshot.header = squib.SnapshotHdr(magic, version)
    snapshot.data.vcpu_states = snapshot.data.vcpu_states[:1] * vcpus
    snapshot.data.vm_info.smt = smt
    gic = bytes(gic_size_bytes)
    snapshot.data.gic_state = squib.GicState(gic_size_bytes + gic_error, gic)
    assert_same_verdict(oracle, squib.encode(snapshot))


SIZES = (0, 1, 7, 8, 9, 15, squib.MAX_STATE_SIZE_BYTES, squib.MAX_STATE_SIZE_BYTES + 1)


@pytest.mark.parametrize("size_bytes", SIZES)
def test_a_file_of_zeros_has_the_verdict_of_squib(oracle: Oracle, size_bytes: int) -> None:
    """The checksum of zeros is zero."""
    assert_same_verdict(oracle, bytes(size_bytes))


def test_each_verdict_comes_up(oracle: Oracle) -> None:
    """The comparison above is worth something: every error of the loader is among the cases."""
    data = GOLDEN[12].read_bytes()
    wrong_magic = squib.decode(data)
    wrong_magic.header.magic = MAGIC_X86_64
    wrong_version = squib.decode(data)
    wrong_version.header.version = "6.0.0"
    cases = [
        data,
        bytes(squib.MAX_STATE_SIZE_BYTES + 1),
        bytes(CRC_SIZE_BYTES - 1),
        data[:-1] + bytes([data[-1] ^ 1]),
        envelope.seal(b"\xff"),
        squib.encode(wrong_magic),
        squib.encode(wrong_version),
        GOLDEN[0].read_bytes(),
    ]
    names = {"Ok", *(check.loader_error for check in squib.LOADER)}
    assert {assert_same_verdict(oracle, case) for case in cases} == names
