import json
from dataclasses import replace

import numpy as np
import pytest

from rung.engine import linear
from rung.engine.linear import Field, LinearModel
from rung.errors import BrokenEnvironment
from rung.types import Example


def _model(*fields):
    terms = {"word": ["bad", "good", "good day"], "char": [" g", "ba", "oo"]}
    return LinearModel(terms=terms, idf={kind: np.linspace(1.0, 1.4, 3) for kind in terms}, fields=fields)


def _field(name, classes, seed=0):
    rows = 1 if len(classes) == 2 else len(classes)
    weights = np.random.default_rng(seed).normal(size=(rows, 6)).astype(np.float32)
    return Field(name=name, classes=classes, weights=weights, intercept=np.zeros(rows, np.float32), scale=1.5)


def _ask(*texts):
    return [Example(id=str(n), messages=({"role": "user", "content": text},)) for n, text in enumerate(texts)]


def test_saved_and_loaded_it_answers_the_same(tmp_path):
    model = _model(_field(None, ("no", "perhaps", "yes")))
    linear.save(model, tmp_path / "a")
    texts = ["good day", "bad", "nothing known", ""]
    wanted = model.fields[0].log_probabilities(model.features(texts))
    answers = linear.predict(tmp_path / "a", _ask(*texts))
    for answer, row in zip(answers, wanted, strict=True):
        assert answer.text == ("no", "perhaps", "yes")[row.argmax()]
        assert list(answer.logprobs.values()) == pytest.approx(list(row), abs=1e-6)
        assert sum(np.exp(list(answer.logprobs.values()))) == pytest.approx(1.0, abs=1e-5)
        assert (answer.prompt_tokens, answer.completion_tokens, answer.cost_usd) == (0, 0, 0.0) and answer.latency_s > 0


def test_weights_in_column_order_come_back_as_they_were(tmp_path):
    field = _field(None, ("a", "b", "c"))
    linear.save(_model(replace(field, weights=np.asfortranarray(field.weights))), tmp_path)
    assert np.array_equal(linear.load(tmp_path).fields[0].weights, field.weights)


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        linear.save(_model(_field(None, ("no", "yes"))), tmp_path / name)
    for file in ("linear.json", "linear.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["linear.json", "linear.safetensors"]


def test_fields_make_an_object_and_a_field_may_be_left_out(tmp_path):
    constant = Field(name="unit", classes=('"box"',), weights=np.zeros((0, 0), np.float32), intercept=np.zeros(0, np.float32))
    absent = Field(name="why", classes=("",), weights=np.zeros((0, 0), np.float32), intercept=np.zeros(0, np.float32))
    linear.save(_model(_field("n", ("1", "2", "null")), constant, absent), tmp_path)
    answer = linear.predict(tmp_path, _ask("good"))[0]
    told = json.loads(answer.text)
    assert list(told) == ["n", "unit"] and told["unit"] == "box" and told["n"] in (1, 2, None)
    assert answer.logprobs is None


def test_two_classes_are_told_by_the_sign_of_one_score():
    field = _field(None, ("no", "yes"))
    features = _model(field).features(["good", "bad"])
    table = np.exp(field.log_probabilities(features))
    scores = 1.5 * (features @ field.weights.T)[:, 0]
    assert table[:, 1] == pytest.approx(1 / (1 + np.exp(-scores)), abs=1e-6)


def test_the_batch_does_not_change_the_answers(tmp_path):
    linear.save(_model(_field(None, ("a", "b", "c"))), tmp_path)
    texts = ["good", "bad", "good day", "oo"]
    together = [(a.text, a.logprobs) for a in linear.predict(tmp_path, _ask(*texts))]
    alone = [(a.text, a.logprobs) for text in texts for a in linear.predict(tmp_path, _ask(text))]
    assert together == alone
    assert linear.predict(tmp_path, []) == []


def test_only_what_the_user_said_is_looked_at():
    turns = (
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "first"}]},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "second"},
    )
    assert linear.question_text(Example(id="1", messages=turns)) == "first\nsecond"


@pytest.mark.parametrize("damage", ["missing", "truncated", "form"])
def test_a_damaged_model_is_refused(tmp_path, damage):
    linear.save(_model(_field(None, ("no", "yes"))), tmp_path)
    if damage == "missing":
        (tmp_path / "linear.json").unlink()
    elif damage == "truncated":
        weights = tmp_path / "linear.safetensors"
        weights.write_bytes(weights.read_bytes()[:-40])
    else:
        described = json.loads((tmp_path / "linear.json").read_text())
        (tmp_path / "linear.json").write_text(json.dumps(described | {"form": 99}))
    with pytest.raises(BrokenEnvironment):
        linear.predict(tmp_path, _ask("good"))
