"""Linear model: TF-IDF over words and characters and a linear classifier; no language model, seconds to train.

It applies where answers are one of a closed set, or JSON objects each of whose fields is. There is a support-vector classifier
(Fan et al., 2008) for each thing to tell; its penalty is chosen by cross-validation on train, and its scores are scaled to
probabilities on the same held-out folds (Platt's scaling without an offset; a softmax where there are more than two classes).
"""

from __future__ import annotations

import json
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from rung.errors import UserError
from rung.json_form import canonical_json
from rung.rungs.base import BuildContext, labelled
from rung.rungs.causes import TRIVIAL
from rung.rungs.settings import read_settings
from rung.types import Candidate, Example, Task

if TYPE_CHECKING:
    from rung.engine import linear

TITLE = "linear model"
UNDO = "point the name at the version before: the model is one file that nothing else uses"
ORDER = 0
CHEAP = True
MENDS = (TRIVIAL,)
# Its model is no language model: nothing above can build on it.
STACKS = False
# It has a learning curve: `rung forecast` builds it on subsets of train.
LEARNS = True

MOST_CLASSES = 200
LEAST_ROWS_PER_CLASS = 3
LEFT_OUT = ""


class Config(BaseModel):
    """The search for the penalty. `search_rows` bounds the rows that it looks at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    penalties: tuple[float, ...] = Field(default=(0.1, 1.0, 10.0), min_length=1)
    folds: int = Field(default=3, ge=2, le=20)
    search_rows: int = Field(default=2000, ge=50)


def applies(task: Task) -> str:
    """Why it does not apply; "" where it does."""
    rows = labelled(task)
    if not rows:
        return "train has no row with a target"
    return _plan(task, rows)[1]


def forecast(task: Task, speeds: Any) -> tuple[float | None, int | None]:
    """About ten milliseconds a train row for the cross-validation, a millisecond an answer, a second to start; little memory."""
    answers = len(task.split("dev")) + len(task.split("gate"))
    return 1 + 0.01 * len(task.split("train")) + 0.001 * answers, None


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Train on the train split. Raises UserError where it does not apply or the messages hold no text."""
    from rung.engine import linear

    config = read_settings(task, "r0_linear", Config)
    rows = labelled(task)
    wanted, reason = _plan(task, rows) if rows else ({}, "train has no row with a target")
    if reason:
        raise UserError(f"the linear model does not apply: {reason}", where=task.path)
    texts = [linear.question_text(row) for row in rows]
    terms, idf = _vocabularies(texts)
    if not any(terms.values()):
        raise UserError("the messages of the train rows hold no text to learn from", where=task.path)
    features = linear.LinearModel(terms=terms, idf=idf, fields=()).features(texts)
    told = tuple(_fit(name, values, features, _Search(config, task.seed, context)) for name, values in wanted.items())
    folder = context.work / "linear"
    linear.save(linear.LinearModel(terms=terms, idf=idf, fields=told), folder)
    base = f"linear:{context.blobs.put_tree(folder)}"
    candidate = Candidate(rung="r0_linear", base=base, parent=parent.id if parent else None)
    return candidate


def out_of_fold(task: Task, rows: Sequence[Example], folds: int = 3) -> tuple[tuple[str, ...], Any, Any] | None:
    """(classes, (rows, classes) probabilities, each row by a model that has not seen it, the (rows,) classes given).

    None where it does not apply to a whole answer, or a class has fewer rows than there are folds.
    """
    import numpy as np
    from scipy.special import softmax
    from sklearn.model_selection import StratifiedKFold

    from rung.engine import linear

    wanted, reason = _plan(task, rows) if rows else ({}, "no row")
    texts = [linear.question_text(row) for row in rows]
    if reason or list(wanted) != [None] or min(Counter(wanted[None]).values()) < folds:
        return None
    terms, idf = _vocabularies(texts)
    if not any(terms.values()):
        return None
    features = linear.LinearModel(terms=terms, idf=idf, fields=()).features(texts)
    classes = tuple(sorted(set(wanted[None])))
    labels = np.array([classes.index(value) for value in wanted[None]])
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=task.seed).split(features, labels))
    scores = _held_out(1.0, task.seed, parts, len(classes), labels, features)
    return classes, softmax(_scale(scores, labels) * scores, axis=1), labels


def _plan(task: Task, rows: Sequence[Example]) -> tuple[dict[str | None, list[str]], str]:
    """What to tell for each row, as text: {None: answers} or {field: JSON values}; and why there is nothing to be told, or ""."""
    from rung.verify.scoring import target_text

    answers = [target_text(task, row) for row in rows]
    if len(set(answers)) < 2:
        return {}, "every train row has the same target"
    objects = [target for target in map(_flat_object, answers) if target is not None]
    if len(objects) < len(answers):
        return {None: answers}, _not_closed(answers, "the targets take")
    names = list(dict.fromkeys(name for target in objects for name in target))
    fields: dict[str | None, list[str]] = {
        name: [canonical_json(target[name]) if name in target else LEFT_OUT for target in objects] for name in names
    }
    reasons = (_not_closed(values, f"the field '{name}' takes") for name, values in fields.items())
    return fields, next(filter(None, reasons), "")


