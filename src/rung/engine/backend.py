"""The one seam where a language model enters: a Request in, an Answer out. Everything above it is the same for every model."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rung.disk import file_digest
from rung.engine.caller import Caller
from rung.errors import UserError
from rung.json_form import LEFT_OUT
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.storage import Blobs
from rung.types import Answer, Message

# What a model can be held to: a call of the row's tools is a schema by then.
Asked = ChoiceConstraint | SchemaConstraint
# What a folder in PEFT's format holds: the settings and the weights.
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True, kw_only=True)
class AdapterUse:
    """One adapter that a request is answered with. `digest` names its bytes: who opens it knows it, and no call hashes it again."""

    folder: Path
    digest: str
    weight: float = 1.0

    @classmethod
    def of(cls, folder: Path, weight: float = 1.0) -> AdapterUse:
        """A folder whose digest nobody knows yet. Raises UserError where it holds no adapter."""
        whole = hashlib.sha256()
        for name in ADAPTER_FILES:
            if not (folder / name).is_file():
                raise UserError(f"the adapter has no {name}", where=str(folder), hint="An adapter is a folder in PEFT's format.")
            whole.update(bytes.fromhex(file_digest(folder / name)))
        return cls(folder=folder, digest=whole.hexdigest(), weight=weight)


def adapter_uses(digests: Sequence[str], blobs: Blobs, weights: Sequence[float] = ()) -> tuple[AdapterUse, ...]:
    """Adapters of the blob store, each with its weight; in full where there are no weights."""
    pairs = zip(digests, weights or [1.0] * len(digests), strict=True)
    return tuple(AdapterUse(folder=blobs.local(name), digest=name, weight=weight) for name, weight in pairs)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One question to a model.

    messages    the whole conversation so far, system message and demonstrations included
    constraint  as in Candidate, with a call of the row's tools already resolved to those calls' JSON schema
    temperature 0 is greedy
    adapters    added to the model for this question: the sum of their updates, each times its weight
    caller      who waits for the answer as it is made; None where it is one of many that are asked together
    shared      so many of the first messages stand before every question of its Candidate: a backend may keep them. No more than
                a hint, where one question has fewer
    """

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    constraint: Asked | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    adapters: tuple[AdapterUse, ...] = ()
    shared: int = field(default=0, metadata=LEFT_OUT)
    caller: Caller | None = field(default=None, compare=False, metadata=LEFT_OUT)


class ContextTooLong(UserError):
    """Some of the requests do not fit the base.

    problems  what is said of each of these, by its index
    answered  what the others were answered, where the base was asked them all the same
    """

    def __init__(self, problems: Mapping[int, str], answered: Mapping[int, Answer] | None = None, *, where: str = "") -> None:
        self.problems, self.answered = dict(problems), dict(answered or {})
        hint = "Shorten the text or the answers (limits.tokens_per_answer), or choose a base with a longer context."
        super().__init__(next(iter(self.problems.values())), where=where, hint=hint)

    def set_apart(self, places: Sequence[int], answers: dict[int, Answer]) -> list[tuple[int, str]]:
        """Puts what was answered beside into `answers`; gives the places that are too long, and what is said of each.

        places  where the requests that were asked stand among the questions
        """
        answers |= {places[index]: said for index, said in self.answered.items()}
        return [(places[index], problem) for index, problem in self.problems.items()]


class Unaskable(UserError):
    """A question that this model cannot be asked as it is: its turns, its form. Whoever asks can mend it.

    param  what of the question is meant, as OpenAI's API calls it; `code` a word for programs
    """

    def __init__(self, problem: str, *, where: str = "", hint: str = "", param: str = "messages", code: str = "") -> None:
        super().__init__(problem, where=where, hint=hint)
        self.param, self.code = param, code


