"""A linear model over word and character n-grams: what answers for a Candidate whose base is `linear:<digest>`.

The folder holds `linear.json` (the vocabulary, and each field's classes) and `linear.safetensors` (weights); nothing in it is code.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rung.engine.chat import text_of
from rung.errors import BrokenEnvironment
from rung.types import Answer, Example

FORM = 1
# The n-grams of each vocabulary. Words keep single letters and digits; characters stay within words.
VOCABULARIES: Mapping[str, Mapping[str, Any]] = {
    "word": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    "char": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One thing to tell: the whole answer (`name` None), or one field of a JSON object.

    classes    what it can be: the answer's text, or the field's JSON value as text ("" where the field is left out)
    weights    (1 or classes, features) float32; (0, 0) where there is but one class
    intercept  (1 or classes,) float32
    scale      what a score is multiplied with to become a log-odds, fitted by cross-validation
    """

    name: str | None
    classes: tuple[str, ...]
    weights: Any
    intercept: Any
    scale: float = 1.0

    def log_probabilities(self, features: Any) -> Any:
        """(rows, classes) log-probabilities for (rows, features) n-gram weights."""
        import numpy as np
        from scipy.special import log_softmax

        if len(self.classes) == 1:
            return np.zeros((features.shape[0], 1))
        scores = self.scale * (features @ self.weights.T + self.intercept)
        if scores.shape[1] == 1:
            scores = np.hstack([np.zeros_like(scores), scores])
        return log_softmax(scores, axis=1)


@dataclass(frozen=True, kw_only=True)
class LinearModel:
    """`terms` and `idf` of each of VOCABULARIES, and a Field for each thing to tell."""

    terms: Mapping[str, Sequence[str]]
    idf: Mapping[str, Any]
    fields: tuple[Field, ...]

    def features(self, texts: Sequence[str]) -> Any:
        """(rows, features) sparse TF-IDF weights."""
        from scipy.sparse import hstack
        from sklearn.feature_extraction.text import TfidfVectorizer

        parts = []
        for kind, settings in VOCABULARIES.items():
            if len(self.terms[kind]):
                vectoriser = TfidfVectorizer(**settings, sublinear_tf=True, vocabulary=list(self.terms[kind]))
                vectoriser.idf_ = self.idf[kind]
                parts.append(vectoriser.transform(texts))
        return hstack(parts).tocsr()


def question_text(example: Example) -> str:
    """What the user said, in all turns: all that the linear model looks at."""
    return "\n".join(text_of(message.get("content")) for message in example.messages if message.get("role") == "user")


def save(model: LinearModel, folder: Path) -> None:
    """Write `linear.json` and `linear.safetensors`: the same model gives the same bytes."""
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    fields = [{"name": field.name, "classes": list(field.classes), "scale": field.scale} for field in model.fields]
    described = {"form": FORM, "terms": {kind: list(terms) for kind, terms in model.terms.items()}, "fields": fields}
    (folder / "linear.json").write_text(json.dumps(described, ensure_ascii=False) + "\n", "utf-8")
    tensors = {f"idf.{kind}": idf for kind, idf in model.idf.items()}
    for place, field in enumerate(model.fields):
        tensors |= {f"weights.{place}": field.weights, f"intercept.{place}": field.intercept}
    # safetensors writes memory as it lies: a matrix in column order, as scikit-learn gives them, would come back scrambled.
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    save_file(tensors, folder / "linear.safetensors")


def load(folder: Path) -> LinearModel:
    """Raises BrokenEnvironment where the files are missing, damaged or of another version."""
    from safetensors.numpy import load_file

    try:
        described = json.loads((folder / "linear.json").read_text("utf-8"))
        if described["form"] != FORM:
            raise BrokenEnvironment(f"a linear model of form {described['form']}, not {FORM}", where=str(folder))
        tensors = load_file(folder / "linear.safetensors")
        fields = tuple(
            Field(
                name=field["name"],
                classes=tuple(field["classes"]),
                weights=tensors[f"weights.{place}"],
                intercept=tensors[f"intercept.{place}"],
                scale=field["scale"],
            )
            for place, field in enumerate(described["fields"])
        )
        return LinearModel(terms=described["terms"], idf={kind: tensors[f"idf.{kind}"] for kind in VOCABULARIES}, fields=fields)
    except BrokenEnvironment:
        raise
    except Exception as error:  # safetensors has its own error class for damage, outside any common base
        raise BrokenEnvironment(f"the linear model cannot be read: {error}", where=str(folder)) from error


def predict(folder: Path, examples: Sequence[Example]) -> list[Answer]:
    """One Answer for each example. A whole answer comes with the log-probability of every class; no token is read or written."""
    if not examples:
        return []
    started = time.perf_counter()
    model = _loaded(str(folder))
    features = model.features([question_text(example) for example in examples])
    told = [field.log_probabilities(features) for field in model.fields]
    whole = model.fields[0].name is None
    answers = []
    for row in range(len(examples)):
        chosen = [field.classes[int(table[row].argmax())] for field, table in zip(model.fields, told, strict=True)]
        text = chosen[0] if whole else _object_text(model.fields, chosen)
        logprobs = dict(zip(model.fields[0].classes, map(_rounded, told[0][row]), strict=True)) if whole else None
        answers.append((text, logprobs))
    latency_s = (time.perf_counter() - started) / len(examples)
    return [
        Answer(
            text=text, latency_s=latency_s, prompt_tokens=0, cached_tokens=0, completion_tokens=0, cost_usd=0.0, logprobs=logprobs
        )
        for text, logprobs in answers
    ]


def _rounded(log_probability: float) -> float:
    """To six digits, so that a cached answer and a fresh one are equal; far below any probability that matters it stops falling."""
    return round(max(float(log_probability), math.log(1e-30)), 6)


def _object_text(fields: Sequence[Field], chosen: Sequence[str]) -> str:
    """The JSON object of the fields that are not left out, in the fields' order."""
    told = {field.name: json.loads(value) for field, value in zip(fields, chosen, strict=True) if value}
    return json.dumps(told, ensure_ascii=False)


@lru_cache(maxsize=4)
def _loaded(folder: str) -> LinearModel:
    """A blob's folder never changes, so that it is read once."""
    return load(Path(folder))