def _flat_object(answer: str) -> dict[str, Any] | None:
    """The JSON object that an answer is, where none of its values has parts of its own."""
    try:
        found = json.loads(answer)
    except ValueError:
        return None
    flat = isinstance(found, dict) and found and not any(isinstance(value, dict | list) for value in found.values())
    return found if flat else None


def _not_closed(values: Sequence[str], what: str) -> str:
    """Why values are not a closed set: too many different ones, or too few rows of each to learn from."""
    different = len(set(values))
    if different <= 1 or (different <= MOST_CLASSES and len(values) >= LEAST_ROWS_PER_CLASS * different):
        return ""
    return f"{what} {different:,} different values in {len(values):,} train rows: no closed set"


def _vocabularies(texts: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Each vocabulary's terms that stand in two rows (of few rows: in one), and their inverse document frequencies."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    from rung.engine.linear import VOCABULARIES

    terms: dict[str, list[str]] = {}
    idf: dict[str, Any] = {}
    for kind, settings in VOCABULARIES.items():
        vectoriser = TfidfVectorizer(**settings, sublinear_tf=True, min_df=2 if len(texts) >= 200 else 1)
        try:
            vectoriser.fit(texts)
            terms[kind], idf[kind] = vectoriser.get_feature_names_out().tolist(), vectoriser.idf_
        except ValueError:  # scikit-learn's word for a vocabulary without a term
            terms[kind], idf[kind] = [], np.zeros(0)
    return terms, idf


class _Search:
    """The cross-validation on train: which penalty, and the scale that makes scores log-odds."""

    def __init__(self, config: Config, seed: int, context: BuildContext) -> None:
        self.config, self.seed, self.context = config, seed, context

    def run(self, name: str | None, classes: Sequence[str], labels: Any, features: Any) -> tuple[float, float]:
        """The penalty and the scale. Without enough rows to hold any out: the middle penalty, unscaled."""
        import numpy as np
        from sklearn.model_selection import StratifiedKFold

        rows = np.sort(np.random.default_rng(self.seed).permutation(len(labels))[: self.config.search_rows])
        features, labels = features[rows], labels[rows]
        counts = sorted(Counter(labels.tolist()).values(), reverse=True)
        if len(counts) < 2 or counts[1] < self.config.folds:
            return self.config.penalties[len(self.config.penalties) // 2], 1.0
        folds = StratifiedKFold(self.config.folds, shuffle=True, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of classes with fewer rows than folds, which are welcome here
            parts = list(folds.split(features, labels))
        held_out = {c: _held_out(c, self.seed, parts, len(classes), labels, features) for c in self.config.penalties}
        right = {c: float((scores.argmax(axis=1) == labels).mean()) for c, scores in held_out.items()}
        best = max(right, key=lambda c: (right[c], -c))
        for c, share in right.items():
            trial = f"penalty C = {c:g}{f', field {name}' if name else ''} (cross-validated on train)"
            self.context.record("trial", {"name": trial, "mean": share, "n": len(rows), "chosen": c == best})
        return best, _scale(held_out[best], labels)


def _held_out(c: float, seed: int, parts: Sequence[Any], classes: int, labels: Any, features: Any) -> Any:
    """(rows, classes) scores of each row by the model that has not seen it; a class not learnt there scores below all."""
    import numpy as np

    scores = np.empty((len(labels), classes))
    for seen, unseen in parts:
        model = _classifier(c, seed).fit(features[seen], labels[seen])
        found = model.decision_function(features[unseen])
        columns = np.column_stack([np.zeros(len(unseen)), found]) if found.ndim == 1 else found
        part = np.full((len(unseen), classes), columns.min() - 1.0)
        part[:, model.classes_] = columns
        scores[unseen] = part
    return scores


def _fit(name: str | None, values: Sequence[str], features: Any, search: _Search) -> linear.Field:
    import numpy as np

    from rung.engine.linear import Field as Told

    classes = tuple(sorted(set(values)))
    if len(classes) == 1:
        return Told(name=name, classes=classes, weights=np.zeros((0, 0), np.float32), intercept=np.zeros(0, np.float32))
    place = {value: index for index, value in enumerate(classes)}
    labels = np.array([place[value] for value in values])
    penalty, scale = search.run(name, classes, labels, features)
    model = _classifier(penalty, search.seed).fit(features, labels)
    weights, intercept = model.coef_.astype(np.float32), np.atleast_1d(model.intercept_).astype(np.float32)
    search.context.progress.note(f"linear model{f', field {name}' if name else ''}: {len(classes)} classes, C = {penalty:g}")
    return Told(name=name, classes=classes, weights=weights, intercept=intercept, scale=scale)


def _classifier(penalty: float, seed: int) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=penalty, random_state=seed)


def _scale(scores: Any, labels: Any) -> float:
    """What to multiply scores with so that their softmax makes the labels likeliest; to six digits."""
    import numpy as np
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(logarithm: float) -> float:
        return -float(log_softmax(math.exp(logarithm) * scores, axis=1)[np.arange(len(labels)), labels].mean())

    return round(math.exp(minimize_scalar(loss, bounds=(-3.0, 4.0), method="bounded").x), 6)
