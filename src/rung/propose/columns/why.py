"""The reasons behind a guess, as they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.data.inferred import Inference
from rung.data.shapes.columns import Columns
from rung.propose.columns import words
from rung.propose.columns.answers import is_beside, names_answer
from rung.propose.columns.beside import Group, is_half_split
from rung.propose.columns.column import Column

MOST_TOLD = 12


def inferences_of(
    columns: Mapping[str, Column],
    named: Columns,
    group: Group | None,
    names: Mapping[str, str] | str,
    runners: Sequence[str],
    unused: Mapping[str, str],
) -> tuple[Inference, ...]:
    """Why each column is what it is, and what the answer could be instead. `unused`: name -> why, where that is known."""
    inputs, targets = named.inputs(), named.targets()
    found = [
        _input(columns, inputs),
        _target(columns, targets),
        *_runners(runners),
        *_beside(named),
        *([_group(group)] if group else []),
        *_names(names),
        *_halves(columns),
        *_says_nothing(columns, targets),
        *([_left_out(columns, unused, targets)] if unused else []),
    ]
    return tuple(found)


def _input(columns: Mapping[str, Column], inputs: Sequence[str]) -> Inference:
    told = [f"{name} is {_reading(columns[name])}" for name in inputs[:6]]
    change = "--input a,b or --input 'Question: {a}', in the task file data.columns.input"
    return Inference(about="input", taken=", ".join(inputs), because="; ".join(told), change=change, aloud=len(inputs) > 1)


def _reading(column: Column) -> str:
    named = [word for word in column.called.words if word in words.QUESTION | words.TEXT | words.CONTEXT | words.HEADLINE]
    called = f"called {column.name} and " if named else ""
    if column.look in ("list", "object"):
        return f"{called}a list of options" if column.look == "list" else f"{called}an object"
    return (
        f"{called}text, {column.mean_words:.0f} words long on average, {len(column.values):,} different in {column.filled:,} rows"
    )


def _target(columns: Mapping[str, Column], targets: Sequence[str]) -> Inference:
    column = columns[targets[0]]
    if len(targets) > 1:
        marked = all(columns[name].look == "mark" for name in targets)
        listed = "one answer is the list of those that are marked" if marked else "one answer is an object with all of them"
        because = f"they stand side by side and say the same kind of thing of each row, so that {listed}"
        return Inference(about="target", taken=", ".join(targets), because=because, change="--target COLUMN, data.columns.target")
    named = "its name says answer and " if names_answer(column.called) or column.called.known & words.KIND else ""
    holds = f"it holds {len(column.values):,} different values in {column.filled:,} rows"
    return Inference(
        about="target", taken=targets[0], because=f"{named}{holds}", change="--target COLUMN, data.columns.target", aloud=False
    )


def _runners(runners: Sequence[str]) -> list[Inference]:
    if not runners:
        return []
    taken = f"{_listed(runners)} could be the answer instead"
    change = "; or ".join(f"target: {name}, or --target {name}" for name in runners[:3])
    return [Inference(about="other target", taken=taken, because="their names or values are those of answers too", change=change)]


def _beside(named: Columns) -> list[Inference]:
    said = {"id": "all its values are different", "split": "it names train, dev and test", "calls": "it holds calls of tools"}
    said |= {"system": "it is called so, and is what the model is told before the question"}
    return [
        Inference(about=key, taken=name, because=because, change=f"data.columns.{key}", aloud=key in ("split", "system"))
        for key, because in said.items()
        if isinstance(name := getattr(named, key), str)
    ]


def _group(group: Group) -> Inference:
    return Inference(
        about="group", taken=f"rows that share '{group.name}' stay in one split", because=group.because, change="data.group"
    )


def _names(names: Mapping[str, str] | str) -> list[Inference]:
    if isinstance(names, str):
        taken = "the answer is the letter of an option"
        because = "it is an option's text, its place or a mark of another kind in the file"
        change = "data.names: leave it out, and the answer is what the file says"
        return [Inference(about="names", taken=taken, because=because, change=change)] if names else []
    told = ", ".join(f"{value} is {name}" for value, name in names.items())
    because = "options are listed with letters, and the answer numbers them"
    return [Inference(about="names", taken=told, because=because, change="data.names")] if names else []


def _halves(columns: Mapping[str, Column]) -> list[Inference]:
    return [
        Inference(
            about="split",
            taken=f"{column.name} is not used, the rows are split anew",
            because="it parts the rows in two, and train, dev and test are three",
            change=f"data.where: {{{column.name}: ...}} keeps one part",
        )
        for column in columns.values()
        if is_half_split(column) and len(column.values) > 1
    ]


def _says_nothing(columns: Mapping[str, Column], targets: Sequence[str]) -> list[Inference]:
    """Columns that are called as answers are and hold none."""
    silent = [c for c in columns.values() if names_answer(c.called) and len(c.values) < 2 and c.name not in targets]
    return [
        Inference(
            about="target",
            taken=f"{column.name} is not the answer, though it is called so",
            because="it is empty" if not column.filled else "every row that has it says the same",
            change="fill it in, or --target another",
        )
        for column in silent
    ]


def _left_out(columns: Mapping[str, Column], unused: Mapping[str, str], targets: Sequence[str]) -> Inference:
    return unused_inference({name: why or why_unused(columns[name], columns, targets) for name, why in unused.items()})


def unused_inference(unused: Mapping[str, str]) -> Inference:
    """The columns that take no part, each with the reason why."""
    told = [f"{name} ({why})" for name, why in list(unused.items())[:MOST_TOLD]]
    rest = f", and {len(unused) - MOST_TOLD} more" if len(unused) > MOST_TOLD else ""
    return Inference(
        about="unused",
        taken=f"{', '.join(unused)} take no part",
        because=", ".join(told) + rest,
        change="--input, --target",
        aloud=False,
    )


def why_unused(column: Column, columns: Mapping[str, Column], targets: Sequence[str]) -> str:
    """Why a column takes no part."""
    if reason := is_beside(column):
        return reason
    for name in targets:
        if same_parts(column, columns[name]):
            return f"it says the same as {name}, and would give the answer away"
    if column.look in ("list", "object", "numbers"):
        return "it holds lists or objects"
    if names_answer(column.called):
        return "it may be known only with the answer"
    return "it is no text to be read" if column.look != "text" else "nothing says that it is part of the question"


def same_parts(one: Column, other: Column) -> bool:
    """Whether two columns part the rows alike: each value of the one stands beside one value of the other."""
    if len(one.values) != len(other.values) or one.filled != other.filled or not 2 <= len(one.values) <= one.filled // 2:
        return False
    pairs = {(a, b) for a, b in zip(one.texts, other.texts, strict=True) if a is not None and b is not None}
    one_to_one = len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs) > 1
    return one_to_one and sorted(one.values.values()) == sorted(other.values.values())


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names)
