"""Retrieval: passages of the task's documents put beside the question; how they are found and shown is chosen on dev.

One thing is changed at a time (the prompt that they are put into, what searches, passage length, reranked or not, how many, how
shown, when to say that the documents do not hold it), and the cheapest form within a standard error of the best is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rung.data.sample import draw
from rung.errors import BrokenEnvironment
from rung.json_form import canonical_json
from rung.parts import Abstention, Retrieval, Span
from rung.rungs.asks import Answers, Ask, Encoding, Foreseen, Reranking, raced
from rung.rungs.base import BuildContext, longest_answer
from rung.rungs.causes import KNOWLEDGE
from rung.rungs.documents import NO_DOCUMENTS, Config, Layout, Mode, documents_of, encoder_of, reranker_of, settings_of
from rung.rungs.trials import Form, Trial, complete, race, record
from rung.types import Answer, Candidate, Example, Finding, Run, Task
from rung.verify.choosing import Shares, shares_of
from rung.verify.run import score_rows

if TYPE_CHECKING:
    from rung.data.documents.collect import Library
    from rung.engine.retrieval.encoders import Encoder
    from rung.engine.retrieval.rerank import Reranker
    from rung.engine.retrieval.retriever import Found

TITLE = "retrieval"
UNDO = "point the name at the version before: the index is a file beside it, the base is untouched"
ORDER = 20
MENDS = (KNOWLEDGE,)
# What encoding one question costs beside the passages, in prompt tokens' worth: a 22M encoder and a dozen words.
ENCODING_TOKENS = {"lexical": 0.0, "dense": 10.0, "hybrid": 11.0}
# What a cross-encoder of 22M costs for each token that it reads beside a base of 135M, in the base's prompt tokens.
RERANKING_SHARE = 22 / 135
CHARACTERS_PER_TOKEN = 4
PROBED_PASSAGES = 4


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One way to retrieve. `start` is the prompt that it is put into, a key of `_starts`."""

    start: str
    mode: Mode
    chunk_chars: int
    reranked: bool
    passages: int
    form: Layout

    @property
    def name(self) -> str:
        """As the report shows it."""
        form = self.form.replace("_", " ")
        shown = "1 passage" if self.passages == 1 else f"{self.passages} passages"
        searched = f"{self.mode}, reranked" if self.reranked else self.mode
        return ", ".join(filter(None, [searched, f"{shown} of {self.chunk_chars}", form, self.start]))

    @property
    def extra_tokens(self) -> float:
        """What finding the passages costs, in prompt tokens' worth."""
        from rung.engine.retrieval.retriever import RERANKED

        read = RERANKED * self.chunk_chars / CHARACTERS_PER_TOKEN if self.reranked else 0.0
        return ENCODING_TOKENS[self.mode] + read * RERANKING_SHARE


def applies(task: Task) -> str:
    """Needs documents."""
    return "" if task.knowledge else NO_DOCUMENTS


