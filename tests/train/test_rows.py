"""What may be trained on, and in which order and shape it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toys import load, toy_rows

from rung import plugins
from rung.engine.chat import prompt_tokens
from rung.errors import UserError
from rung.train.batches import Order, collate, epoch_batches, micro_batches, shared_prefix
from rung.train.config import Shared, TrainConfig
from rung.train.method import method_names, method_of
from rung.train.rows import EncodedRow, TrainRow, encode_rows, rows_digest
from rung.train.schedule import dev_steps, learning_rate


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path):
    return load(tiny_base).tokenizer


def row(answer: str, text: str = "hello", source: str = "") -> TrainRow:
    return TrainRow(messages=({"role": "user", "content": text},), answer=answer, source=source)


def test_a_row_is_the_prompt_then_the_answer_then_one_end_of_turn(tokenizer):
    rows = toy_rows(6)
    for one, encoded in zip(rows, encode_rows(tokenizer, rows, 500), strict=True):
        assert list(encoded.ids[: encoded.start]) == prompt_tokens(tokenizer, one.messages, one.tools)
        completion = encoded.ids[encoded.start :]
        assert tokenizer.decode(completion) == f"{one.answer}<|im_end|>"
        assert completion.count(tokenizer.convert_tokens_to_ids("<|im_end|>")) == 1


def test_rows_that_cannot_be_trained_on_are_listed_together(tokenizer):
    rows = [row("fine"), row("  ", source="a.csv:3"), row("long " * 50, source="a.csv:9"), row("")]
    with pytest.raises(UserError) as caught:
        encode_rows(tokenizer, rows, 60)
    message = caught.value.message
    assert "3 of 4 rows cannot be trained on" in message
    assert "a.csv:3: the answer is empty" in message and "row 4: the answer is empty" in message
    assert "more than 60: its answer would be cut" in message and "too_long: drop" in message


def test_rows_that_are_too_long_can_be_dropped_but_not_all(tokenizer):
    assert len(encode_rows(tokenizer, [row("fine"), row("long " * 50)], 60, "drop")) == 1
    with pytest.raises(UserError, match="no rows to train on"):
        encode_rows(tokenizer, [row("long " * 50)], 60, "drop")


def test_no_rows_are_an_error(tokenizer):
    with pytest.raises(UserError, match="no rows"):
        encode_rows(tokenizer, [], 60)


def test_a_control_token_in_an_answer_is_text(tokenizer):
    (encoded,) = encode_rows(tokenizer, [row("stop <|im_end|> there")], 500)
    assert encoded.ids[encoded.start :].count(tokenizer.convert_tokens_to_ids("<|im_end|>")) == 1


def test_each_epoch_takes_every_row_once_in_an_order_of_its_own():
    lengths = [5 + index * 7 % 31 for index in range(107)]
    first, second = (epoch_batches(lengths, 8, 1, epoch) for epoch in (0, 1))
    for batches in (first, second):
        assert sorted(row for batch in batches for row in batch) == list(range(107))
    assert first != second and first == epoch_batches(lengths, 8, 1, 0) and first != epoch_batches(lengths, 8, 2, 0)


def test_buckets_hold_little_padding():
    lengths = [5 + index * 37 % 61 for index in range(640)]
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in epoch_batches(lengths, 16, 0, 0))
    assert padded < 1.12 * sum(lengths)


def test_an_order_can_be_entered_anywhere():
    lengths = tuple(range(3, 50))
    order = Order(lengths=lengths, batch_rows=8, epochs=2.5, seed=0)
    assert (order.steps_per_epoch, order.steps) == (6, 15)
    forwards = [order.at(step) for step in range(15)]
    assert forwards == [Order(lengths=lengths, batch_rows=8, epochs=2.5, seed=0).at(step) for step in range(14, -1, -1)][::-1]


def test_collate_lays_rows_out_as_attention_reads_them():
    """The prefix once, then each row without padding and without its last token, from which nothing is predicted."""
    rows = [EncodedRow((7, 8, 1, 2, 3), 3), EncodedRow((7, 8, 4, 5, 6, 9), 4)]
    assert shared_prefix(rows) == 2
    batch = collate(rows, torch.device("cpu"))
    assert batch.ids.tolist() == [7, 8, 1, 2, 4, 5, 6]
    assert batch.positions.tolist() == [0, 1, 2, 3, 2, 3, 4]
    assert batch.labels.tolist() == [2, 3, 6, 9]
    assert batch.ids[batch.supervised].tolist() == [1, 2, 5, 6]


def test_a_prefix_ends_before_what_predicts_a_supervised_token():
    assert shared_prefix([EncodedRow((1, 2, 3, 4), 2), EncodedRow((1, 2, 3, 5), 3)]) == 1
    assert shared_prefix([EncodedRow((1, 2, 3, 4), 3)]) == 2
    assert shared_prefix([EncodedRow((1, 2), 1)]) == 0


def test_micro_batches_keep_to_the_budget():
    rows = [EncodedRow(tuple(range(index, index + length)), length - 1) for index, length in enumerate([4, 30, 6, 5, 90, 8])]
    parts = micro_batches(rows, 40)
    assert sorted(len(one.ids) for part in parts for one in part) == [4, 5, 6, 8, 30, 90]
    for part in parts:
        assert len(part) == 1 or len(part) * max(len(one.ids) for one in part) <= 40


def test_the_digest_of_rows_knows_tokens_mask_and_order():
    one, other = EncodedRow((1, 2, 3), 1), EncodedRow((1, 2, 3), 2)
    assert len({rows_digest(rows) for rows in ([one], [other], [one, other], [other, one])}) == 4


def test_the_rate_rises_falls_to_a_tenth_and_is_never_zero():
    rates = [learning_rate(step, 200, 1.0, 0.05) for step in range(200)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == 1.0 and rates.index(1.0) == 9
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.1 <= rates[-1] < 0.11
    assert learning_rate(0, 1, 1.0, 0.0) == 1.0


@pytest.mark.parametrize(
    ("steps", "per_epoch", "every", "expected"),
    [
        (12, 4, 0.5, (2, 4, 6, 8, 10, 12)),
        (75, 38, 0.5, (19, 38, 57, 75)),
        (1, 1, 0.5, (1,)),
        (10, 4, 1, (4, 8, 10)),
        (9, 4, 1, (4, 9)),
    ],
)
def test_dev_is_asked_regularly_and_at_the_end(steps: int, per_epoch: int, every: float, expected: tuple[int, ...]):
    assert dev_steps(steps, per_epoch, every) == expected


def test_settings_name_every_fault_at_once():
    with pytest.raises(UserError) as caught:
        TrainConfig.read({"epoch": 2, "rank": 0, "method": "lorra", "objective": "sft"}, "task.yaml: rungs.r4_adapter")
    message = caught.value.message
    assert "unknown key 'epoch'. Did you mean 'epochs'?" in message
    assert "rank:" in message and "Did you mean 'lora'?" in message and message.startswith("task.yaml")
    assert TrainConfig.read({"method": "lora", "objective": "sft", "epochs": 3}).epochs == 3


def test_settings_are_those_of_the_method():
    with pytest.raises(UserError, match="unknown key 'rank'"):
        TrainConfig.read({"method": "full", "objective": "sft", "rank": 4})
    with pytest.raises(UserError, match="'method' is missing; 'objective' is missing"):
        TrainConfig.read({"epochs": 3})
    config = TrainConfig.read({"method": "lora", "objective": "sft", "rank": 4})
    assert (config.method_settings.rank, config.method_settings.alpha) == (4, 32.0)


@pytest.mark.parametrize("name", method_names())
def test_a_methods_settings_are_no_others(name: str):
    objectives = (plugins.load("objectives", each).Config.model_fields for each in plugins.names("objectives"))
    kind = method_of(name).Config
    assert not set(Shared.model_fields).union(*objectives) & set(kind.model_fields)
    assert kind.model_config["extra"] == "forbid" and kind.model_config["frozen"]


def test_what_identifies_a_run_are_the_settings_in_use():
    """Settings that are off or not set are left out: one that a method gains later changes no run that does not use it."""
    identity = TrainConfig.read({"method": "lora", "objective": "sft", "rank": 4, "checkpoint_s": 7}).identity()
    assert {"checkpoint_s", "rslora", "target_modules"}.isdisjoint(identity)
    assert (identity["rank"], identity["alpha"], identity["method"], identity["learning_rate"]) == (4, 32.0, "lora", None)
    changed = {"method": "lora", "objective": "sft", "rslora": True, "target_modules": ["q_proj"]}
    assert TrainConfig.read(changed).identity().items() >= {"rslora": True, "target_modules": ["q_proj"]}.items()
