"""What rungs have in common: reading their settings, and the rows that an adapter or a full fine-tune trains on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from rung import plugins
from rung.errors import UserError
from rung.types import Bench, Candidate, Example, Task

if TYPE_CHECKING:
    from rung.engine.retrieve import Retriever
    from rung.train.loop import Trained
    from rung.train.rows import TrainRow

Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(task: Task, rung: str, kind: type[Settings]) -> Settings:
    """The rung's own settings from the task file. Raises UserError naming every key that is unknown or wrong."""
    from rung.verify.spec_problems import Problem, problems_of
    from rung.verify.spec_yaml import error_in

    skip = task.settings.get(rung, {}).get("skip", False)
    if not isinstance(skip, bool):
        raise error_in(task.path, [Problem(("rungs", rung, "skip"), f"'skip' cannot be {skip!r}: it is true or false")])
    try:
        return kind.model_validate({key: value for key, value in task.settings.get(rung, {}).items() if key != "skip"})
    except ValidationError as error:
        problems = problems_of(error, kind, also_known=("skip",))
        raise error_in(task.path, [Problem(("rungs", rung, *problem.path), problem.text) for problem in problems]) from None


def check_settings(task: Task) -> None:
    """Raises UserError for what is wrong with the settings of any rung, before the first of them runs."""
    for rung in plugins.names("rungs"):
        if "Config" in dir(module := plugins.load("rungs", rung)):
            read_settings(task, rung, module.Config)


def why_skipped(task: Task, rung: str) -> str:
    """Why a climb leaves this rung out, or "" where it will not."""
    if task.settings.get(rung, {}).get("skip"):
        return "the task file skips it"
    return plugins.load("rungs", rung).applies(task)


def alpha_shares(task: Task) -> int:
    """Into how many parts a climb splits alpha: a share for each rung that applies, and one for cheaper forms of what passed."""
    return 1 + sum(not why_skipped(task, name) for name in plugins.names("rungs"))


def is_remote(base: str) -> str:
    """Why a base cannot be trained here, or "" where it can."""
    if base.startswith(("http://", "https://")):
        return "the base answers over HTTP: its weights are not here to train"
    return "the base is a script: it has no weights to train" if base.startswith("scripted:") else ""


def labelled(task: Task) -> list[Example]:
    """The train rows that have a target: some scorers can judge an answer without one."""
    return [row for row in task.split("train") if row.target is not None]


def longest_answer(task: Task) -> int:
    """Tokens for the longest target, generously: a token holds two characters or more of any language that a base reads well.

    256 where no train row has a target.
    """
    from rung.verify.scoring import target_text

    return 16 + max((len(target_text(task, row)) for row in labelled(task)), default=480) // 2


def train_rows(task: Task, candidate: Candidate, examples: Sequence[Example], retriever: Retriever | None = None) -> list[TrainRow]:
    """What the candidate will be asked, rendered as the evaluation will, with the ideal answer beside it.

    `retriever` is the candidate's own, opened: the rows then carry the documents that serving will.
    """
    from rung.engine.answer import compose
    from rung.train.rows import TrainRow
    from rung.verify.scoring import target_text

    bare = replace(candidate, demos=None)
    return [
        TrainRow(
            messages=compose(bare, example, retriever=retriever).messages, tools=example.tools, answer=target_text(task, example)
        )
        for example in examples
    ]


def retriever_of(candidate: Candidate, bench: Bench) -> Retriever | None:
    """The candidate's retriever, opened; None where it has none."""
    from rung.engine.retrieve import open_retriever

    if not candidate.retriever:
        return None
    return open_retriever(candidate.retriever, bench.blobs, bench.open_encoder, bench.open_reranker)


def worth_keeping(parent: Candidate | None, bench: Bench, dev_rows: int) -> Mapping[str, Any] | None:
    """The parent's retriever, where the parent does better with it on dev by more than a standard error; else None."""
    if parent is None or parent.retriever is None:
        return None
    from rung.verify.stats.select import one_standard_error

    runs = [bench.measure(candidate, "dev", dev_rows) for candidate in (replace(parent, retriever=None), parent)]
    return (None, parent.retriever)[one_standard_error([(cost, run.values()) for cost, run in enumerate(runs)])]


def forecast_training(task: Task, speeds: Any, method: str, config: Any) -> tuple[float | None, int | None]:
    """Seconds and bytes of training by `method`, scoring dev twice an epoch, and the whole gate; None for a remote base."""
    fit = speeds.train(method, config.epochs, config.batch_rows, getattr(config, "rank", 16))
    if fit is None:
        return None, None
    dev = min(config.dev_rows, len(task.split("dev"))) * 2 * config.epochs + len(task.split("dev"))
    return fit.seconds + (dev + len(task.split("gate"))) * speeds.answer_s(0), fit.memory.total


def training_start(rung: str, task: Task, parent: Candidate | None, bench: Bench, dev_rows: int) -> Candidate:
    """The user's own instruction on the base: demonstrations and generated instructions of the rung below become weights.

    What is not learnt stays: the output's constraint, tools, and documents where they are worth keeping on dev.
    """
    backend = bench.open_base(task.base)
    return Candidate(
        rung=rung,
        base=backend.reference,
        template=backend.template,
        prompt=task.instruction,
        constraint=parent.constraint if parent else None,
        retriever=worth_keeping(parent, bench, dev_rows),
        tools=parent.tools if parent else None,
        max_tokens=parent.max_tokens if parent else longest_answer(task),
        parent=parent.id if parent else None,
    )


def fine_tune(
    task: Task, start: Candidate, settings: Mapping[str, Any], freeze: Any, bench: Bench, parent: Candidate | None = None
) -> Candidate:
    """Train `start` on the train split, early-stopped by the task's own scorer on dev.

    `settings` are TrainConfig's fields beside the seed, and `dev_rows`; `freeze(start, digest)` names the trained files in a
    Candidate. Without a train row that shows how its tools are called (`parent` finds none), it is trained without tools.
    """
    from rung.train.loop import TrainConfig, train

    backend = bench.open_base(task.base)
    dev_rows, training = settings["dev_rows"], {key: value for key, value in settings.items() if key != "dev_rows"}
    config = TrainConfig(seed=task.seed, too_long="drop", **training)
    start, rows = _taught(task, start, bench, parent or start)

    def dev_score(folder: Path) -> float:
        run = bench.measure(freeze(start, bench.blobs.put_tree(folder)), "dev", dev_rows)
        mean = run.mean()
        if mean is None:
            raise UserError("no dev row could be scored, so training cannot be stopped by the score", where=task.path)
        return mean

    facts = {"base": start.base, "template": start.template, "task": task.digest, "prompt": start.prompt}
    trained: Trained = train(
        backend.model, rows, config, work=bench.work, dev_score=dev_score, progress=bench.progress, facts=facts
    )
    for line in trained.history:
        bench.record("history", line)
    candidate = freeze(start, bench.blobs.put_tree(trained.folder))
    return candidate


def _taught(task: Task, start: Candidate, bench: Bench, caller: Candidate) -> tuple[Candidate, list[TrainRow]]:
    """What is trained, and the rows that it learns from: with tools also the calls that `caller` makes, where it makes any."""
    rows, retriever = labelled(task), retriever_of(start, bench)
    if start.tools:
        from rung.rungs._tools import call_rows, traces

        if shown := traces(rows, caller, bench):
            return start, call_rows(task, rows, start, shown, retriever)
        bench.progress.note("no train row shows how the tools are called: training without them")
        start = replace(start, tools=None)
    return start, train_rows(task, start, rows, retriever)
