"""Call traces: the calls that lead to train rows' answers, for demonstrations and for training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rung.calls import Call, read_calls
from rung.data.sample import sample
from rung.errors import UserError
from rung.json_form import digest
from rung.rungs.base import BuildContext, labelled
from rung.types import Candidate, Example, Task

if TYPE_CHECKING:
    from rung.engine.retrieval.retriever import Retriever
    from rung.train.rows import TrainRow

Calls = Sequence[Mapping[str, Any]]


def rows_to_trace(task: Task, size: int) -> list[Example]:
    """A sample of at most `size` train rows: of those that say which calls are right, where any does."""
    rows = labelled(task)
    return sample([row for row in rows if row.calls] or rows, size, task.seed)


def traces(rows: Sequence[Example], candidate: Candidate, context: BuildContext) -> dict[str, Calls]:
    """Calls with their results, by the id of the train row that they lead to the answer of.

    Where the rows say which calls are right (`data.columns.calls`), those are made, through the same box as ever. Where none does,
    the candidate answers the rows, and its calls are taken where its answer was right.
    """
    gold = {row.id: read_calls(list(row.calls)) for row in rows if row.calls}
    return _made(gold, candidate, context) if gold else _found(rows, candidate, context)


def call_rows(
    task: Task, rows: Sequence[Example], candidate: Candidate, shown: Mapping[str, Calls], retriever: Retriever | None = None
) -> list[TrainRow]:
    """A row for each call and one for the answer, each after what came before it, rendered as the evaluation will.

    `retriever` is the candidate's own, opened: the rows then carry the documents that serving will.
    """
    from rung.engine.answer import compose
    from rung.engine.tools.toolbox import call_turns
    from rung.train.rows import TrainRow
    from rung.verify.scoring import target_text

    bare, made = replace(candidate, demonstrations=None), []
    for example in rows:
        calls = shown.get(example.id)
        if not calls:
            continue
        request = compose(bare, example, retriever=retriever)
        said = [_call_text(call) for call in calls] + [target_text(task, example)]
        for number, answer in enumerate(said):
            before = (*request.messages, *call_turns(calls[:number]))
            made.append(TrainRow(messages=before, tools=request.tools, answer=answer, source=example.source))
    return made


def _made(gold: Mapping[str, Sequence[Call]], candidate: Candidate, context: BuildContext) -> dict[str, Calls]:
    """Each distinct call made once. Rows of which one was refused or failed are left out and told; UserError if all are."""
    from rung.engine.tools.toolbox import Toolbox

    if candidate.tools is None:
        raise UserError("the candidate has no tools to call")
    box = Toolbox.open(candidate.tools, context.blobs).box
    distinct = {_key(call): call for calls in gold.values() for call in calls}
    outcomes = dict(zip(distinct, box.perform(list(distinct.values())), strict=True))
    made = {name: [outcomes[_key(call)] for call in calls] for name, calls in gold.items()}
    sound: dict[str, Calls] = {
        name: calls for name, calls in made.items() if not any(call["outcome"] in ("refused", "failed") for call in calls)
    }
    failing = next((call for call in outcomes.values() if call["outcome"] in ("refused", "failed")), None)
    if failing and not sound:
        _refuse_failing(failing, len(gold))
    if failing and len(sound) < len(gold):
        context.progress.note(
            f"{len(gold) - len(sound):,} of {len(gold):,} rows whose right calls are given take no part: {_told(failing)}"
        )
    return sound


def _refuse_failing(call: Mapping[str, Any], rows: int) -> None:
    """Raises UserError for rows of which no right call gives a result: no score could say anything of the tools."""
    raise UserError(
        f"of {rows:,} rows whose right calls are given, none gives a result; {_told(call)}",
        where="data.columns.calls",
        hint="Mend the tool or the calls. A file that the tool reads must be named: tools: {file: ..., with: [...]}.",
    )


def _told(call: Mapping[str, Any]) -> str:
    arguments = json.dumps(call["arguments"], ensure_ascii=False)
    return f"{call['name']} {arguments}, for one, {call['outcome']}: {call['reason']}"


def _found(rows: Sequence[Example], candidate: Candidate, context: BuildContext) -> dict[str, Calls]:
    run = context.measure(candidate, "train", among={row.id for row in rows})
    return {row.example: row.answer.calls for row in run.rows if row.answer.calls and row.scores["quality"].value == 1.0}


def _key(call: Call) -> str:
    return digest([call.name, call.arguments])


def _call_text(call: Mapping[str, Any]) -> str:
    """Compact, the name first: as constrained decoding writes it."""
    return json.dumps({"name": call["name"], "arguments": call["arguments"]}, separators=(",", ":"), ensure_ascii=False)
