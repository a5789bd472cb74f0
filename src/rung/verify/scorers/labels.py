"""The answer names every label that applies and no other, out of a closed set: as a set, or by how far it agrees.

A target is a list of labels, or a text with a mark between them. Answers are read as JSON lists, lines with or without bullets, and
labels with a comma, a semicolon, a stroke or `and` between them. The empty set is an answer like any other: an empty list, or the
word `none`. What stands where a label should and is none counts as a wrong one. A label that is named twice counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from rung.choices import differ_in_case_alone, labels_in
from rung.errors import UserError
from rung.parts import Constraint, SchemaConstraint
from rung.types import Example, Score
from rung.verify.label_sets import MOST_LABELS, Named, Reader, parts_of, separator_of
from rung.verify.parse import NotJson, as_text, strict_json
from rung.verify.schema import closed_values
from rung.verify.scoring import missing_target

PROPOSED: dict[str, dict[str, object]] = {"several labels": {}}


class Config(BaseModel, extra="forbid", frozen=True):
    """`choices`: the closed set; left out, the labels of the data. `measure`: 1 for the very set, or how far a row's sets agree.

    `separator`: the mark between labels in targets that are texts; left out, found. `none`: the word for no label.
    """

    choices: tuple[str, ...] = ()
    measure: Literal["exact", "jaccard", "f1"] = "exact"
    separator: str | None = Field(default=None, min_length=1)
    none: str = Field(default="none", min_length=1)
    ignore_case: bool = True

    @field_validator("choices", mode="before")
    @classmethod
    def _as_texts(cls, value: Any) -> Any:
        return [as_text(item) for item in value] if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _one_meaning(self) -> Config:
        reader = _reader(self)
        if reader.key(self.none) in reader.by_key:
            raise ValueError(f"'none' is {self.none!r}, which is one of the choices: give the word for no label another")
        return self


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """The mark between labels, and the labels, from the targets where the settings name none. Raises UserError for free text."""
    targets = [row.target for row in examples if row.target is not None]
    if config.separator is None:
        texts = [target for target in targets if isinstance(target, str) and not _is_json_list(target)]
        config = config.model_copy(update={"separator": separator_of(texts)})
    if config.choices:
        return config
    found = [label for target in targets for label in _labels(target, config)]
    known = labels_in(Counter(" ".join(label.split()) for label in found), _reader(config).key)
    if len(known) > max(MOST_LABELS, len(found) // 2):
        problem = f"the labels are no closed set: {len(known)} different ones in {len(examples)} rows"
        raise UserError(problem, hint="List the 'choices', or use a scorer for free text and say what its lists mean (match).")
    if not known:
        raise UserError("no target names a label", hint="List the 'choices', or use another scorer.")
    return config.model_copy(update={"choices": known})


def score(example: Example, output: str, config: Config) -> Score:
    """How far the answer's set of labels is the target's."""
    if example.target is None:
        return Score(value=None, reason="the row has no target")
    wanted = _labels(example.target, config)
    reader = _reader(config if config.choices else config.model_copy(update={"choices": tuple(wanted)}))
    right = frozenset(map(reader.key, wanted))
    named = reader.read(output)
    if named is None:
        return Score(value=0.0, reason="the answer is empty")
    return Score(value=_agreement(right, named, config.measure), reason=_told(right, named, reader))


def most_labels(config: Config) -> int:
    """As many as there are."""
    return len(config.choices)


def named(example: Example, output: str, config: Config) -> frozenset[str]:
    """The choices that an answer names, as they are spelled there, and "" where it names something else."""
    reader = _reader(config)
    found = reader.read(output)
    if found is None:
        return frozenset()
    return frozenset(reader.by_key[key] for key in found.labels) | frozenset([""] if found.unknown else [])


def render(target: Any, config: Config) -> str:
    """The labels as a JSON list, in the order and the spelling of the closed set."""
    reader = _reader(config)
    wanted = {reader.key(label): label for label in _labels(target, config)}
    ordered = [choice for key, choice in reader.by_key.items() if key in wanted]
    return as_text([*ordered, *(label for key, label in wanted.items() if key not in reader.by_key)])


def check(example: Example, config: Config) -> str | None:
    """The target must name choices alone, each once."""
    if problem := missing_target(example):
        return problem
    reader, labels = _reader(config), _labels(example.target, config)
    unknown = [label for label in labels if reader.by_key and reader.key(label) not in reader.by_key]
    if unknown:
        return f"the target names {unknown[0]!r}, which is not one of the choices"
    return "the target names an empty label" if not all(map(reader.key, labels)) else None


def constraint(examples: Sequence[Example], config: Config) -> Constraint | None:
    """A JSON list of choices. That none comes twice cannot be said in the form that holds a model to it; twice counts once."""
    choices = _choices(examples, config)
    if not choices:
        return None
    items = {"type": "string", "enum": list(choices)}
    return SchemaConstraint(schema={"type": "array", "items": items, "maxItems": len(choices)})


def closed_set(examples: Sequence[Example], config: Config) -> tuple[str, ...] | None:
    """The different sets, where they are few and each is seen often."""
    return closed_values([render(row.target, config) for row in examples if row.target is not None])


def describe(examples: Sequence[Example], config: Config) -> str:
    """Lists the choices; says what to write where none applies, if there are such rows."""
    every = _choices(examples, config)
    text = f"Reply with a JSON list of all that apply and nothing else, out of these: {as_text(list(every))}."
    text += " Capitals count." if differ_in_case_alone(every) else ""
    none_applies = any(row.target is not None and not _labels(row.target, config) for row in examples)
    return text + (" Where none applies, reply: []" if none_applies else "")


def accepts(config: Config) -> Mapping[str, str]:
    """A set has no order."""
    return {"items reordered": "a set has no order"}


def harmless(config: Config) -> tuple[str, ...]:
    """What stands around a list."""
    lenient = config.ignore_case and not differ_in_case_alone(config.choices)
    return ("code fence", *(("case",) if lenient else ()))


def _choices(examples: Sequence[Example], config: Config) -> tuple[str, ...]:
    return config.choices or settle(examples, config, Path()).choices


def _labels(target: Any, config: Config) -> list[str]:
    """A target's labels. One that is the word for none, or empty, is the empty set."""
    if isinstance(target, str) and _is_json_list(target):
        target = strict_json(target)
    if isinstance(target, list | tuple):
        labels = [as_text(item).strip() for item in target]
    else:
        text, known = as_text(target).strip(), _reader(config)
        whole = config.separator is None or known.key(text) in known.by_key
        labels = ([text] if text else []) if whole else parts_of(text, config.separator or "")
    none = _reader(config).key
    return [] if list(map(none, labels)) == [none(config.none)] else labels


