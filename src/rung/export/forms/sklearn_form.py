"""The linear model as scikit-learn's own objects, given what fitting would have given them: the same texts, the same scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.engine.linear import VOCABULARIES, Field, LinearModel

FEATURES, CLASSIFIER = "features", "classifier"


def pipeline_of(model: LinearModel, field: Field) -> Any:
    """Raw texts to a field's classes: TF-IDF over words and characters, side by side, and a logistic regression.

    What a score is multiplied with to become a log-odds is in its weights, so that its probabilities are those of the model.
    Raises ValueError for a field of one class, which has no weights, and so no pipeline.
    """
    from sklearn.pipeline import FeatureUnion, Pipeline

    if len(field.classes) < 2:
        raise ValueError("a field of one class tells nothing")
    parts = [(kind, _vectoriser(settings, model.terms[kind], model.idf[kind])) for kind, settings in _used(model).items()]
    return Pipeline([(FEATURES, FeatureUnion(parts)), (CLASSIFIER, _classifier(field))])


def _used(model: LinearModel) -> Mapping[str, Mapping[str, Any]]:
    return {kind: settings for kind, settings in VOCABULARIES.items() if len(model.terms[kind])}


def _vectoriser(settings: Mapping[str, Any], terms: Sequence[str], idf: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    # The vocabulary is set as fitting sets it: given to the constructor, it would be kept twice.
    made = TfidfVectorizer(**settings, sublinear_tf=True)
    made.vocabulary_ = {term: place for place, term in enumerate(terms)}
    made.fixed_vocabulary_ = False
    made.idf_ = idf
    return made


def _classifier(field: Field) -> Any:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    made = LogisticRegression()
    made.classes_ = np.array(field.classes)
    made.coef_ = field.weights.astype(np.float64) * field.scale
    made.intercept_ = field.intercept.astype(np.float64) * field.scale
    made.n_features_in_ = made.coef_.shape[1]
    made.n_iter_ = np.array([0], np.int32)
    return made
