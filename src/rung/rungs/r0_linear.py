"""Linear model: TF-IDF over words and characters and a linear classifier; no language model, seconds to train.

It applies where answers are one of a closed set, or JSON objects each of whose fields is. There is a support-vector classifier
(Fan et al., 2008) for each thing to tell; its penalty is chosen by cross-validation on train, and its scores are scaled to
probabilities on the same held-out folds (Platt's scaling without an offset; a softmax where there are more than two classes).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from rung.errors import UserError
from rung.parts import Span
from rung.rungs.asks import Foreseen, Working
from rung.rungs.base import BuildContext, labelled
from rung.rungs.causes import TRIVIAL
from rung.rungs.linear_fit import classifier, scale_of, seconds_of, targets_of, unseen_scores, vocabularies
from rung.rungs.settings import read_settings
from rung.sources.base import BaseReference
from rung.types import Candidate, Task

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
    return targets_of(task, rows)[1]


def foresee(task: Task, parent: Candidate | None, context: BuildContext) -> Foreseen:
    """The cross-validation on train. Its answers take no time to speak of."""
    config, rows = read_settings(task, "r0_linear", Config), labelled(task)
    searched = min(1.0, config.search_rows / max(1, len(rows)))
    # Each fold's classifier is fitted to the rows of the others; the last one to all.
    fits = 1 + len(config.penalties) * (config.folds - 1) * searched
    return Foreseen(asks=(Working(what="cross-validation on train", seconds=Span.of(seconds_of(task, rows, fits))),))


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Train on the train split. Raises UserError where it does not apply or the messages hold no text."""
    from rung.engine import linear

    config = read_settings(task, "r0_linear", Config)
    rows = labelled(task)
    wanted, reason = targets_of(task, rows) if rows else ({}, "train has no row with a target")
    if reason:
        raise UserError(f"the linear model does not apply: {reason}", where=task.path)
    texts = [linear.question_text(row) for row in rows]
    terms, idf = vocabularies(texts)
    if not any(terms.values()):
        raise UserError("the messages of the train rows hold no text to learn from", where=task.path)
    features = linear.LinearModel(terms=terms, idf=idf, fields=()).features(texts)
    told = tuple(_fit(name, values, features, _Search(config, task.seed, context)) for name, values in wanted.items())
    folder = context.work / "linear"
    linear.save(linear.LinearModel(terms=terms, idf=idf, fields=told), folder)
    base = str(BaseReference.linear(context.blobs.put_tree(folder)))
    candidate = Candidate(rung="r0_linear", base=base, parent=parent.id if parent else None)
    return candidate


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
        held_out = {c: unseen_scores(c, self.seed, parts, len(classes), labels, features) for c in self.config.penalties}
        right = {c: float((scores.argmax(axis=1) == labels).mean()) for c, scores in held_out.items()}
        best = max(right, key=lambda c: (right[c], -c))
        for c, share in right.items():
            trial = f"penalty C = {c:g}{f', field {name}' if name else ''} (cross-validated on train)"
            self.context.record("trial", {"name": trial, "mean": share, "n": len(rows), "chosen": c == best})
        return best, scale_of(held_out[best], labels)


def _fit(name: str | None, values: Sequence[str], features: Any, search: _Search) -> linear.Field:
    import numpy as np

    from rung.engine.linear import Field as Told

    classes = tuple(sorted(set(values)))
    if len(classes) == 1:
        return Told(name=name, classes=classes, weights=np.zeros((0, 0), np.float32), intercept=np.zeros(0, np.float32))
    place = {value: index for index, value in enumerate(classes)}
    labels = np.array([place[value] for value in values])
    penalty, scale = search.run(name, classes, labels, features)
    model = classifier(penalty, search.seed).fit(features, labels)
    weights, intercept = model.coef_.astype(np.float32), np.atleast_1d(model.intercept_).astype(np.float32)
    search.context.progress.note(f"linear model{f', field {name}' if name else ''}: {len(classes)} classes, C = {penalty:g}")
    return Told(name=name, classes=classes, weights=weights, intercept=intercept, scale=scale)
