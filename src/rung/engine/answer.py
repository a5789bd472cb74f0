"""Candidate + Examples -> Answers: the same question, asked the same way, in evaluation, on the command line and in serving."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, overload

from rung.engine.backend import Asked, ContextTooLong, Request, TellsEach, adapter_uses
from rung.engine.caller import nobody_hears
from rung.engine.chat import text_of, tools_text
from rung.engine.demos import Demo, Pool
from rung.engine.retrieval.retriever import ABSTAINED, Retriever
from rung.engine.runtime import Runtime
from rung.engine.tools.schema import answer_schema
from rung.errors import UserError
from rung.parts import CallConstraint, Constraint, SchemaConstraint, ToolUse
from rung.storage import AnswerCache
from rung.types import FAILED, Answer, Candidate, Example, Stage, batches

# A model in this process answers many questions side by side, and the last of a chunk alone: its chunks are longer, where a kill
# loses no conversations with tools.
CHUNKS_TOGETHER = 4


def answer(candidate: Candidate, examples: Sequence[Example], runtime: Runtime, *, stage: Stage | None = None) -> list[Answer]:
    """One Answer for each example, in order.

    A calibrated Candidate is asked as it is without calibration, and its bias is added afterwards: nothing is computed twice.
    The runtime's observers hear every answer, known before or not.
    Chunks are a pure function of what is not yet known, and are kept one after the other: an interrupted evaluation, restarted,
    forms the same batches and so gives the same answers to the last bit. Equal examples are asked once. What a server failed on is
    not kept: it is asked again the next time. A server is asked everything in one chunk, so that it never waits for the last of
    one; its answers are kept as they come: they are paid for.

    Raises UserError where an example does not fit the base, and whatever the backend raises.
    """
    asked = candidate.asked
    known = dict(runtime.cache.load(asked.id, [example.digest for example in examples])) if runtime.cache is not None else {}
    missing = {example.digest: example for example in examples if example.digest not in known}
    for example in examples:
        if example.digest in known:
            runtime.tell(candidate, example.id, _settled(known[example.digest], candidate), known=True)
    if stage:
        stage.advance(len(examples) - len(missing))
    for chunk in batches(list(missing.values()), _chunk(asked, len(missing), runtime)) if missing else ():
        come = _Come(_Questions(asked, chunk, runtime), runtime, stage)
        fresh = dict(zip((example.digest for example in chunk), _ask(come), strict=True))
        if runtime.cache is not None:
            runtime.cache.store(asked.id, {name: said for name, said in fresh.items() if said.finish_reason != FAILED})
        known |= fresh
        for example in chunk:
            runtime.tell(candidate, example.id, _settled(fresh[example.digest], candidate), known=False)
        if stage:
            stage.advance(len(chunk) - come.told)
    return [_settled(known[example.digest], candidate) for example in examples]


def known_answers(candidate: Candidate, examples: Sequence[Example], cache: AnswerCache) -> dict[str, Answer]:
    """What the Candidate is known to answer, by the examples' digests."""
    kept = cache.load(candidate.asked.id, [example.digest for example in examples])
    return {digest: _settled(said, candidate) for digest, said in kept.items()}


def forget(candidate: Candidate, examples: Sequence[Example], runtime: Runtime, which: Callable[[Answer], bool]) -> None:
    """Such answers of the Candidate to these are kept no longer: the next time it is asked anew."""
    if runtime.cache is not None:
        name = candidate.asked.id
        known = runtime.cache.load(name, [example.digest for example in examples])
        runtime.cache.forget(name, [digest for digest, said in known.items() if which(said)])


def _chunk(candidate: Candidate, missing: int, runtime: Runtime) -> int:
    """Examples that are asked together: of a server all, whose answers are kept as they come."""
    reference = candidate.base_reference
    if reference.is_server:
        return missing
    if reference.is_linear or candidate.tools or not isinstance(runtime.backend_for(candidate.base), TellsEach):
        return runtime.chunk
    return runtime.chunk * CHUNKS_TOGETHER


