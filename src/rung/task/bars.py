"""What a bar may ask: `where`, `metric` and `cost` against each other, against its scorer, and against the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from rung import plugins
from rung.errors import UserError, did_you_mean
from rung.types import Bar, Example
from rung.verify.bars import Measure
from rung.verify.metrics import METRICS, NONE, OF_SETS
from rung.verify.scoring import BoundScorer, scorer_settings
from rung.verify.where import ANSWER, OWN, strangers, tests_of

if TYPE_CHECKING:
    from rung.task.keys import BarSpec

SEVERAL_ANSWERS = (
    "it is known here only where a model weighs every choice of a closed set (scorer 'choice'): for free answers it needs several "
    "sampled ones a row, and the gate asks once"
)


def bar_problem(spec: BarSpec) -> str | None:
    """What is wrong with a bar's own keys, told one against the other; None where nothing is."""
    return next((problem for found in (_cost_faults, _line_faults, _metric_faults) for problem in found(spec)), None)


def _cost_faults(spec: BarSpec) -> Iterator[str]:
    if not spec.cost:
        return
    if spec.metric:
        yield "'cost' and 'metric' are two bars: write a guard for one of them"
    if spec.at_most is None:
        yield "a 'cost' is a bar of the kind 'at_most': cost: {spam->ham: 1, ham->spam: 20}, at_most: .5"
    dearest = max(spec.cost.values())
    if not dearest:
        yield "every 'cost' is 0"
    if spec.at_most is not None and spec.at_most >= dearest:
        yield f"'at_most' is {spec.at_most:g}, and no error costs more than {dearest:g}: nothing could fail this bar"


def _line_faults(spec: BarSpec) -> Iterator[str]:
    if spec.at_most is not None and not spec.cost and spec.at_most >= 1:
        yield f"'at_most' is {spec.at_most:g}, and what it is on lies within 0 and 1: nothing could fail this bar"
    if _relative(spec) and ANSWER in (spec.where or {}):
        yield "'where: answer' and a comparison do not go together: the two candidates answer so on different rows. Use 'at_least'"
    stray = [name for name in ("of", "k") if getattr(spec, name) is not None and not spec.metric]
    if stray:
        yield f"'{stray[0]}' belongs to 'metric'"


def _relative(spec: BarSpec) -> bool:
    return bool(spec.better_than or spec.not_worse_than)


def _setting_with(scorer: str, value: str) -> str | None:
    """The scorer's own setting that takes this word; None where none does, or there is no such scorer."""
    fields = scorer_settings(scorer).model_fields if scorer in plugins.names("scorers") else {}
    return next((name for name, field in fields.items() if value in get_args(field.annotation)), None)


def _metric_faults(spec: BarSpec) -> Iterator[str]:
    name = spec.metric
    if not name:
        return
    if name not in METRICS:
        meant = _setting_with(spec.scorer, name)
        yield f"no metric is called '{name}'. {f'Did you mean {meant}: {name}?' if meant else did_you_mean(name, METRICS)}"
        return
    metric = METRICS[name]
    kind, one = "'at_most'" if metric.most else "'at_least'", metric.needs == "one class"
    if _relative(spec) and name != "recall":
        yield (
            f"'{name}' has no bound here on the difference of two candidates: 'better_than' and 'not_worse_than' compare mean "
            f"scores, over all rows or 'where', and recalls. Use {kind}"
        )
    if not _relative(spec) and metric.most != (spec.at_most is not None):
        yield f"a bar on '{name}' is of the kind {kind}{': the less, the better' if metric.most else ''}"
    if ANSWER in (spec.where or {}):
        yield f"'where: answer' and '{name}' do not go together: 'where' may name a target or a column"
    if one and spec.of is None:
        yield f"'{name}' is of one class: say which, such as of: spam"
    if spec.of is not None and not one:
        yield f"'of' does not belong to '{name}', which is of all classes"
    if (name == "pass_at_k") != (spec.k is not None):
        yield "'pass_at_k' and 'k' belong together: metric: pass_at_k, k: 5"


def fields_of(spec: BarSpec) -> dict[str, Any]:
    """A bar's fields as the file says them; what it does not say is left out."""
    return {key: value for key, value in spec if key != "scorer" and value is not None}


