"""What was registered and what was exported, given the same tokens: how far apart what they would say next is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.answer import compose
from rung.engine.backend import Request, adapter_uses
from rung.engine.chat import prompt_text
from rung.engine.demos import Pool
from rung.engine.encoding import encode
from rung.errors import UserError
from rung.types import Candidate, Example

if TYPE_CHECKING:
    from torch import Tensor

    from rung.export.subject import Subject

# Questions that are compared, the tokens of each one's answer, and of a prompt with it: longer ones are left out.
ROWS, ANSWER_TOKENS, PROMPT_TOKENS = 12, 24, 1024
# Asked where no task's rows are at hand.
OWN_QUESTIONS = (
    "The parcel came a day early, thank you!",
    "I have waited for two weeks and nobody answers my letters.",
    "What is the capital of France?",
    "Write the numbers from one to five.",
    "Is 17 a prime number? Answer yes or no.",
    'Read the JSON {"city": "Paris", "days": 3} and say the city.',
    "Das Gerät ist kaputt, bitte schicken Sie mir ein neues.",
    "Summarise in one sentence: the meeting was moved from Monday to Thursday because two people were ill.",
)
OWN_ANSWER = "Thank you, I understand. The answer is as follows: 1, 2, 3."


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One prompt as Rung renders it (`text`), and tokens: the prompt's, then from `start` on an answer's.

    Compared is what is said next to all of them from the prompt's last on.
    """

    text: str
    ids: tuple[int, ...]
    start: int

    @property
    def first(self) -> int:
        """The place of the first token whose next one is compared."""
        return self.start - 1


@dataclass(frozen=True, kw_only=True)
class Registered:
    """logits  of each probe, (compared tokens, vocabulary), float32, by the engine that the Candidate was judged with
    base       the same without its adapters; None where it has none
    about      where the questions come from
    """

    probes: tuple[Probe, ...]
    logits: tuple[Tensor, ...]
    base: tuple[Tensor, ...] | None
    about: str


@dataclass(frozen=True, kw_only=True)
class Distance:
    """logits  the largest difference of any
    nats       mean divergence of the second from the first (Kullback and Leibler), a token
    worst      the same of the token where it is largest
    same       the share of tokens at which both find the same next one likeliest
    """

    logits: float
    nats: float
    worst: float
    same: float
    tokens: int


def registered(subject: Subject) -> Registered:
    """Computed in float32. Raises UserError for a base whose weights are not here."""
    import torch

    from rung.engine.local.adapters import AdapterCache
    from rung.engine.local.model import LocalModel

    folder = base_folder(subject)
    model = LocalModel.load(folder, dtype=torch.float32, device="cpu")
    probes, about = probes_of(subject, model.tokenizer, model.config.max_positions)
    decoder = model.decoder
    plain = _said(decoder, probes, None)
    if not subject.candidate.adapters:
        return Registered(probes=probes, logits=plain, base=None, about=about)
    update = AdapterCache(decoder).stack(adapter_uses(subject.candidate.adapters, subject.blobs)).update
    return Registered(probes=probes, logits=_said(decoder, probes, update), base=plain, about=about)


def base_folder(subject: Subject) -> Path:
    """Of the weights that the Candidate answers from. Raises UserError where they are not on this machine."""
    folder = subject.base.folder
    if folder is None:
        raise UserError("the weights of its base are not on this machine", where=subject.candidate.base)
    return folder


def _said(decoder: Any, probes: Sequence[Probe], update: Any) -> tuple[Tensor, ...]:
    import torch

    from rung.engine.local.attention import PrefixedRows

    found = []
    with torch.inference_mode():
        for probe in probes:
            ids, length = torch.tensor(probe.ids), len(probe.ids)
            attention = PrefixedRows(prefix_tokens=length, rows=0, row_length=0)
            hidden = decoder.hidden(ids, torch.arange(length), attention, update)
            found.append(decoder.logits(hidden[probe.first :], update).float())
    return tuple(found)