def ahead(asked: Sequence[tuple[Candidate, Sequence[Example]]], runtime: Runtime, stage: Stage | None = None) -> None:
    """Asks in one batch what several Candidates are about to be asked, where a server is handed its questions as batches.

    What comes is kept, so that `answer` then finds it; what cannot be asked so is left to it, with what is wrong. A batch may take
    a day: one for each Candidate, one after the other, would take as many.
    """
    if not runtime.by_batch or runtime.cache is None:
        return
    chosen = [(one.asked, rows) for one, rows in asked if one.base_reference.is_server and not one.tools]
    for base in dict.fromkeys(one.base for one, _ in chosen):
        backend = runtime.backend_for(base)
        if not isinstance(backend, TellsEach):
            continue
        wanted = {one.id: (one, rows) for one, rows in chosen if one.base == base}
        comes = [_unknown(one, rows, runtime, stage) for one, rows in wanted.values()]
        asked_ahead = _Asked([(come, place) for come in comes for place in come.open])
        if asked_ahead:
            with suppress(ContextTooLong):
                backend.answer_each(asked_ahead, asked_ahead.hear, comes[0].say)


def _unknown(candidate: Candidate, rows: Sequence[Example], runtime: Runtime, stage: Stage | None) -> _Come:
    """The rows, each once, whose answers by the Candidate are not known."""
    assert runtime.cache is not None
    known = runtime.cache.load(candidate.id, [row.digest for row in rows])
    missing = list({row.digest: row for row in rows if row.digest not in known}.values())
    return _Come(_Questions(candidate, missing, runtime), runtime, stage, counts=False)


class _Come:
    """Hears answers of a chunk as they come, where its backend tells each. A server's are kept at once: a kill loses only what is
    under way. A model's in this process are kept with the whole chunk, so that what goes on forms the batches that it was.
    """

    def __init__(self, questions: _Questions, runtime: Runtime, stage: Stage | None, *, counts: bool = True) -> None:
        """`counts` is off where `answer` will count them once more."""
        self.questions, self.runtime, self.stage, self.counts = questions, runtime, stage, counts
        self.told = 0

    @property
    def open(self) -> list[int]:
        """The places of the examples that are to be asked: the documents hold something near them."""
        refused = self.questions.refused()
        return [place for place in range(len(self.questions.examples)) if place not in refused]

    def say(self, words: str) -> None:
        """How far work is that takes long."""
        if self.stage:
            self.stage.advance(0, batch=words)

    def keep(self, answers: Mapping[int, Answer]) -> None:
        """Answers to examples of the chunk, by their places."""
        candidate, chunk = self.questions.candidate, self.questions.examples
        answers = {place: self.questions.with_passages(place, said) for place, said in answers.items()}
        kept = {chunk[place].digest: said for place, said in answers.items() if said.finish_reason != FAILED}
        if self.runtime.cache is not None and kept and candidate.base_reference.is_server:
            self.runtime.cache.store(candidate.id, kept)
        self.told += len(answers)
        if self.stage and self.counts:
            self.stage.advance(len(answers))


def _settled(said: Answer, candidate: Candidate) -> Answer:
    return _calibrated(said, candidate.calibration.bias) if candidate.calibration else said


def _calibrated(said: Answer, bias: Mapping[str, float]) -> Answer:
    """The choice of the largest log-probability plus bias, the first of equals. Raises UserError without log-probabilities."""
    if said.logprobs is None:
        raise UserError("the base does not say each choice's log-probability, so that its choices cannot be calibrated")
    logprobs = said.logprobs
    return replace(said, text=max(logprobs, key=lambda choice: logprobs[choice] + bias.get(choice, 0.0)))


def compose(
    candidate: Candidate,
    example: Example,
    pool: Pool | None = None,
    k: int | None = None,
    *,
    retriever: Retriever | None = None,
    passages: int | None = None,
) -> Request:
    """The Request that puts one example to the Candidate's model: system prompt, the demonstrations that every question is shown,
    those nearest to it (most similar last), the question with what was retrieved for it.

    `k` shows fewer demonstrations than the Candidate says: the nearest go first, then the last of the others. `passages` shows
    fewer passages.
    Where a demonstration had other tools at hand than the question, no one tool list is right for the whole conversation: each
    question then carries its own, in words. A Candidate's own tools are the same for every question. Likewise for a system message
    of its own, where one that every question is shown had another: so all prompts begin alike, whatever the question brings.
    """
    own_system, question = _split_system(example.messages)
    common, near = _demonstrations(candidate, example, pool, k)
    tools = candidate.tools.toolset.offers if candidate.tools else tuple(example.tools)
    tools_apart = not candidate.tools and any(demo.tools != tools for demo in (*common, *near))
    if common and not candidate.tools and not tools_apart:
        tools = common[0].tools  # the same, and written in the same way for every question
    system_apart = any(_split_system(demo.messages)[0] != own_system for demo in common)
    system = "\n\n".join(filter(None, [candidate.prompt, "" if system_apart else own_system]))
    turns: list[Mapping[str, Any]] = [{"role": "system", "content": system}] if system else []
    for demo in common:
        turns += _demo_turns(demo, tools_in_words=tools_apart, with_system=system_apart)
    shared = len(turns) if common else 0
    for demo in near:
        turns += _demo_turns(demo, tools_in_words=tools_apart, with_system=system_apart)
    asked = retriever.put_into(question, passages) if retriever else question
    asked = _in_words(asked, tools) if tools_apart else asked
    turns += _with_system(asked, own_system) if system_apart else asked
    return Request(
        messages=tuple(turns),
        tools=() if tools_apart else tools,
        constraint=resolve_constraint(candidate.constraint, tools),
        max_tokens=candidate.max_tokens,
        shared=shared,
    )


