"""Save and restore plans: lists of named steps with arguments.

A plan is data, so that it can be written to a TOML file, read back, permuted, cut and replayed:

    [[step]]
    name = "set-gic-state"
    foreign = "reset"

Steps are functions registered under a name, here or by an entry point of the group
`thawbench.save_steps` or `thawbench.restore_steps`.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

import tomli_w

from emu.errors import PlanError

Argument = str | int | bool
"""What a step may be given: it must survive TOML."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan, by name, with its keyword arguments."""

    name: str
    arguments: Mapping[str, Argument] = field(default_factory=dict)

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.name}({arguments})" if arguments else self.name


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they are carried out."""

    steps: tuple[Step, ...]

    @classmethod
    def of(cls, *names: str) -> Plan:
        """The plan of these steps, without arguments."""
        return cls(tuple(Step(name) for name in names))

    def without(self, *names: str) -> Plan:
        """The plan less the steps of these names.

        Raises:
            PlanError: it has no such step.
        """
        for name in names:
            self._require(name)
        return Plan(tuple(step for step in self.steps if step.name not in names))

    def with_arguments(self, name: str, **arguments: Argument) -> Plan:
        """The plan with arguments added to a step.

        Raises:
            PlanError: it has no such step.
        """
        self._require(name)
        return Plan(
            tuple(
                replace(step, arguments={**step.arguments, **arguments})
                if step.name == name
                else step
                for step in self.steps
            )
        )

    def moved(self, name: str, *, before: str) -> Plan:
        """The plan with one step moved to just before another one.

        Raises:
            PlanError: it has no such steps, or they are the same.
        """
        self._require(name)
        self._require(before)
        if name == before:
            raise PlanError(f"step {name!r} can't be moved before itself")
        moving = tuple(step for step in self.steps if step.name == name)
        rest = [step for step in self.steps if step.name != name]
        at = next(i for i, step in enumerate(rest) if step.name == before)
        return Plan((*rest[:at], *moving, *rest[at:]))

    def to_toml(self) -> str:
        """The plan as a TOML document."""
        return tomli_w.dumps({"step": [{"name": s.name, **s.arguments} for s in self.steps]})

    @classmethod
    def from_toml(cls, text: str) -> Plan:
        """The plan of a TOML document.

        Raises:
            PlanError: it is no such document.
        """
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise PlanError(f"a plan is a TOML file: {error}") from None
        return cls(tuple(_steps_of(document)))

    def _require(self, name: str) -> None:
        if all(step.name != name for step in self.steps):
            have = ", ".join(step.name for step in self.steps)
            raise PlanError(f"the plan has no step {name!r}; it has {have}")


def _steps_of(document: Mapping[str, Any]) -> Iterator[Step]:
    tables = document.get("step")
    if set(document) != {"step"} or not isinstance(tables, list):
        raise PlanError(f"a plan is a list of [[step]] tables; found the keys {sorted(document)}")
    for index, table in enumerate(tables):
        name = table.get("name") if isinstance(table, dict) else None
        if not isinstance(name, str):
            raise PlanError(f"step {index}: a [[step]] table has a name, which is a string")
        arguments = {key: value for key, value in table.items() if key != "name"}
        for key, value in arguments.items():
            if not isinstance(value, Argument):
                raise PlanError(f"step {index} ({name}): {key} is no string, integer or boolean")
        yield Step(name, arguments)


C = TypeVar("C")


class StepRegistry(Generic[C]):
    """The steps of one kind of plan, which all work on a context of type `C`.

    Args:
        kind: "save" or "restore", for messages and for the entry point group.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._steps: dict[str, Callable[..., None]] = {}

    def register(self, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Decorator: make a function the step called `name`."""

        def keep(function: Callable[..., None]) -> Callable[..., None]:
            self._steps[name] = function
            return function

        return keep

    def names(self) -> list[str]:
        """The steps registered so far, sorted."""
        return sorted(self._steps)

    def bind(self, plan: Plan) -> list[tuple[Step, Callable[[C], None]]]:
        """Each step of `plan` with the function that carries it out, none of which is called yet.

        Raises:
            PlanError: there is no such step, it can't be loaded, or it does not take these
                arguments.
        """
        return [(step, self._bind(step)) for step in plan.steps]

    def _bind(self, step: Step) -> Callable[[C], None]:
        function = self._find(step.name)
        try:
            inspect.signature(function).bind(None, **step.arguments)
        except TypeError as error:
            raise PlanError(f"{self.kind} step {step}: {error}") from None
        return partial(function, **step.arguments)

    def _find(self, name: str) -> Callable[..., None]:
        if name not in self._steps:
            for entry in entry_points(group=f"thawbench.{self.kind}_steps", name=name):
                self._steps[name] = _load(entry)
        if name not in self._steps:
            known = ", ".join(self.names())
            raise PlanError(f"no {self.kind} step is called {name!r}; known: {known}")
        return self._steps[name]


def _load(entry: EntryPoint) -> Callable[..., None]:
    try:
        function: Callable[..., None] = entry.load()
    except (ImportError, AttributeError) as error:
        raise PlanError(f"step {entry.name!r} can't be had from {entry.value}: {error}") from error
    return function
