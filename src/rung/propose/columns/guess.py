"""Which columns are the question, which the answer, and which rows belong together; why, and what else it could have been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rung.data.inferred import Inference
from rung.data.shapes.columns import Columns
from rung.propose.columns import words
from rung.propose.columns.answers import FIRM, LEAST, RUNNER_UP, answer_score, is_beside, is_sql, names_answer
from rung.propose.columns.beside import guess_extra, guess_group, is_half_split, is_system, names_splits
from rung.propose.columns.choices import letters_for
from rung.propose.columns.column import Column, Rows, columns_of
from rung.propose.columns.marks import judged_columns, mark_columns
from rung.propose.columns.questions import (
    as_written,
    companions,
    is_whole,
    looked_up,
    named_as_question,
    options_of,
    question_score,
)
from rung.propose.columns.undecided import undecided
from rung.propose.columns.wanted import NOTHING_WANTED, Chosen, Wanted, read_wanted
from rung.propose.columns.why import inferences_of, same_parts, unused_inference

MARKED = 6.5  # what speaks for columns of marks together


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What was made of a file's columns.

    columns, group, where, names  as in the task file
    unused      the columns that take no part
    inferences  why, for each role
    runners_up  columns that could be the answer instead, the likeliest first
    """

    columns: Columns
    group: str | None
    where: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] | str = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    inferences: tuple[Inference, ...] = ()
    runners_up: tuple[str, ...] = ()

    def using(self, names: Sequence[str]) -> Guess:
        """The same where columns turn out to take part after all."""
        if not names:
            return self
        unused = tuple(name for name in self.unused if name not in names)
        others = tuple(inference for inference in self.inferences if inference.about != "unused")
        left = [unused_inference(dict.fromkeys(unused, "nothing asks for it"))] if unused else []
        runners_up = tuple(name for name in self.runners_up if name not in names)
        return replace(self, unused=unused, inferences=(*others, *left), runners_up=runners_up)


def guess_columns(rows: Rows, shown: str, wanted: Wanted = NOTHING_WANTED) -> Guess:
    """Question, answer, and where they show themselves id, split, system text and group.

    Raises UserError for a wanted column that there is not, and Undecided, with the candidates, where no column can be the
    question or none the answer.
    """
    columns = columns_of(rows)
    chosen = read_wanted(wanted, columns, shown)
    texts = {
        name: column
        for name, column in columns.items()
        if name not in chosen.targets and question_score(column) > 0 and not is_system(column) and not is_whole(column, columns)
    }
    main = _main(texts, columns, chosen)
    scores = _answers(columns, texts, main)
    targets = chosen.targets or _targets(columns, scores, main, chosen)
    if main is None or not targets:
        raise undecided(
            columns, shown, missing="answer" if main is not None or chosen.inputs else "question", texts=tuple(texts), chosen=chosen
        )
    answers = [columns[name] for name in targets]
    taken, why = _asked(columns, main, answers, chosen)
    extra = guess_extra(columns, taken=(*taken, *targets))
    target = targets[0] if len(targets) == 1 else targets
    options = options_of(_without(columns, targets), main, answers)
    written = chosen.columns or as_written({name: columns[name] for name in taken}, options)
    named = replace(extra, input=written.input, target=target)
    group = guess_group(
        columns, rows, taken, target if isinstance(target, str) else None, is_free=answers[0].is_read and len(answers) == 1
    )
    group = None if named.split and group and _straddles(group.name, named.split, rows) else group
    runners = tuple(
        name
        for name, score in _ranked(scores)
        if score >= RUNNER_UP and name not in (*targets, *taken) and not _says_again(columns, name, targets)
    )[:5]
    names = _letters(answers, options, taken, columns) or letters_for(rows, named)
    unused = _unused(columns, {*taken, *targets, *([group.name] if group else []), *_single(extra)})
    return Guess(
        columns=named,
        group=group.name if group else None,
        where={targets[0]: "not empty"} if len(targets) == 1 and answers[0].filled < len(rows) else {},
        names=names,
        unused=unused,
        inferences=inferences_of(columns, named, group, names, runners, {name: why.get(name, "") for name in unused}),
        runners_up=runners,
    )


def _main(texts: Mapping[str, Column], columns: Mapping[str, Column], chosen: Chosen) -> Column | None:
    """The column that is read first; of two texts that are called alike and stand alone, the first one."""
    if chosen.inputs:
        return max((columns[name] for name in chosen.inputs), key=question_score)
    if not texts:
        return looked_up(columns, chosen.targets)
    both = list(texts.values())
    said = words.QUESTION | words.TEXT | words.CONTEXT | words.HEADLINE
    if len(both) == 2 and not any(column.called.has(said) or names_answer(column.called) for column in both):
        return both[0]  # names that say nothing, as of two languages: what is asked stands first
    alone = [name for name, column in columns.items() if name in texts or not is_beside(column)]
    return max(both, key=named_as_question if len(both) == len(alone) == 2 else question_score)


