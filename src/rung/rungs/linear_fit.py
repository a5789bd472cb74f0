"""What a linear model is fitted with: its targets, its vocabularies, a classifier for each thing to tell, scores of unseen rows."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rung.json_form import canonical_json
from rung.types import Example, Task

MOST_CLASSES = 200
LEAST_ROWS_PER_CLASS = 3
LEFT_OUT = ""
# Seconds to begin with, of each character that is turned into features, and again at each fit of a classifier to them: measured on
# 200 to 4,000 rows of 100 to 900 characters. One of K classes takes about K ** CLASSES times as long as one of two.
START_S, FEATURES_S, FIT_S, CLASSES = 0.2, 2.5e-6, 1.3e-7, 0.75


def seconds_of(task: Task, rows: Sequence[Example], fits: float) -> float:
    """About what features of these rows take, and so many fits to all of them of a classifier for each thing to tell."""
    from rung.engine import linear

    wanted, reason = targets_of(task, rows) if rows else ({}, "no row")
    told = [] if reason else [len(set(values)) for values in wanted.values()]
    classifiers = sum(1.0 if classes == 2 else classes**CLASSES for classes in told if classes > 1)
    return START_S + sum(len(linear.question_text(row)) for row in rows) * (FEATURES_S + FIT_S * fits * classifiers)


def out_of_fold(task: Task, rows: Sequence[Example], folds: int = 3) -> tuple[tuple[str, ...], Any, Any] | None:
    """(classes, (rows, classes) probabilities, each row by a model that has not seen it, the (rows,) classes given).

    None where it does not apply to a whole answer, or a class has fewer rows than there are folds.
    """
    import numpy as np
    from scipy.special import softmax
    from sklearn.model_selection import StratifiedKFold

    from rung.engine import linear

    wanted, reason = targets_of(task, rows) if rows else ({}, "no row")
    texts = [linear.question_text(row) for row in rows]
    if reason or list(wanted) != [None] or min(Counter(wanted[None]).values()) < folds:
        return None
    terms, idf = vocabularies(texts)
    if not any(terms.values()):
        return None
    features = linear.LinearModel(terms=terms, idf=idf, fields=()).features(texts)
    classes = tuple(sorted(set(wanted[None])))
    labels = np.array([classes.index(value) for value in wanted[None]])
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=task.seed).split(features, labels))
    scores = unseen_scores(1.0, task.seed, parts, len(classes), labels, features)
    return classes, softmax(scale_of(scores, labels) * scores, axis=1), labels


def targets_of(task: Task, rows: Sequence[Example]) -> tuple[dict[str | None, list[str]], str]:
    """What to tell for each row, as text: {None: answers} or {field: JSON values}; and why there is nothing to be told, or ""."""
    from rung.verify.scoring import scorer_of

    scorer = scorer_of(task)
    answers = [scorer.ideal(row) for row in rows]
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


def vocabularies(texts: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, Any]]:
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


def unseen_scores(c: float, seed: int, parts: Sequence[Any], classes: int, labels: Any, features: Any) -> Any:
    """(rows, classes) scores of each row by the model that has not seen it; a class not learnt there scores below all."""
    import numpy as np

    scores = np.empty((len(labels), classes))
    for seen, unseen in parts:
        model = classifier(c, seed).fit(features[seen], labels[seen])
        found = model.decision_function(features[unseen])
        columns = np.column_stack([np.zeros(len(unseen)), found]) if found.ndim == 1 else found
        part = np.full((len(unseen), classes), columns.min() - 1.0)
        part[:, model.classes_] = columns
        scores[unseen] = part
    return scores


def classifier(penalty: float, seed: int) -> Any:
    """A support-vector classifier, not yet fitted."""
    from sklearn.svm import LinearSVC

    return LinearSVC(C=penalty, random_state=seed)


def scale_of(scores: Any, labels: Any) -> float:
    """What to multiply scores with so that their softmax makes the labels likeliest; to six digits."""
    import numpy as np
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(logarithm: float) -> float:
        return -float(log_softmax(math.exp(logarithm) * scores, axis=1)[np.arange(len(labels)), labels].mean())

    return round(math.exp(minimize_scalar(loss, bounds=(-3.0, 4.0), method="bounded").x), 6)
