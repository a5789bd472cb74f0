"""A scorer plug-in bound to its settings: what the rest of Rung asks about answers and targets.

A plug-in has `Config` and `score`. It may say of itself, where it is so:

    VERBATIM = True    it wants the target and not a word beside it
    CITES = True       it looks for the passages that an answer was shown: documents are shown in the form that asks to cite them
    PROPOSED = {kind: settings}    the kinds of answers (`rung.propose.scorer`) for which `rung init` proposes it, and with what
    NEEDS = (package, install)     a package that it needs for what is proposed, and how to install it
    LISTS, WHOLE_LISTS             what targets that are lists can mean to it (`rung.verify.lists`)
    CHECKED = True     a row that passes its `check` has an ideal answer that is right: it need not be scored to know
    OPAQUE = True      only it knows what is right: ideal answers as they can be written need not be; or a function of its settings
    OF_THOUGHTS = True what it looks for must not stand in a thought either, where a reader is shown that
    TARGETLESS = True  it judges an answer to a question that nobody knows the right answer of; or a function of its settings

Its other hooks are optional, with the defaults of BoundScorer:

    render(target, config) -> str                          the ideal answer as text
    ideal(example, config) -> str                          the same, for a row whose tools or messages shape it
    propose(kind, examples) -> settings                     in place of PROPOSED[kind], where the rows' own texts decide
    because(settings) -> str                                why it proposes these settings, where there is more to say than the kind
    check(example, config) -> str | None                   why no answer could ever match this row's target
    constraint(examples, config) -> Constraint | None       what an answer may look like, in the form of Candidate.constraint
    describe(examples, config) -> str                      a sentence that tells a model the form of the answer
    closed_set(examples, config) -> tuple[str, ...] | None every answer that can be right, where they are few
    settle(examples, config, folder) -> Config             fills in, once, what the settings leave to the data or to files
    place(config, folder) -> Config                        the settings as they stand on this machine
    forbidden(examples, config) -> list[Example]           rows whose right answer the row itself forbids a model to write
    label(example, output, config) -> str | None           what label an answer was read as; None where it is none
    most_labels(config) -> int                             how many labels an answer may name at once, where it may name several
    named(example, output, config) -> frozenset[str]       then: those that it names; "" among them for what is none
    accepts(config) -> Mapping[str, str]                   near misses (`rung.verify.near_misses`) that it takes for right, and why
    harmless(config) -> tuple[str, ...]                    rewordings of an ideal answer that are right, beside ALWAYS_HARMLESS
    staged(example, config) -> Example                     a row with what an answer to it would have been shown
    columns(config) -> tuple[str, ...]                     the rows' own columns by which it judges (`Example.judged_by`)
    prepare(pairs, config) -> None                         told which answers it is about to be asked for
    program(example, config) -> str | None                 the ideal answer's code, where answers are code that is run
    work(config) -> float                                  what one score takes, in characters that others compare meanwhile
    lacking() -> str                                       what this machine lacks for it to judge by the rows' columns
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from rung import plugins
from rung.errors import UserError
from rung.parts import Constraint
from rung.reply import final_answer
from rung.types import Bar, Example, Score, Task
from rung.verify.admits import admits
from rung.verify.lists import who_scores, with_lists
from rung.verify.parse import as_text
from rung.verify.problems import Problem, problems_of

SHOWN = 60
ALWAYS_HARMLESS = ("white space", "thought before")
RIGHT = 1 - 1e-9  # what a score reaches that is right: some are sums of fractions
EVERY_KIND = "every kind"  # of near miss, for a scorer that does not look at what an answer says


@dataclass(frozen=True, kw_only=True)
class BoundScorer:
    """A scorer and its settings."""

    name: str
    module: Any
    config: Any

    @property
    def verbatim(self) -> bool:
        """Whether it wants the target and not a word beside it."""
        return bool(getattr(self.module, "VERBATIM", False))

    @property
    def cites(self) -> bool:
        """Whether it looks for the passages that an answer was shown."""
        return bool(getattr(self.module, "CITES", False))

    def score(self, example: Example, output: str) -> Score:
        """The plug-in's word on the answer in what a model wrote; a value that is not within [0, 1] counts as missing.

        Thoughts are taken off here, and nowhere else: a plug-in sees the answer alone.
        """
        answer = final_answer(output, lambda: self.ideal(example))
        score: Score = who_scores(self.module, example.target, self.config).score(example, answer, self.config)
        if score.value is None or 0.0 <= score.value <= 1.0:
            return score
        return Score(value=None, reason=f"the scorer '{self.name}' gave {score.value}, which is not within 0 and 1")

    def render(self, target: Any) -> str:
        """The ideal answer as text. Default: a text as it is, any other value as compact JSON."""
        text: str = self._hook("render", as_text)(target)
        return text

    def ideal(self, example: Example) -> str:
        """The ideal answer to a row as text. Default: its target, rendered."""
        text: str = self._hook("ideal", lambda row: self.render(row.target))(example)
        return text

    def check(self, example: Example) -> str | None:
        """Why no answer could ever match this row's target; None where one could. Default: a row needs a target.

        Whatever the plug-in says, the ideal answer must be right by its own word, as far as it can be written down.
        """
        problem: str | None = self._hook("check", missing_target)(example)
        if problem or self.opaque or example.target is None or self._checked(example):
            return problem
        return self._unideal(self.staged(example))

    def _checked(self, example: Example) -> bool:
        """Whether its own check has said all; of a list only where it looks at lists itself."""
        single = not isinstance(example.target, list | tuple)
        return bool(getattr(self.module, "CHECKED", False)) and (single or bool(getattr(self.module, "WHOLE_LISTS", ())))

    def _unideal(self, example: Example) -> str | None:
        """Why the ideal answer to a row is not scored as right; None where it is."""
        ideal = self.ideal(example)
        score = self.score(example, ideal)
        if score.value is not None and score.value >= RIGHT:
            return None
        said = "is not scored" if score.value is None else f"scores {score.value:.3g}"
        return f"its own ideal answer {_short(ideal)} {said}" + (f": {score.reason}" if score.reason else "")

    def constraint(self, examples: Sequence[Example]) -> Constraint | None:
        """The natural constraint on an answer's form, as in Candidate.constraint; None where answers are free text.

        One under which the ideal answer to one of the examples could not be written is none: it would make that row wrong for good.
        """
        constraint: Constraint | None = self._hook("constraint", lambda _: None)(examples)
        if constraint is None:
            return None
        ideals = {self.ideal(row) for row in examples if row.target is not None and self.check(row) is None}
        return constraint if all(admits(constraint, text) for text in ideals) else None

    def forbidden(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The rows whose right answer could not be written by a model that is held to what the row says of its form."""
        rows: Sequence[Example] = self._hook("forbidden", lambda _: ())(examples)
        return rows

    def describe(self, examples: Sequence[Example]) -> str:
        """A sentence or two that tell a model what form the answer must have; empty where there is nothing to say."""
        description: str = self._hook("describe", lambda _: "")(examples)
        return description

    def closed_set(self, examples: Sequence[Example]) -> tuple[str, ...] | None:
        """Every text that can be a right answer, where those are few; else None."""
        every: tuple[str, ...] | None = self._hook("closed_set", lambda _: None)(examples)
        return every

    @property
    def labels(self) -> bool:
        """Whether it says what label an answer was read as."""
        return hasattr(self.module, "label")

    def label(self, example: Example, output: str) -> str | None:
        """What label an answer was read as; None where it is none, or the scorer knows no labels."""
        if not self.labels:
            return None
        found: str | None = self.module.label(example, final_answer(output, lambda: self.ideal(example)), self.config)
        return found

    def target_label(self, example: Example) -> str | None:
        """The label of the right answer; None where the scorer knows no labels."""
        return self.label(example, self.ideal(example)) if self.labels else None

    @property
    def several(self) -> bool:
        """Whether an answer may name several labels."""
        return hasattr(self.module, "named")

    @property
    def most_labels(self) -> int:
        """How many labels an answer may name at once."""
        most: int = self.module.most_labels(self.config) if self.several else 1
        return most

    def named(self, example: Example, output: str) -> frozenset[str]:
        """The labels that an answer names, "" among them for what is none; at most one where answers are one label."""
        if self.several:
            found: frozenset[str] = self.module.named(example, final_answer(output, lambda: self.ideal(example)), self.config)
            return found
        label = self.label(example, output)
        return frozenset() if label is None else frozenset([label])

    def classes(self, examples: Sequence[Example]) -> tuple[str, ...]:
        """Every label that can be right, sorted; empty where the answers are no closed set of labels."""
        if not self.labels or self.closed_set(examples) is None:
            return ()
        return tuple(sorted({label for row in examples if (label := self.target_label(row)) is not None}))

    @property
    def accepts(self) -> Mapping[str, str]:
        """The kinds of near misses that it takes for right by its design, and why."""
        kinds: Mapping[str, str] = self.module.accepts(self.config) if hasattr(self.module, "accepts") else {}
        return kinds

    @property
    def harmless(self) -> tuple[str, ...]:
        """The rewordings of an ideal answer that it takes for right."""
        more: tuple[str, ...] = self.module.harmless(self.config) if hasattr(self.module, "harmless") else ()
        return (*ALWAYS_HARMLESS, *more)

    @property
    def opaque(self) -> bool:
        """Whether only the scorer knows what is right."""
        return self._says("OPAQUE")

    @property
    def needs_target(self) -> bool:
        """Whether it compares with what is right: one that does not can judge answers on the line, where nobody knows that."""
        return not self._says("TARGETLESS")

    @property
    def of_thoughts(self) -> bool:
        """Whether what it looks for must not stand in what was thought either."""
        return self._says("OF_THOUGHTS")

    def _says(self, word: str) -> bool:
        said = getattr(self.module, word, False)
        return bool(said(self.config) if callable(said) else said)

    @property
    def columns(self) -> tuple[str, ...]:
        """The rows' own columns by which it judges."""
        named: tuple[str, ...] = self.module.columns(self.config) if hasattr(self.module, "columns") else ()
        return named

    def prepare(self, answers: Sequence[tuple[Example, str]]) -> None:
        """Told which answers it is about to be asked for, it does at once what it can. Changes no score."""
        if hasattr(self.module, "prepare"):
            self.module.prepare([(row, final_answer(said, partial(self.ideal, row))) for row, said in answers], self.config)

    def prepare_ideals(self, examples: Sequence[Example]) -> None:
        """As `prepare`, of the ideal answers."""
        if hasattr(self.module, "prepare"):
            self.prepare([(row, self.ideal(row)) for row in map(self.staged, examples) if row.target is not None])

    @property
    def work(self) -> float:
        """What one score takes at least, in characters of an answer times those of its target that others compare meanwhile."""
        least: float = self.module.work(self.config) if hasattr(self.module, "work") else 0.0
        return least

    def program(self, example: Example) -> str | None:
        """The ideal answer's code, where answers are code that is run."""
        code: str | None = self.module.program(example, self.config) if hasattr(self.module, "program") else None
        return code

    def staged(self, example: Example) -> Example:
        """The row with what an answer to it would have been shown. Default: nothing."""
        row: Example = self._hook("staged", lambda same: same)(example)
        return row

    def settle(self, examples: Sequence[Example], folder: Path) -> BoundScorer:
        """This scorer with everything that its settings left open (choices, schema, a file's digest) taken from the data."""
        if not hasattr(self.module, "settle"):
            return self
        return replace(self, config=self.module.settle(examples, self.config, folder))

    def settings(self) -> dict[str, Any]:
        """The settings as plain JSON, defaults written out, for Bar.config."""
        written: dict[str, Any] = self.config.model_dump(mode="json", by_alias=True)
        # Left out where nothing is said, so that tasks without lists keep the digest that they had before there could be any.
        return {key: value for key, value in written.items() if key != "match" or value is not None}

    def _hook(self, name: str, default: Any) -> Any:
        hook = getattr(self.module, name, None)
        return (lambda value: hook(value, self.config)) if hook else default