def resolve_constraint(constraint: Constraint | None, tools: Sequence[Mapping[str, Any]]) -> Asked | None:
    """The constraint of one example: calls of its tools become those calls' JSON schema."""
    if not isinstance(constraint, CallConstraint):
        return constraint
    return SchemaConstraint(schema=answer_schema(tools, constraint)) if tools else None


def _ask(come: _Come) -> list[Answer]:
    """What the Candidate's model says; nothing is asked of it where the documents hold nothing near the question."""
    questions, runtime = come.questions, come.runtime
    candidate, examples = questions.candidate, questions.examples
    if candidate.base_reference.is_linear:
        from rung.engine.linear import predict

        return predict(runtime.blobs.local(candidate.base_reference.stored), examples)
    answers = questions.refused()
    if candidate.tools:
        answers |= _with_tools(candidate.tools, questions, runtime, [n for n in range(len(examples)) if n not in answers])
    while left := [place for place in range(len(examples)) if place not in answers]:
        backend, asked = runtime.backend_for(candidate.base), _Asked([(come, place) for place in left])
        try:
            if isinstance(backend, TellsEach):
                said = backend.answer_each(asked, asked.hear, come.say)
            else:
                said = backend.answer(list(asked))
            answers |= dict(zip(left, said, strict=True))
        except ContextTooLong as error:
            for place, problem in error.set_apart(left, answers):
                questions.shorten(place, problem)
    return [questions.with_passages(place, answers[place]) for place in range(len(examples))]


class _Asked(Sequence[Request]):
    """Questions of one chunk or several, by their places, as a backend is asked them.

    Each request is made when it is asked for: a server answers the first while others are still looked up.
    """

    def __init__(self, places: Sequence[tuple[_Come, int]]) -> None:
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, number: int) -> Request: ...

    @overload
    def __getitem__(self, number: slice) -> list[Request]: ...

    def __getitem__(self, number: int | slice) -> Request | list[Request]:
        if isinstance(number, slice):
            return [come.questions.request(place) for come, place in self._places[number]]
        come, place = self._places[number]
        return come.questions.request(place)

    def hear(self, answers: Mapping[int, Answer]) -> None:
        """Answers that came together, by the numbers of their requests: each chunk keeps its own."""
        of: dict[_Come, dict[int, Answer]] = {}
        for number, said in answers.items():
            come, place = self._places[number]
            of.setdefault(come, {})[place] = said
        for come, own in of.items():
            come.keep(own)


def _with_tools(tools: ToolUse, questions: _Questions, runtime: Runtime, places: Sequence[int]) -> dict[int, Answer]:
    """The answers at these places, by the conversation with the tools."""
    if not places:
        return {}
    said = runtime.toolbox(tools).answer(
        [questions.request(place) for place in places],
        runtime.backend_for(questions.candidate.base).answer,
        lambda number, problem: questions.shorten(places[number], problem),
    )
    return dict(zip(places, said, strict=True))