def _answers(columns: Mapping[str, Column], texts: Mapping[str, Column], main: Column | None) -> dict[str, float]:
    """How much speaks for each column as the answer, the question itself left out."""
    rated = any(
        answer_score(column, texts, main) >= FIRM and column.called.has(words.RATED)
        for column in columns.values()
        if column is not main
    )
    sorts = any(
        column.is_closed_set and answer_score(column, texts, main) >= FIRM for column in columns.values() if column is not main
    )
    described = main is not None and main.called.head in words.DESCRIBED and sorts
    written = any(is_sql(column) for column in columns.values())
    judged = any(column.called.known & words.JUDGEMENT and column.is_closed_set for column in columns.values())
    scores = {}
    for name, column in columns.items():
        if judged and column.called.head in words.ASPECTS:
            continue  # what is judged, and not how
        if written and "sql" in column.called.known and column.look in ("object", "list"):
            continue  # the query, parsed, beside the query itself
        if column is main or names_splits(column) or is_half_split(column) or is_system(column):
            continue
        if (rated or described) and column.look in ("text", "long words") and column.called.head in words.HEADLINE:
            continue  # the headline of what is rated or sorted
        scores[name] = answer_score(column, texts, main)
    return scores


def _targets(columns: Mapping[str, Column], scores: Mapping[str, float], main: Column | None, chosen: Chosen) -> tuple[str, ...]:
    """The answer: the likeliest column, marks that stand side by side, or the only column that is left."""
    free = {name: score for name, score in scores.items() if name not in chosen.inputs}
    marked = tuple(name for name in (mark_columns(columns) or judged_columns(columns)) if name not in chosen.inputs)
    best = max(free, key=lambda name: free[name], default=None)
    if marked and (best is None or best in marked or free[best] < MARKED):
        return marked
    if best is not None and free[best] >= LEAST:
        return (_in_words(columns, best, free),)
    left = [name for name, column in columns.items() if column is not main and name not in chosen.inputs and _could_be_all(column)]
    return tuple(left) if len(left) == 1 and main is not None else ()


def _could_be_all(column: Column) -> bool:
    """Whether a column that is left alone beside the question can be its answer: no id, date or the like."""
    if len(column.values) < 2 or column.share_filled < 0.5 or names_splits(column) or is_half_split(column):
        return False
    return not is_beside(column) or (
        column.is_closed_set and column.look in ("words", "mark") and column.called.head not in words.CODED
    )


def _in_words(columns: Mapping[str, Column], best: str, scores: Mapping[str, float]) -> str:
    """The column that says in words what `best` says in numbers, where there is one; names go over codes."""
    if columns[best].look not in ("number", "mark"):
        return best
    for name, column in columns.items():
        if (
            column.look in ("words", "long words", "text")
            and scores.get(name, 0) > 0
            and column.is_closed_set
            and same_parts(columns[best], column)
        ):
            return name
    return best


def _asked(
    columns: Mapping[str, Column], main: Column, answers: Sequence[Column], chosen: Chosen
) -> tuple[tuple[str, ...], dict[str, str]]:
    if chosen.inputs:
        return chosen.inputs, {}
    found, why = companions(main, answers, {name: column for name, column in columns.items() if not is_system(column)})
    return tuple(found), why


def _letters(
    answers: Sequence[Column], options: Mapping[str, str], taken: Sequence[str], columns: Mapping[str, Column]
) -> dict[str, str]:
    """What the numbers of an answer stand for where options are listed with letters: their places, from 0 or from 1."""
    listed = [columns[name] for name in taken if columns[name].look == "list" and columns[name].called.head in words.OPTION]
    if len(answers) != 1 or answers[0].look not in ("number", "mark") or not (listed or options):
        return {}
    marks = sorted(options.values())
    if options and not all(mark.isalpha() for mark in marks):
        return {}
    size = len(marks) or max((len(value) for value in listed[0].lists if value is not None), default=0)
    values = sorted({int(value) for value in answers[0].numbers})
    first = 1 if values and values[-1] == size else 0
    letters = {str(place + first): chr(ord("A") + place) for place in range(size)}
    return letters if values and set(map(str, values)) <= set(letters) and size <= 26 else {}


def _without(columns: Mapping[str, Column], names: Sequence[str]) -> dict[str, Column]:
    return {name: column for name, column in columns.items() if name not in names}


def _says_again(columns: Mapping[str, Column], name: str, targets: Sequence[str]) -> bool:
    return any(same_parts(columns[name], columns[target]) for target in targets)


def _single(extra: Columns) -> list[str]:
    return [name for name in (extra.id, extra.split, extra.system, extra.calls) if name]


def _ranked(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda item: -item[1])


def _straddles(group: str, split: str, rows: Rows) -> bool:
    seen: dict[str, str] = {}
    return any(seen.setdefault(str(row.get(group)), str(row.get(split))) != str(row.get(split)) for row in rows)


def _unused(columns: Mapping[str, Column], used: set[str]) -> tuple[str, ...]:
    return tuple(name for name in columns if name not in used)