def bind(bar: Bar, folder: Path | None = None) -> BoundScorer:
    """The scorer of a bar. `folder` is the task file's, against which paths in the settings are read.

    Raises UserError where there is no such scorer or its settings are wrong.
    """
    # Not canonical JSON: the order of a schema's keys is the order in which a constrained answer writes them.
    return _bound(bar.scorer, json.dumps(bar.config), folder)


@lru_cache(maxsize=64)
def _bound(name: str, settings: str, folder: Path | None) -> BoundScorer:
    scorer, problems = read_settings(name, json.loads(settings))
    if scorer is None:
        raise UserError("; ".join(problem.text for problem in problems), where=f"scorer '{name}'")
    if folder is None or not hasattr(scorer.module, "place"):
        return scorer
    return replace(scorer, config=scorer.module.place(scorer.config, folder))


def scorer_of(task: Task, bar: Bar | None = None) -> BoundScorer:
    """The scorer of one of a task's bars (`quality` where none is given), its paths read against the task file."""
    return bind(bar or task.quality, Path(task.path).parent if task.path else None)


def target_text(task: Task, example: Example) -> str:
    """The ideal answer to an example as text, for demonstrations and training. Raises UserError where it has no target."""
    if example.target is None:
        raise UserError("this row has no target to learn from", where=example.source, hint="Give it one, or keep it out of train.")
    return scorer_of(task).ideal(example)


