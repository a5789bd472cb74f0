"""A model card as model hubs read it: a head in YAML, and a text made of the record; nothing is invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rung.export.base import Agreement, version_in
from rung.export.parts import PARTS
from rung.export.records.base_words import base_name
from rung.export.records.card_text import body
from rung.export.records.told import Told, told
from rung.export.subject import Subject
from rung.types import Bar, Candidate, Verdict

EXTRA = ""
READER = "huggingface_hub"
CARRIES = PARTS
FILE = "README.md"


def fits(candidate: Candidate) -> str:
    """Whatever it is made of."""
    return ""


def write(subject: Subject, folder: Path) -> None:
    """`README.md`."""
    known = told(subject)
    # In bytes: no line end is turned into another.
    (folder / FILE).write_bytes(f"---\n{_yaml(head(known))}---\n{body(known)}".encode("utf-8", "replace"))


def check(subject: Subject, folder: Path) -> Agreement:
    """Reads the head as model hubs do, and counts the fields that come back otherwise, or not at all."""
    from huggingface_hub import ModelCard

    wanted = head(told(subject))
    found = ModelCard.load(folder / FILE).data.to_dict()
    other = [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]
    return Agreement(
        reader=version_in("huggingface-hub"),
        measure="fields of the head that are read otherwise",
        value=len(other),
        limit=0,
        rows=len(wanted),
        about=", ".join(other),
    )


def notes(subject: Subject) -> list[str]:
    """What a hub wants that the record does not say."""
    found = ["It names no licence: whoever publishes it puts `license:` into its head."]
    if not base_name(subject.candidate.base_reference).hub:
        found.append("It names no base_model: hubs take names of their own alone, and the base was not taken from one.")
    return found


def head(known: Told) -> dict[str, Any]:
    """What stands in the card's head. Only what a hub can take: a base that is not on one is named in the text alone."""
    base = base_name(known.candidate.base_reference)
    found: dict[str, Any] = {"library_name": "rung", "tags": ["rung", known.candidate.rung, known.status.lower()]}
    found["pipeline_tag"] = known.kind
    if base.hub:
        found["base_model"] = base.hub
        if known.candidate.adapters:
            found["base_model_relation"] = "adapter"
    metrics = [_metric(bar, verdict) for bar, verdict in known.judged if verdict.estimate is not None]
    if metrics:
        name = known.task.name if known.task else known.name
        dataset = {"name": f"{name}, locked rows", "type": name, "split": "test", "revision": known.lock}
        # One result for all bars: readers take results of one task and data together.
        result = {"task": {"type": known.kind, "name": name}, "dataset": dataset, "metrics": metrics}
        found["model-index"] = [{"name": known.ref, "results": [result]}]
    found["rung"] = {
        "version": known.ref,
        "status": known.status,
        "candidate": known.candidate.id,
        "base": base.digest or None,
        "template": known.candidate.template or None,
        "task": known.lock or None,
        "data": {split.name: split.digest for split in known.splits} or None,
        "receipt": known.receipt_digest or None,
    }
    found["rung"] = {key: value for key, value in found["rung"].items() if value is not None}
    return found


def _metric(bar: Bar | None, verdict: Verdict) -> dict[str, Any]:
    measured = f", {bar.measured}" if bar and bar.measured else ""
    args = {"status": verdict.status, "lower": verdict.lower, "upper": verdict.upper, "bar": verdict.bar, "alpha": verdict.alpha}
    args |= {"rows": verdict.n, "missing": verdict.missing}
    return {
        "type": bar.scorer if bar else verdict.name,
        "value": verdict.estimate,
        "name": f"{verdict.name}{measured}",
        "args": {key: value for key, value in args.items() if value is not None},
    }


def _yaml(head: dict[str, Any]) -> str:
    """Every text in quotes: `no`, `1e5` and a digest of digits alone are texts to every reader then."""
    import yaml

    class Quoting(yaml.SafeDumper):
        """Writes no anchors, which few readers of heads know."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    Quoting.add_representer(str, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"'))
    text: str = yaml.dump(head, Dumper=Quoting, sort_keys=False, allow_unicode=True, width=10_000)
    return text