class _Questions:
    """Examples as they are put to a Candidate's model; those that leave no room, with fewer demonstrations, then fewer passages."""

    def __init__(self, candidate: Candidate, examples: Sequence[Example], runtime: Runtime) -> None:
        self.candidate, self.examples = candidate, examples
        shown = candidate.demonstrations
        self.pool = Pool.read(runtime.blobs.local(shown.pool)) if shown else None
        self.retriever = runtime.retriever(candidate)
        self.adapters = adapter_uses(candidate.adapters, runtime.blobs, runtime.caller.weights if runtime.caller else ())
        self.caller = runtime.caller
        self.shown = [_shown(candidate)] * len(examples)
        self.passages = [self.retriever.k if self.retriever else 0] * len(examples)
        self._requests: dict[int, Request] = {}

    def request(self, place: int) -> Request:
        """What is asked at a place, as often as it is asked for."""
        if place not in self._requests:
            self._requests[place] = self._put(place)
        return self._requests[place]

    def _put(self, place: int) -> Request:
        request = compose(
            self.candidate,
            self.examples[place],
            self.pool,
            self.shown[place],
            retriever=self.retriever,
            passages=self.passages[place],
        )
        request = replace(request, adapters=self.adapters, caller=self.caller)
        return _for_calls(request) if self.candidate.tools and self.caller else request

    def refused(self) -> dict[int, Answer]:
        """The answers, by place, where the documents hold nothing near the question."""
        if not self.retriever:
            return {}
        said = ((place, self.retriever.refusal(example)) for place, example in enumerate(self.examples))
        return {place: refusal for place, refusal in said if refusal is not None}

    def shorten(self, place: int, problem: str) -> Request:
        """Put it with half as much beside it, what is nearest. Raises ContextTooLong, saying `problem`, where nothing is left."""
        if self.shown[place]:
            self.shown[place] //= 2
        elif self.passages[place]:
            self.passages[place] //= 2
        else:
            example = self.examples[place]
            raise ContextTooLong({place: problem}, where=example.source or example.id) from None
        self._requests[place] = self._put(place)
        return self._requests[place]

    def with_passages(self, place: int, said: Answer) -> Answer:
        """The answer, with the passages that it was asked to cite."""
        if not self.retriever or self.retriever.form != "cited" or said.finish_reason == ABSTAINED:
            return said
        return replace(said, passages=self.retriever.shown(self.examples[place].messages, self.passages[place]))


def _for_calls(request: Request) -> Request:
    """A question whose answer comes after calls: what bounds the answer ends no call, and calls are not told as if they were it."""
    assert request.caller is not None
    sampling = request.caller.sampling
    most = request.max_tokens if sampling.max_tokens is None else sampling.max_tokens
    caller = replace(request.caller, hear=nobody_hears, sampling=replace(sampling, max_tokens=None, stop=()))
    return replace(request, caller=caller, max_tokens=most)


def _shown(candidate: Candidate) -> int:
    return candidate.demonstrations.total if candidate.demonstrations else 0


def _demonstrations(
    candidate: Candidate, example: Example, pool: Pool | None, k: int | None
) -> tuple[tuple[Demo, ...], tuple[Demo, ...]]:
    """(those that every question is shown, the nearest to this one), `k` in all."""
    if pool is None:
        return (), ()
    wanted = _shown(candidate) if k is None else k
    shared = candidate.demonstrations.shared if candidate.demonstrations else 0
    near = pool.nearest(example, wanted - shared, behind=shared)
    return pool.common(example, min(wanted, shared)), tuple(reversed(near))


def _split_system(messages: Sequence[Mapping[str, Any]]) -> tuple[str, list[Mapping[str, Any]]]:
    if messages and messages[0].get("role") == "system":
        return text_of(messages[0].get("content")), list(messages[1:])
    return "", list(messages)


def _demo_turns(demo: Demo, *, tools_in_words: bool, with_system: bool) -> list[Mapping[str, Any]]:
    system, question = _split_system(demo.messages)
    shown = _in_words(question, demo.tools) if tools_in_words else question
    shown = _with_system(shown, system) if with_system else shown
    return [*shown, *demo.turns, {"role": "assistant", "content": demo.answer}]


def _with_system(question: list[Mapping[str, Any]], system: str) -> list[Mapping[str, Any]]:
    """A question's own system message at the head of its first user turn; a turn of its own where it has none."""
    if not system:
        return question
    first = next((index for index, turn in enumerate(question) if turn.get("role") == "user"), None)
    if first is None:
        return [{"role": "user", "content": system}, *question]
    said = {**question[first], "content": f"{system}\n\n{text_of(question[first].get('content'))}"}
    return [*question[:first], said, *question[first + 1 :]]


def _in_words(question: list[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The tools at the head of the last user turn."""
    last = max((index for index, turn in enumerate(question) if turn.get("role") == "user"), default=None)
    if last is None or not tools:
        return question
    asked = {**question[last], "content": f"{tools_text(tools)}\n\n{text_of(question[last].get('content'))}"}
    return [*question[:last], asked, *question[last + 1 :]]
