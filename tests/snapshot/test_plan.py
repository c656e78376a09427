"""Plans: data that can be edited, kept in a file and refused before anything happens."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import PlanError
from emu.snapshot import RESTORE_PLAN, SAVE_PLAN, STRICT_SAVE_PLAN, Plan, Step, plan
from emu.snapshot.plan import Argument, StepRegistry

NAMES = st.text("abc-", min_size=1, max_size=6)
ARGUMENTS = st.dictionaries(
    NAMES, st.text() | st.integers(-(1 << 63), (1 << 63) - 1) | st.booleans(), max_size=3
)
PLANS = st.builds(
    Plan, st.lists(st.builds(Step, NAMES, ARGUMENTS), min_size=1, max_size=4).map(tuple)
)


def registry() -> StepRegistry[list[str]]:
    """Steps that note that they were called."""
    steps: StepRegistry[list[str]] = StepRegistry("restore")

    @steps.register("a")
    def a(done: list[str]) -> None:
        done.append("a")

    @steps.register("b")
    def b(done: list[str], times: int = 1) -> None:
        done.extend(["b"] * times)

    return steps


@given(PLANS)
def test_a_plan_survives_toml(made: Plan) -> None:
    assert Plan.from_toml(made.to_toml()) == made


@pytest.mark.parametrize("dialect_plan", [SAVE_PLAN, STRICT_SAVE_PLAN, RESTORE_PLAN])
def test_the_dialects_own_plans_survive_toml(dialect_plan: Plan) -> None:
    assert Plan.from_toml(dialect_plan.to_toml()) == dialect_plan


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found the keys []"),
        ("[[step", "a plan is a TOML file"),
        ("[step]\nname = 'a'", "list of [[step]] tables"),
        ("other = 1\n[[step]]\nname = 'a'", "['other', 'step']"),
        ("step = [1]", "step 0: a [[step]] table has a name"),
        ("[[step]]\nname = 3", "step 0"),
        ("[[step]]\nname = 'a'\n[[step]]\nforeign = 'x'", "step 1"),
        ("[[step]]\nname = 'a'\nx = 1.5", "step 0 (a): x is no string, integer or boolean"),
        ("[[step]]\nname = 'a'\nx = [1]", "x is no string"),
    ],
)
def test_what_is_no_plan_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(PlanError) as caught:
        Plan.from_toml(text)
    assert said in str(caught.value)


def test_edits_give_new_plans() -> None:
    abc = Plan.of("a", "b", "c")
    assert abc.without("b") == Plan.of("a", "c")
    assert abc.moved("c", before="a") == Plan.of("c", "a", "b")
    assert abc.moved("a", before="c") == Plan.of("b", "a", "c")
    edited = abc.with_arguments("b", x=1).with_arguments("b", y="z")
    assert edited.steps[1] == Step("b", {"x": 1, "y": "z"})
    assert abc == Plan.of("a", "b", "c")


@pytest.mark.parametrize(
    "edit",
    [
        lambda p: p.without("x"),
        lambda p: p.with_arguments("x", y=1),
        lambda p: p.moved("x", before="a"),
        lambda p: p.moved("a", before="x"),
        lambda p: p.moved("a", before="a"),
    ],
)
def test_an_edit_of_a_step_that_is_not_there_is_refused(edit: object) -> None:
    assert callable(edit)
    with pytest.raises(PlanError):
        edit(Plan.of("a", "b"))


def test_steps_are_carried_out_in_order_with_their_arguments() -> None:
    done: list[str] = []
    for _, function in registry().bind(Plan.of("b", "a").with_arguments("b", times=2)):
        function(done)
    assert done == ["b", "b", "a"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Step("c"), "no restore step is called 'c'; known: a, b"),
        (Step("a", {"times": 1}), "restore step a(times=1)"),
        (Step("b", {"time": 1}), "unexpected keyword argument 'time'"),
    ],
)
def test_a_plan_is_refused_as_a_whole(step: Step, said: str) -> None:
    """Binding calls nothing: a bad step at the end leaves nothing half done."""
    with pytest.raises(PlanError) as caught:
        registry().bind(Plan((Step("a"), step)))
    assert said in str(caught.value)


def entry_point(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Install a distribution's entry point for a step called `extra`."""
    entry = EntryPoint("extra", value, "thawbench.restore_steps")

    def find(*, group: str, name: str) -> list[EntryPoint]:
        return [entry] if (group, name) == (entry.group, entry.name) else []

    monkeypatch.setattr(plan, "entry_points", find)


def test_a_step_may_come_from_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point(monkeypatch, "builtins:print")
    ((step, function),) = registry().bind(Plan.of("extra"))
    assert step == Step("extra")
    assert callable(function)


@pytest.mark.parametrize("value", ["no_such_module:step", "builtins:no_such_function"])
def test_an_entry_point_that_can_not_be_loaded_is_a_plan_error(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    entry_point(monkeypatch, value)
    with pytest.raises(PlanError, match=value):
        registry().bind(Plan.of("extra"))


def test_a_step_is_shown_with_its_arguments() -> None:
    arguments: dict[str, Argument] = {"foreign": "reset", "times": 2}
    assert str(Step("set-gic-state", arguments)) == "set-gic-state(foreign='reset', times=2)"
    assert str(Step("quiesce")) == "quiesce"