def probes_of(subject: Subject, tokenizer: Any, longest: int) -> tuple[tuple[Probe, ...], str]:
    """Dev rows of its task, where that is at hand, else questions of our own; and which of the two. What a row is asked beside
    passages that would be looked up is what weights are compared on."""
    rows, about = _asked(subject)
    made = [_probe(_request(subject, row), answer, tokenizer) for row, answer in rows]
    fitting = [probe for probe in made if len(probe.ids) <= min(longest, PROMPT_TOKENS)][:ROWS]
    if not fitting:
        made = [_probe(_plain(question), OWN_ANSWER, tokenizer) for question in OWN_QUESTIONS]
        fitting, about = [probe for probe in made if len(probe.ids) <= longest], "questions of rung's own"
    return tuple(fitting), about


def _asked(subject: Subject) -> tuple[list[tuple[Example, str]], str]:
    from rung.verify.scoring import target_text

    task = subject.task
    rows = [row for row in task.split("dev") if row.target is not None] if task else []
    if task and rows:
        # Spread over the split; more than are compared, since some may be too long.
        spread = rows[:: max(1, len(rows) // (4 * ROWS))]
        return [(row, target_text(task, row)) for row in spread], "dev rows"
    own = [Example(id=str(place), messages=({"role": "user", "content": text},)) for place, text in enumerate(OWN_QUESTIONS)]
    return [(row, OWN_ANSWER) for row in own], "questions of rung's own"


def _request(subject: Subject, row: Example) -> Request:
    candidate = subject.candidate
    shown = candidate.demonstrations
    pool = Pool.read(subject.blobs.local(shown.pool)) if shown else None
    asked = replace(candidate, retrieval=None, calibration=None)
    return compose(asked, row, pool, shown.total if shown else None)


def _plain(question: str) -> Request:
    return compose(Candidate(rung="", base=""), Example(id="", messages=({"role": "user", "content": question},)))


def _probe(request: Request, answer: str, tokenizer: Any) -> Probe:
    text = prompt_text(tokenizer, request.messages, request.tools)
    prompt = encode(tokenizer, text)
    return Probe(text=text, ids=(*prompt, *encode(tokenizer, answer)[:ANSWER_TOKENS]), start=len(prompt))


def asked_of(probes: Sequence[Probe], answer: Callable[[Tensor], Tensor]) -> tuple[Tensor, ...]:
    """What a reader says next: `answer` gives (1, length, vocabulary) logits for (1, length) tokens."""
    import torch

    with torch.inference_mode():
        return tuple(answer(torch.tensor([probe.ids]))[0, probe.first :].float().cpu() for probe in probes)


def distance(first: Sequence[Tensor], second: Sequence[Tensor]) -> Distance:
    """Between what two said of the same probes. What is no number in either makes every figure none."""
    import torch

    logits, divergences, alike = [0.0], [], []
    for one, other in zip(first, second, strict=True):
        logits.append(float((one - other).abs().max()))
        left, right = (torch.log_softmax(each.double(), dim=-1) for each in (one, other))
        divergences.append((left.exp() * (left - right)).sum(dim=-1))
        alike.append(one.argmax(dim=-1) == other.argmax(dim=-1))
    nats, same = torch.cat(divergences), torch.cat(alike).double()
    finite = bool(torch.isfinite(nats).all())
    none = float("nan")
    return Distance(
        logits=max(logits) if finite else none,
        nats=float(nats.mean()) if finite else none,
        worst=float(nats.max()) if finite else none,
        same=float(same.mean()) if finite else none,
        tokens=len(nats),
    )


def effect(found: Registered) -> float:
    """How far the adapters move the base, in nats a token: what a comparison has to be finer than. Infinite without adapters."""
    return distance(found.logits, found.base).nats if found.base else float("inf")
