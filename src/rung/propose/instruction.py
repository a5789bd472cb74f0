"""What a model is told to do, worded from what the answers are and what the columns are called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rung.data.read.where import as_text
from rung.data.shapes.columns import Columns
from rung.propose.jobs import Asked, job_of
from rung.propose.lists import lists_in
from rung.propose.scorer import Kind
from rung.types import Example

MOST_NAMED = 20
ALONE = "Say nothing else."
YES_NO = ({"yes", "no"}, {"true", "false"}, {"ja", "nein"}, {"oui", "non"}, {"sí", "no"}, {"y", "n"}, {"是", "否"})
ENTAILMENT = {"entailment", "neutral", "contradiction", "entails", "not_entailment", "contradicts", "supports", "refutes"}
TONE = frozenset(
    ["sentiment", "tone", "polarity", "emotion", "emotions", "feeling", "feelings", "mood", "attitude", "stance", "stimmung"]
)
TOPIC = frozenset(["topic", "topics", "subject", "theme", "genre", "section", "thema", "tema"])
# Names of answers that say nothing of what is asked.
GENERAL = frozenset(
    re.findall(
        r"\w+",
        """
        label labels target class classes category categories output answer answers response completion expected gold truth y tag
        type kind result value klasse kategorie column name
        """,
    )
)
DATED = frozenset(["date", "dates", "day", "datetime", "deadline", "birthday", "timestamp", "datum", "fecha"])
STARS = frozenset(["stars", "star", "rating", "ratings", "score", "scores", "overall", "grade"])


def instruction_for(kind: Kind, classes: Mapping[str, int], examples: Sequence[Example], columns: Columns) -> str:
    """What to tell a model: the job, the answers that there are, and their form."""
    if kind != "tool calls" and all(example.messages[0]["role"] in ("system", "developer") for example in examples):
        return "Follow the instructions of the conversation."
    asked = Asked(examples=examples, columns=columns)
    if kind == "closed set":
        return f"{_classify(asked, classes)} {ALONE}"
    job, column = job_of(asked), _said(asked)
    instructions: dict[Kind, str] = {
        "several labels": f"{_labels(asked, examples)} {ALONE}",
        "alternatives": f"{job} Answer in a few words. {ALONE}".strip(),
        "references": job or "Answer the message.",
        "required items": f"{job} Name all {column or 'items'} that are asked for.".strip(),
        "number": f"{_number(asked, column)} {ALONE}",
        "identifier": f"Give the {column or 'number'}, exactly as it is written. {ALONE}",
        "date": f"Give the {column if DATED & asked.target.known else 'date'}. {ALONE}",
        "JSON object": _fields(asked, examples),
        "tool calls": "Reply with the function call as JSON.",
        "short text": f"{job} {ALONE}" if job and not job.startswith("Answer") else f"{job} Answer in a few words. {ALONE}".strip(),
        "text": job or "Answer the message.",
        "code": f"{job or 'Write the Python code that is asked for.'} {ALONE}",
    }
    return instructions[kind]


def _said(asked: Asked) -> str:
    """The answer's column in words, where it says more than that it is the answer."""
    words = asked.target.words
    return "" if asked.target.is_placed or set(words) <= GENERAL else " ".join(words)


def _classify(asked: Asked, classes: Mapping[str, int]) -> str:
    known, names = asked.target.known, sorted(classes)
    folded = {name.casefold() for name in names}
    listed = f"one of these: {', '.join(names)}" if len(names) <= MOST_NAMED else f"one of the {len(names)} that there are"
    if folded in YES_NO:
        return f"{_yes_no(asked)} Answer with {' or '.join(names)}."
    if _are_letters(names) and _lists_options(asked, names):
        return f"Answer the question with the letter of the right option, {listed}."
    if folded <= {"0", "1"} and _said(asked):
        return f"Is this {asked.thing} {_trait(_said(asked))}? Answer with 1 for yes or 0 for no."
    if known & STARS and all(name.lstrip("-").isdigit() for name in names):
        low, *_, high = sorted(names, key=int)
        return f"Rate the {asked.thing} from {low} to {high}. Answer with the number alone, {listed}."
    return f"{_job_of_classes(asked, folded)} Answer with {listed}."