def searched_texts(task: Task, example: Example) -> tuple[tuple[str, ...], bool]:
    """(the texts to look for in documents, whether all of them are wanted); empty where the row has no target.

    Of a list that says what it means each item is looked for by itself: joined they stand nowhere.
    """
    if example.target is None:
        return (), False
    match = getattr(scorer_of(task).config, "match", None)
    if match and isinstance(example.target, list | tuple):
        return tuple(filter(None, (as_text(item).strip() for item in example.target))), match != "any"
    return (target_text(task, example),), False


def scorer_settings(name: str) -> Any:
    """The pydantic model of a scorer's settings. Raises UserError where no scorer has that name."""
    return plugins.load("scorers", name).Config


def read_settings(
    name: str, settings: Mapping[str, Any], also_known: tuple[str, ...] = ()
) -> tuple[BoundScorer | None, list[Problem]]:
    """The scorer called `name` under `settings`, or every problem with them. Raises UserError where no scorer has that name."""
    from pydantic import ValidationError

    module = with_lists(plugins.load("scorers", name))
    try:
        return BoundScorer(name=name, module=module, config=module.Config.model_validate(dict(settings))), []
    except ValidationError as error:
        return None, problems_of(error, module.Config, also_known)


def _short(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def missing_target(example: Example) -> str | None:
    """Says so where a row has no target."""
    if example.target is None or (isinstance(example.target, float) and math.isnan(example.target)):
        return "the row has no target"
    return None