def _is_json_list(text: str) -> bool:
    if not text.lstrip().startswith("["):
        return False
    try:
        return isinstance(strict_json(text), list)
    except NotJson:
        return False


def _agreement(right: frozenset[str], named: Named, measure: str) -> float:
    said, common = len(named.labels) + len(named.unknown), len(right & named.labels)
    if measure == "exact":
        return float(common == len(right) == said)
    if not right and not said:
        return 1.0
    return common / (len(right) + said - common) if measure == "jaccard" else 2 * common / (len(right) + said)


def _told(right: frozenset[str], named: Named, reader: Reader) -> str:
    kinds = {
        "lacks": [reader.by_key.get(key, key) for key in right - named.labels],
        "names wrongly": [reader.by_key[key] for key in named.labels - right],
        "is none of the choices": list(named.unknown),
    }
    told = {kind: ", ".join(repr(_short(label)) for label in sorted(labels)) for kind, labels in kinds.items() if labels}
    return "; ".join(f"{kind}: {labels}" for kind, labels in told.items())


def _short(label: str) -> str:
    return label if len(label) <= 60 else label[:57] + "..."


def _reader(config: Config) -> Reader:
    return _made(config.choices, config.ignore_case, config.none)


@lru_cache(maxsize=64)
def _made(choices: tuple[str, ...], ignore_case: bool, none: str) -> Reader:
    return Reader(choices=choices, ignore_case=ignore_case, none=none)