def _job_of_classes(asked: Asked, names: set[str]) -> str:
    known, said, thing = asked.target.known, _said(asked), asked.thing
    if len(names & ENTAILMENT) > 1:
        follows = "the second text follows from the first" if len(asked.inputs) > 1 else "the claim follows"
        return f"Say whether {follows}, contradicts it, or neither."
    if known & {"intent", "intents", "intention"}:
        return f"Say what the writer of the {thing} wants."
    if known & TONE:
        return f"Classify the {thing} by its {said or 'tone'}."
    if known & {"language", "lang"} and not known & TOPIC:
        return f"Name the language of the {thing}."
    asks = len(asked.inputs) == 1 and "question" in asked.inputs[0].known and not said
    return "Answer the question." if asks else f"Classify the {thing}{f' by its {said}' if said else ''}."


def _yes_no(asked: Asked) -> str:
    said = _said(asked)
    if asked.asks:
        return "Answer the question from the text that is given." if asked.gives_context else "Answer the question."
    return f"Is this {asked.thing} {_trait(said)}?" if said else f"Decide about the {asked.thing}."


def _trait(said: str) -> str:
    """`is spam`, `has_refund`: what is asked of the text, without the verb that the column's name begins with."""
    return re.sub(r"^(?:is|was|has|label)\s+", "", said)


def _are_letters(names: Sequence[str]) -> bool:
    return all(len(name) == 1 and "A" <= name.upper() <= "J" for name in names)


def _lists_options(asked: Asked, names: Sequence[str]) -> bool:
    """Whether most questions show an option for each letter."""
    marks = [re.compile(rf"(?m)(?:^|\s)\(?{re.escape(name)}[).:]\s", re.IGNORECASE) for name in names[:2]]
    shown = sum(all(mark.search(question) for mark in marks) for question in asked.questions)
    return shown > 0.5 * len(asked.questions)


def _labels(asked: Asked, examples: Sequence[Example]) -> str:
    names = asked.columns.targets()
    column = " ".join(asked.target.words) if len(names) == 1 else ""
    found = lists_in([example.target for example in examples], names[0] if len(names) == 1 else "")
    labels = f", out of these: {', '.join(found.labels)}" if found and len(found.labels) <= MOST_NAMED else ""
    return f"Answer with all {column or 'labels'} that apply to the {asked.thing}{labels}, as a JSON list."


def _number(asked: Asked, column: str) -> str:
    if len(asked.inputs) > 1 and asked.target.known & {"similarity", "score", "relatedness", "distance"}:
        return f"Rate how much the texts are alike, as a number{_range(asked)}."
    if asked.target.known & STARS:
        return f"Rate the {asked.thing}, as a number{_range(asked)}."
    if column:
        return f"Give the {column}, as a number."
    return "Answer the question with a number." if asked.asks else "Work it out and answer with the number."


def _range(asked: Asked) -> str:
    """` from 0 to 5`, where all answers are plain numbers."""
    try:
        values = [float(answer) for answer in asked.answers]
    except ValueError:
        return ""
    return f" from {min(values):g} to {max(values):g}" if values else ""


def _fields(asked: Asked, examples: Sequence[Example]) -> str:
    objects = [row.target for row in examples if isinstance(row.target, dict)]
    fields = ", ".join(dict.fromkeys(name for target in objects for name in target))
    pairs = [(row, as_text(value)) for row in examples[:200] if isinstance(row.target, dict) for value in row.target.values()]
    inside = sum(value.casefold() in as_text(row.messages[-1].get("content") or "").casefold() for row, value in pairs if value)
    if inside > 0.5 * max(1, len(pairs)):
        return f"Extract from the {asked.thing} these fields and reply with them as a JSON object: {fields}."
    return f"Reply with a JSON object with the fields {fields}."
