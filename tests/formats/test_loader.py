"""Loaders as data: which checks are made, and what is made of those that fail."""

from __future__ import annotations

import pytest

from emu.errors import IncompatibleError, MagicError, TooShortError, VersionError
from emu.formats import checks, squib
from emu.formats.loader import Check, Loading, Part, checks_of_values, problems


def failing(
    error: str, *, needs: Part = "data", decodes: bool = False, final: bool = False
) -> Check:
    def run(loading: Loading) -> None:
        raise TooShortError(error)

    return Check("passes", error, run, needs, decodes, final)


def names(loader: tuple[Check, ...], loading: Loading) -> list[str | None]:
    return [problem.loader_error for problem in problems(loader, loading)]


def test_problems_come_in_the_order_of_the_checks() -> None:
    assert names((failing("one"), failing("two")), Loading(b"")) == ["one", "two"]


def test_nothing_comes_after_a_final_problem() -> None:
    assert names((failing("one", final=True), failing("two")), Loading(b"")) == ["one"]


def test_a_check_is_not_made_without_what_it_needs() -> None:
    loader = (failing("header", needs="header"), failing("state", needs="state"))
    assert names(loader, Loading(b"")) == []
    assert names(loader, Loading(b"", state=1)) == ["state"]
    assert names(loader, Loading(b"", header=1, state=1)) == ["header", "state"]


def test_an_error_that_is_no_refusal_gets_through() -> None:
    def run(loading: Loading) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        names((Check("passes", "error", run),), Loading(b""))


def test_checks_of_values_neither_read_bytes_nor_decode() -> None:
    kept = checks.state("is right", "wrong", lambda state: None)
    decoding = failing("decodes", needs="header", decodes=True)
    assert checks_of_values((failing("bytes"), decoding, kept)) == (kept,)


# --- checks ------------------------------------------------------------------------------------


def run_on_state(check: Check, state: object) -> None:
    check.run(Loading(b"", state=state))


def test_a_state_that_meets_a_condition_passes() -> None:
    check = checks.state("is 1", "NotOne", lambda state: None if state == 1 else f"{state}!")
    run_on_state(check, 1)
    with pytest.raises(IncompatibleError, match="2!"):
        run_on_state(check, 2)


def test_of_several_faults_the_first_is_told() -> None:
    check = checks.faultless("has none", "Fault", iter)
    run_on_state(check, [])
    with pytest.raises(IncompatibleError, match=r"^one$"):
        run_on_state(check, ["one", "two"])


@pytest.mark.parametrize(
    ("reads", "found", "expected"),
    [
        ("5.2.0", "5.2.0", True),
        ("5.2.0", "5.0.7", True),
        ("5.2.0", "5.2.9", True),
        ("5.2.0", "5.3.0", False),
        ("5.2.0", "4.2.0", False),
        ("5.2.0", "6.0.0", False),
        ("5.2.0", "5.1.0-rc.1+build", True),
        ("5.2.0", "5.2", False),
        ("5.2.0", "", False),
    ],
)
def test_a_version_is_taken_with_the_same_major_and_no_newer_minor(
    reads: str, found: str, expected: bool
) -> None:
    assert checks.covers(reads, found) == expected


def header(magic: int = 0, version: str = "1.0.0") -> Loading:
    return Loading(b"", header=squib.SnapshotHdr(magic, version))


def test_the_wrong_version_is_told_with_who_writes_the_right_one() -> None:
    check = checks.version("9.0.0", "Acme 2", "Version")
    check.run(header(version="9.0.4"))
    with pytest.raises(VersionError, match=r"'1\.0\.0'; expected 9\.0\.x, which Acme 2 writes"):
        check.run(header())


def test_a_known_magic_number_is_told_with_its_architecture() -> None:
    check = checks.magic("Magic")
    with pytest.raises(MagicError, match="0x0710198486640000, an x86_64 snapshot"):
        check.run(header(0x0710_1984_8664_0000))
    with pytest.raises(MagicError, match="is 0x0000000000000001; expected"):
        check.run(header(1))
