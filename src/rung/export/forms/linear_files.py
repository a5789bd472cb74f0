"""A linear model's files for others: written field by field, and asked again from raw text."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine import linear
from rung.engine.linear import Field, LinearModel, question_text
from rung.export.forms import onnx_text, skops_file
from rung.export.forms.sklearn_form import pipeline_of
from rung.export.questions import questions

if TYPE_CHECKING:
    import numpy as np

    from rung.export.subject import Subject

FORM = 1
MANIFEST = "linear.json"
TEXT, PRODUCER = "text", "rung"


@dataclass(frozen=True, kw_only=True)
class Apart:
    """The largest difference of a probability, on so many texts."""

    value: float
    rows: int
    about: str


def manifest(model: LinearModel) -> dict[str, Any]:
    """Which file tells what. A field of one class has no file: it always says that."""
    fields = [
        {
            "field": field.name,
            "classes": list(field.classes),
            "onnx": file_name(place, "onnx") if len(field.classes) > 1 else None,
            "skops": file_name(place, "skops") if len(field.classes) > 1 else None,
        }
        for place, field in enumerate(model.fields)
    ]
    whole = model.fields[0].name is None
    answer = "the class" if whole else "a JSON object of the fields, each class a JSON value; the empty class leaves its field out"
    return {"form": FORM, "input": "what the user said, in all turns, a line end between them", "answer": answer, "fields": fields}


def file_name(place: int, suffix: str) -> str:
    """A field's names can be anything; its number is none."""
    return f"field-{place}.{suffix}"


def write_field(model: LinearModel, field: Field, place: int, folder: Path) -> None:
    """`field-N.onnx` and `field-N.skops`."""
    pipeline = pipeline_of(model, field)
    skops_file.dump(pipeline, folder / file_name(place, "skops"))
    (folder / file_name(place, "onnx")).write_bytes(onnx_bytes(pipeline))


def onnx_bytes(pipeline: Any) -> bytes:
    """The ONNX model of a pipeline from raw texts: `label` and `probabilities`. The same pipeline gives the same bytes."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import StringTensorType
    from sklearn.feature_extraction.text import TfidfVectorizer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = convert_sklearn(
            pipeline,
            PRODUCER,
            initial_types=[(TEXT, StringTensorType([None, 1]))],
            target_opset={"": onnx_text.OPSET, onnx_text.ML: 3},
            custom_conversion_functions={TfidfVectorizer: onnx_text.convert},
            custom_shape_calculators={TfidfVectorizer: onnx_text.shape},
            options={id(pipeline[-1]): {"zipmap": False}},
        )
    # They come from a set, in another order in every process.
    versions = sorted(made.opset_import, key=lambda one: one.domain)
    del made.opset_import[:]
    made.opset_import.extend(versions)
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def apart(subject: Subject, folder: Path) -> Apart:
    """Both files of every field against the model itself."""
    import numpy as np

    model = linear.load(subject.blobs.local(subject.candidate.base_reference.stored))
    rows, about = questions(subject)
    texts = [question_text(row) for row in rows]
    features = model.features(texts)
    worst, labels, asked = 0.0, 0, 0
    for place, field in enumerate(model.fields):
        if len(field.classes) < 2:
            continue
        meant = np.exp(field.log_probabilities(features))
        for said, named in (_by_onnx(folder, place, texts), _by_sklearn(folder, place, texts)):
            worst = max(worst, _largest(meant, said))
            labels += sum(one != field.classes[int(row.argmax())] for one, row in zip(named, meant, strict=True))
            asked += len(texts)
    fields = "" if len(model.fields) == 1 else f"; {len(model.fields)} fields"
    return Apart(value=worst, rows=asked, about=f"{labels} other labels; {about}{fields}")


def _largest(meant: np.ndarray, said: np.ndarray) -> float:
    """Not a number where anything said is none: such a comparison holds for nothing."""
    import numpy as np

    return float(np.abs(meant - said).max()) if meant.shape == said.shape else float("nan")


def _by_onnx(folder: Path, place: int, texts: Sequence[str]) -> tuple[Any, Sequence[str]]:
    """(texts, classes) probabilities and each text's label, by onnxruntime."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(folder / file_name(place, "onnx")), options, providers=["CPUExecutionProvider"])
    # One text at a time, and then all together: neither may depend on what is asked beside it.
    column = np.array([[text] for text in texts], object)
    label, together = session.run(None, {TEXT: column})
    alone = np.concatenate([session.run(None, {TEXT: one[None]})[1] for one in column])
    return np.where(np.abs(alone - together) > 1e-6, np.nan, together), list(label)


def _by_sklearn(folder: Path, place: int, texts: Sequence[str]) -> tuple[Any, Sequence[str]]:
    pipeline = skops_file.load(folder / file_name(place, "skops"))
    return pipeline.predict_proba(texts), list(pipeline.predict(texts))