# What a question has to pay for each token that it shares with others, as a share of one of its own: its own tokens look back at it
# (benchmarks/demonstrations.py with 4 and 16 rows on the tone task and the base of 135 million weights: 0.04).
CACHED_SHARE = 0.05


@dataclass(kw_only=True)
class Budget:
    """What may be spent, and what has been: one for all servers that a climb asks. `limit_usd` None sets no limit.

    spent_usd  with what is put aside for questions that are under way, each at the most that it can cost
    lost_usd   what of it is for answers that never came, and that may have been billed all the same
    batches    what of it is put aside for batches that a server has, by their keys; written down with the total
    keep       writes a total down, where it outlives the process: before a question is asked, and with its answer. A process that
               is killed has spent no more than is written, and what is written is more only by what was under way
    together   what is written within is kept as a whole or not at all
    lock       for the figures; `writing` for whoever writes them down: held first, so that no total overtakes a later one
    """

    limit_usd: float | None = None
    spent_usd: float = 0.0
    lost_usd: float = 0.0
    batches: dict[str, float] = field(default_factory=dict)
    keep: Callable[[float], None] = lambda _usd: None
    together: Callable[[], AbstractContextManager[None]] = nullcontext
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    writing: threading.Lock = field(default_factory=threading.Lock, repr=False)


def price_usd(prices: Mapping[str, float], answer: Answer) -> float | None:
    """What an answer's tokens cost; None where tokens or prices are not known.

    prices  USD per million tokens: input_usd_per_million, output_usd_per_million, and cached_input_usd_per_million, without which
            cached tokens cost as much as others
    """
    full, out = prices.get("input_usd_per_million"), prices.get("output_usd_per_million")
    if full is None or out is None or answer.prompt_tokens is None or answer.completion_tokens is None:
        return None
    cached = min(answer.cached_tokens or 0, answer.prompt_tokens)
    reduced = prices.get("cached_input_usd_per_million", full)
    return ((answer.prompt_tokens - cached) * full + cached * reduced + answer.completion_tokens * out) / 1e6


@dataclass(frozen=True, kw_only=True)
class ServerUse:
    """How a server is asked.

    in_flight  how many questions at once; None for as many as turn out to be worth it
    batch      whether it is handed them as batches
    """

    in_flight: int | None = None
    batch: bool = False


def cached_share(prices: Mapping[str, float]) -> float:
    """What a prompt's token costs that was read before, as a share of one that is read anew.

    By the prices (see `price_usd`), where they are given and not all nothing; else by what it takes here (CACHED_SHARE).
    """
    full = prices.get("input_usd_per_million")
    return prices.get("cached_input_usd_per_million", full) / full if full else CACHED_SHARE


class Backend(Protocol):
    """A model that answers. `reference` is `<what the user wrote>@sha256:<digest>`, `template` the chat template's digest."""

    reference: str
    template: str

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One Answer for each Request, in the same order. Batching is the backend's business.

        Raises ContextTooLong for requests that do not fit, before anything is computed where it knows that beforehand, and
        UserError for adapters that it cannot apply.
        """


# Hears answers that came together, by their requests' places; hears in words how far work is that takes long.
Keep = Callable[[Mapping[int, Answer]], None]
Say = Callable[[str], None]


def quiet(_words: str) -> None:
    """Nobody listens."""


@runtime_checkable
class SaysContext(Protocol):
    """A Backend that knows how many tokens it reads at most; None where there is no end."""

    @property
    def context_tokens(self) -> int | None: ...


@runtime_checkable
class TellsEach(Protocol):
    """A Backend that answers many questions side by side: it tells each answer as soon as it is there."""

    def answer_each(self, requests: Sequence[Request], keep: Keep, say: Say = ...) -> list[Answer]:
        """As `answer`; `keep` hears the answers as they come, also where others then fail. Requests are taken from the sequence as
        there is room for them, and each is made but once: a sequence may make them when they are asked for. `say` hears, where
        that takes long, how far it is.
        """
