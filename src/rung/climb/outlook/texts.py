"""Made-up questions of known lengths, by which a machine is measured: short and long, answered by a choice, freely, in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.types import Bar, Candidate, Example, Task

WHO = ("The customer", "A neighbour", "My sister", "The driver", "Our team", "A reader", "The nurse", "Somebody", "The owner")
DID = ("asked for", "forgot", "paid for", "returned", "was glad about", "waited for", "lost", "praised", "wrote about", "repaired")
WHAT = ("the parcel", "a blue bicycle", "two tickets", "the last invoice", "an old camera", "the garden gate", "a cup of tea")
WHEN = ("on Monday", "this morning", "after the storm", "in March", "before lunch", "a week ago", "late at night", "in the end")
INSTRUCTION = "Read the message. Say of what kind it is, and answer with one word and nothing else: question, praise or complaint."
# Sentences of a short question and of a long one, and tokens of an answer that is written.
SHORT, LONG, WRITTEN = 2, 40, 24
SCHEMA = {
    "type": "object",
    "properties": {"who": {"type": "string", "maxLength": 24}, "what": {"type": "string", "maxLength": 24}},
    "required": ["who", "what"],
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of question: how long, how it is answered, on how many rows at most, in what share of the time."""

    name: str
    candidate: Candidate
    sentences: int
    most: int
    share: float


def made_task(base: str) -> Task:
    """A task of no rows on this base: what a Reader needs to know."""
    return Task(name="speed", base=base, instruction=INSTRUCTION, examples=(), quality=Bar(scorer=""))


def kinds(base: str, template: str, adapters: tuple[str, ...]) -> tuple[Kind, ...]:
    """The kinds by which a base is measured, the quickest first."""
    plain = Candidate(rung="speed", base=base, template=template, adapters=adapters, prompt=INSTRUCTION, max_tokens=WRITTEN)
    choice = replace(plain, constraint=ChoiceConstraint(choices=("question", "praise", "complaint")))
    in_json = replace(plain, constraint=SchemaConstraint(schema=SCHEMA))
    return (
        Kind(name="short", candidate=choice, sentences=SHORT, most=48, share=0.2),
        Kind(name="long", candidate=choice, sentences=LONG, most=12, share=0.25),
        Kind(name="written, a few", candidate=plain, sentences=SHORT, most=4, share=0.15),
        Kind(name="written, many", candidate=plain, sentences=SHORT, most=24, share=0.2),
        Kind(name="in JSON", candidate=in_json, sentences=SHORT, most=12, share=0.15),
    )


def questions(sentences: int) -> Iterator[Example]:
    """Ever other questions of about so many sentences, a fifth shorter or longer."""
    for number in count():
        several = max(1, sentences + (number % 5 - 2) * sentences // 10)
        told = " ".join(_sentence(number * 131 + place) for place in range(several))
        yield Example(id=f"{sentences}-{number}", messages=({"role": "user", "content": told},), target=None)


def _sentence(number: int) -> str:
    who, did, what, when = (words[number * step % len(words)] for words, step in ((WHO, 7), (DID, 3), (WHAT, 5), (WHEN, 11)))
    return f"{who} {did} {what} {when}, number {number}."