def foresee(task: Task, parent: Candidate | None, context: BuildContext) -> Foreseen:
    """The first setup, and every other value on each axis, in the first setup's form; every passage of each length encoded once."""
    from rung.engine.retrieval.index import searched_text, store_index

    config, library = settings_of(task), documents_of(task, context.progress)
    chunks = {size: [piece.as_json() for piece in library.chunks(size)] for size in config.chunk_chars}
    first = chunks[config.chunk_chars[0]]
    index = store_index(first, None, context.blobs, context.progress)
    rows = min(config.dev_rows, len(task.split("dev")))
    likely = Retrieval(index=index, mode="lexical", k=config.passages[0], form=config.forms[0])
    starts = {name or "the rung below": replace(start, retrieval=likely) for name, start in _starts(task, parent, context).items()}
    candidate = list(starts.values())[-1]
    others = len(config.modes) + len(config.chunk_chars) + len(config.passages) + len(config.forms) - 4
    asks: list[Ask] = [*raced(list(starts.items()), rows)]
    asks += [Answers(what="other setups", candidate=candidate, rows=Span.of(rows), times=others, kept=False)] if others else []
    probe = tuple(searched_text(chunk) for chunk in draw(first, PROBED_PASSAGES, task.seed, key=canonical_json))
    if reranker := reranker_of(task):
        asks.append(Reranking(what="reranked", reranker=reranker, questions=Span.of(rows), like=probe))
        asks.append(Answers(what="reranked", candidate=candidate, rows=Span.of(rows), kept=False))
    if set(config.modes) != {"lexical"}:
        passages = float(sum(map(len, chunks.values())))
        asks.append(Encoding(what="passages encoded", encoder=encoder_of(task), texts=passages, like=probe))
    return Foreseen(asks=tuple(asks), likely=candidate)


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Index the documents, then find the setup that does best on dev."""
    config = settings_of(task)
    library = documents_of(task, context.progress)
    for finding in [*library.findings(), *_unknown_gold(task, library)]:
        context.progress.note(finding.message)
        context.record("finding", asdict(finding))
    encoder = _encoder(task, config, context)
    for finding in _unread(encoder, library, config) if encoder else ():
        context.progress.note(finding.message)
        context.record("finding", asdict(finding))
    reranker = context.runtime.reranker_for(name) if (name := reranker_of(task)) else None
    search = _Search(config, context, library, (encoder, reranker), _starts(task, parent, context))
    best = search.run()
    candidate = _abstaining(task, best, context, config)
    record(search.trials, best, context)
    context.record("retrieval", _quality(task, candidate, context))
    return candidate


class _Search:
    """Coordinate descent over Setups from the first of each setting; what was tried is in `trials`."""

    def __init__(
        self,
        config: Config,
        context: BuildContext,
        library: Library,
        searchers: tuple[Encoder | None, Reranker | None],
        starts: Mapping[str, Candidate],
    ) -> None:
        self.config, self.context, self.library, self.starts = config, context, library, starts
        self.encoder, self.reranker = searchers
        self.modes: tuple[Mode, ...] = config.modes if self.encoder else ("lexical",)
        self.trials: list[Trial] = []
        self.setups: dict[str, Setup] = {}
        self.index = cache(self._index)

    def run(self) -> Trial:
        config = self.config
        first = Setup(
            start=next(iter(self.starts)),
            mode=self.modes[0],
            chunk_chars=config.chunk_chars[0],
            reranked=False,
            passages=config.passages[0],
            form=config.forms[0],
        )
        best = self._race([self._form(first)])
        axes: dict[str, Sequence[Any]] = {
            "start": tuple(self.starts),
            "mode": self.modes,
            "chunk_chars": config.chunk_chars,
            "reranked": (True,) if self.reranker else (),
            "passages": config.passages,
            "form": config.forms,
        }
        for axis, values in axes.items():
            best = self._race([best.form, *self._others(best, axis, values)])
        return best

    def _race(self, tried: Sequence[Form]) -> Trial:
        raced = race(tried, self.context, self.config.dev_rows)
        self.trials += raced.trials
        return raced.best

    def _others(self, best: Trial, axis: str, values: Sequence[Any]) -> Iterator[Form]:
        """The best setup with each other value on one axis."""
        setup = self.setups[best.name]
        for value in values:
            if value != getattr(setup, axis):
                yield self._form(replace(setup, **{axis: value}))

    def _form(self, setup: Setup) -> Form:
        retrieval = Retrieval(
            index=self.index(setup.chunk_chars, setup.mode != "lexical"),
            mode=setup.mode,
            k=setup.passages,
            form=setup.form,
            encoder=self.encoder.reference if self.encoder and setup.mode != "lexical" else None,
            reranker=self.reranker.reference if self.reranker and setup.reranked else None,
        )
        self.setups[setup.name] = setup
        return Form(setup.name, replace(self.starts[setup.start], retrieval=retrieval), setup.extra_tokens)

    def _index(self, chunk_chars: int, vectors: bool) -> str:
        from rung.engine.retrieval.index import store_index

        chunks = [piece.as_json() for piece in self.library.chunks(chunk_chars)]
        return store_index(chunks, self.encoder if vectors else None, self.context.blobs, self.context.progress)


def _unknown_gold(task: Task, library: Library) -> list[Finding]:
    """Rows whose gold names a document that is not there: it cannot be found, and counts as not found."""
    known = {document.name for document in library.documents}
    named = {row.id: [part.source for part in row.gold] for row in task.examples}
    missing = {row: name for row, names in named.items() for name in names if name not in known}
    if not missing:
        return []
    shown = ", ".join(sorted(set(missing.values()))[:3])
    message = f"the gold of {len(missing)} rows names what is no readable document: {shown}"
    return [Finding(check="gold", severity="warning", message=message, places=tuple(missing)[:10], count=len(missing))]


def _encoder(task: Task, config: Config, context: BuildContext) -> Encoder | None:
    """The encoder; None where none is asked for, or where the default one cannot be had, which is told."""
    if set(config.modes) == {"lexical"}:
        return None
    try:
        encoder: Encoder = context.runtime.encoder_for(encoder_of(task))
    except BrokenEnvironment as error:
        if (task.knowledge and task.knowledge.encoder) or "lexical" not in config.modes:
            raise
        message = f"only lexical search was tried: the default encoder is not to be had ({error.problem})"
        context.progress.note(message)
        context.record("finding", asdict(Finding(check="encoder", severity="warning", message=message, count=1)))
        return None
    return encoder


def _unread(encoder: Encoder, library: Library, config: Config) -> Iterator[Finding]:
    """Passages of which the encoder reads the beginning alone: what stands at their end is not found by its meaning."""
    from rung.engine.retrieval.index import searched_text

    for size in config.chunk_chars:
        texts = [searched_text(piece.as_json()) for piece in library.chunks(size)]
        count, tokens = encoder.unread(texts)
        if count:
            message = f"of {count} of {len(texts)} passages of {size} characters the encoder reads {tokens} tokens, not the end"
            yield Finding(check="encoder", severity="warning", message=message, count=count)


def _starts(task: Task, parent: Candidate | None, context: BuildContext) -> dict[str, Candidate]:
    """Prompts to put documents into: the rung below, that without demonstrations, and the plain instruction in its scorer's form.

    The rung below was chosen among prompts to which the documents were missing: where all of them fail, that choice says nothing.
    """
    from rung.verify.scoring import scorer_of

    backend = context.runtime.backend_for(task.base)
    plain = Candidate(
        rung="r2_retrieve",
        base=backend.reference,
        template=backend.template,
        adapters=task.base_adapters,
        prompt=task.instruction,
        constraint=scorer_of(task).constraint(task.split("train")),
        max_tokens=parent.max_tokens if parent else longest_answer(task),
        parent=parent.id if parent else None,
    )
    if parent is None:
        return {"": plain}
    below = replace(parent, rung="r2_retrieve", parent=parent.id, calibration=None)
    starts = {"demonstrations": below} if below.demonstrations else {}
    starts[""] = replace(below, demonstrations=None)
    return starts | ({} if starts[""] == plain else {"your instruction": plain})


def _abstaining(task: Task, best: Trial, context: BuildContext, config: Config) -> Candidate:
    """The best Candidate with the threshold that lifts its dev score by more than a standard error; else as it is.

    What it would say is known (its answer or the refusal), so that every threshold is scored without asking the model again; its
    answers are those to all the rows that a trial may take.
    """
    words = task.knowledge.abstain if task.knowledge else None
    retriever, retrieval = context.runtime.retriever(best.candidate), best.candidate.retrieval
    if not words or retriever is None or retrieval is None:
        return best.candidate
    from rung.verify.stats.select import one_standard_error

    best = complete(best, context, config.dev_rows)
    examples = _rows(task, best.run)
    surety = [retriever.find(example.messages).surety for example in examples if example.id in best.shares.ids]
    refused = _refusing(task, examples, words).values
    plain = best.shares.values
    bounds = sorted(set(surety))
    thresholds = [(low + high) / 2 for low, high in pairwise(bounds)]
    scored = [[no if sure < below else yes for sure, no, yes in zip(surety, refused, plain, strict=True)] for below in thresholds]
    if not scored:
        return best.candidate
    top = max(range(len(scored)), key=lambda place: sum(value or 0.0 for value in scored[place]))
    if one_standard_error([(0.0, plain), (1.0, scored[top])], best.shares.groups) == 0:
        return best.candidate
    context.progress.note(f"says '{words}' where no passage is as near as {thresholds[top]:.3g}")
    return replace(best.candidate, retrieval=replace(retrieval, abstain=Abstention(below=thresholds[top], answer=words)))


def _refusing(task: Task, examples: Sequence[Example], words: str) -> Shares:
    """What these rows would be worth if each were answered so."""
    return shares_of(task, examples, score_rows(task, examples, [Answer(text=words)] * len(examples)))


def _rows(task: Task, run: Run) -> list[Example]:
    examples = {example.id: example for example in task.split("dev")}
    return [examples[row.example] for row in run.rows]


def _quality(task: Task, candidate: Candidate, context: BuildContext) -> dict[str, Any]:
    """How well passages are found on dev: against gold where rows name it, and how often the target's text is in what is shown."""
    from rung.verify import retrieval
    from rung.verify.scoring import searched_texts

    retriever = context.runtime.retriever(candidate)
    assert retriever is not None
    rows = task.split("dev")
    found: list[Found] = [retriever.find(row.messages) for row in rows]
    holds = [
        _shown(*searched_texts(task, row), [passage["text"].casefold() for passage in hit.passages])
        for row, hit in zip(rows, found, strict=True)
        if row.target is not None
    ]
    judged = [retrieval.gold_relevance(row.gold, hit.passages) for row, hit in zip(rows, found, strict=True) if row.gold]
    k = retriever.k
    return {
        "k": k,
        "n": len(rows),
        "target_shown": _mean([float(held) for held in holds]),
        "gold_rows": len(judged),
        "recall": _mean([retrieval.recall_at(names, relevance, k) for names, relevance in judged]),
        "ndcg": _mean([retrieval.ndcg_at(names, relevance, k) for names, relevance in judged]),
        "mrr": _mean([retrieval.reciprocal_rank(names, relevance) for names, relevance in judged]),
    }


def _shown(texts: Sequence[str], every: bool, passages: Sequence[str]) -> bool:
    """Whether the passages hold one of the texts, or every one, each in some passage."""
    held = [any(text.casefold() in passage for passage in passages) for text in texts]
    return bool(held) and (all(held) if every else any(held))


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
