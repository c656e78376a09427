"""The page on conformance has the table of tests as they are run."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.cases import BOARDS, CASES, COMMIT, Case, Verdict
from tests.conformance.images import VARIABLE

TEXT = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
HEADINGS = ("test", "image", "arguments", "vCPUs", *BOARDS, "QEMU", "")


def table() -> str:
    """All tests, as the page has them."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *map(row, CASES)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows).replace(" --- ", "---")


def row(case: Case) -> tuple[str, ...]:
    arguments = f"`{case.arguments}`" if case.arguments else ""
    verdicts = (case.verdict(board) for board in BOARDS)
    return (
        case.name,
        case.image,
        arguments,
        str(case.vcpus),
        *(verdict.name.lower() for verdict in verdicts),
        "" if case.qemu is None else case.qemu.name.lower(),
        case.why,
    )


def test_the_page_has_every_test() -> None:
    """`table()` is the text to put there."""
    assert table() in TEXT


def test_the_page_says_what_was_built_and_how_it_is_run() -> None:
    assert COMMIT in TEXT
    assert VARIABLE in TEXT


def test_what_does_not_pass_has_a_reason() -> None:
    for case in CASES:
        verdicts = {*(case.verdict(board) for board in BOARDS), case.qemu}
        assert verdicts == {Verdict.PASS} or case.why, case.name


def test_every_test_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