def scorer_problems(bar: Bar, scorer: BoundScorer) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) with a bar, by its scorer alone, before any row is read."""
    try:
        tests_of(bar.where)
    except UserError as error:
        yield "where", f"{error.problem}. {error.hint}"
    needed = [key for key, used in (("metric", bar.metric), ("cost", bar.cost), ("where", ANSWER in bar.where)) if used]
    if needed and not scorer.labels and not (scorer.several and bar.metric == OF_SETS and needed == ["metric"]):
        if scorer.several and bar.metric:
            yield "metric", f"'{bar.metric}' is of answers that are one label, and those of '{bar.scorer}' are several: {OF_SETS}"
            return
        known = [name for name in plugins.names("scorers") if hasattr(plugins.load("scorers", name), "label")]
        of = {"metric": f"'{bar.metric}'", "cost": "a cost", "where": "'where: answer'"}[needed[0]]
        why = SEVERAL_ANSWERS if bar.metric == "pass_at_k" else f"{of} needs the label that an answer was read as"
        yield needed[0], f"{why}, which the scorer '{bar.scorer}' does not say. Those that do: {', '.join(known)}"


def refuse_bars(measures: Sequence[Measure], examples: Sequence[Example]) -> list[tuple[str, str, str]]:
    """(bar, key, what is wrong) with bars against the rows: classes that there are not, rows that there are none of."""
    return [(measure.bar.name, *problem) for measure in measures for problem in _against_rows(measure, examples)]


def _against_rows(measure: Measure, examples: Sequence[Example]) -> Iterator[tuple[str, str]]:
    bar, classes = measure.bar, measure.scorer.classes(examples)
    needed = METRICS[bar.metric].needs if bar.metric else "classes" if bar.cost else ""
    if needed in ("classes", "one class", "probabilities") and not (classes or measure.scorer.several):
        what = f"'{bar.metric}'" if bar.metric else "a cost"
        why = SEVERAL_ANSWERS if bar.metric == "pass_at_k" else "the targets are no closed set of labels"
        yield "metric" if bar.metric else "cost", f"{what} needs classes, and {why}"
        return
    if bar.of and bar.of not in classes:
        yield "of", f"no row has the target '{bar.of}'. {did_you_mean(bar.of, classes)}"
        return
    for own in OWN:
        strange = strangers(bar.where[own], classes) if own in bar.where and classes else []
        for value in strange:
            yield "where", f"where.{own}: no row has the target '{value}'. {did_you_mean(value, classes)}"
        if strange:
            return
    yield from (("cost", problem) for problem in _cost_problems(bar.cost, classes))
    if bar.metric == "spearman":
        yield from _number_problems(measure, examples)
    if not bar.plain and not any(measure.is_about(row) for row in examples if row.split == "test"):
        yield "where" if bar.where else "of", "no row of the test split is among those that this bar is about"


def _cost_problems(cost: Mapping[str, float], classes: Sequence[str]) -> Iterator[str]:
    """Pairs that are none, and classes that there are not."""
    for pair in cost:
        ends = [(left.strip(), right.strip()) for left, right in _ways(pair)]
        if not ends:
            yield f"'{pair}' is no error: write target->answer, such as {classes[0]}->{classes[-1]}"
            continue
        known = [(target, answer) for target, answer in ends if target in (*classes, "*") and answer in (*classes, "*", NONE)]
        if len(known) != 1:
            target, answer = ends[0]
            strange = target if target not in (*classes, "*") else answer
            yield f"'{pair}': no row has the target '{strange}'. {did_you_mean(strange, (*classes, NONE))}"
        elif known[0][0] == known[0][1] != "*" and cost[pair]:
            yield f"'{pair}' is no error: a right answer costs nothing"


def _ways(pair: str) -> Iterator[tuple[str, str]]:
    """Every way to read `target->answer`: a label may have an arrow in it."""
    parts = pair.split("->")
    return ((("->".join(parts[:at])), "->".join(parts[at:])) for at in range(1, len(parts)))


def named_costs(cost: Mapping[str, float], classes: Sequence[str]) -> dict[str, float]:
    """The costs under the names by which they are looked up: no white space about the arrow."""
    ends = {pair: [(left.strip(), right.strip()) for left, right in _ways(pair)] for pair in cost}
    chosen = {pair: next(((t, a) for t, a in ways if t in (*classes, "*")), ways[0]) for pair, ways in ends.items()}
    return {f"{target}->{answer}": cost[pair] for pair, (target, answer) in chosen.items()}


def _number_problems(measure: Measure, examples: Sequence[Example]) -> Iterator[tuple[str, str]]:
    labels = [(row, measure.scorer.target_label(row)) for row in examples]
    odd = next(((row, label) for row, label in labels if label is None or not _is_number(label)), None)
    if odd:
        yield "metric", f"'spearman' needs numbers, and the target of {odd[0].source or odd[0].id} is {odd[1]!r}"


def _is_number(text: str) -> bool:
    from rung.data.read.where import number

    return number(text) is not None
