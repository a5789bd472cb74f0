"""What stands in the text of an answer: the marks of thoughts, and no other special token."""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracle import ask, load
from tiny import CHATML, make_tiny_model

from rung.engine.chat import prompt_tokens
from rung.engine.local.answering import Answering
from rung.engine.local.model import LocalModel
from rung.engine.local.words import text_of_tokens, thought_opened_by
from rung.parts import SchemaConstraint
from rung.reply import read_reply

CHANNELS = ("<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|return|>")
MARKS = ("[THINK]", "[/THINK]", "<|START_THINKING|>", "<|END_THINKING|>", "<|channel>", "<channel|>", *CHANNELS, "[IMG]")
OPENING = CHATML.replace("assistant\n' }}{% endif", "assistant\n<think>\n' }}{% endif")


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    return load(make_tiny_model(tmp_path_factory.mktemp("marked"), marks=MARKS))


@pytest.fixture(scope="module")
def opening(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    return load(make_tiny_model(tmp_path_factory.mktemp("opening"), template=OPENING))


@pytest.mark.parametrize(
    ("made", "answer", "thought"),
    [
        ("[THINK]a draft[/THINK]Paris<|im_end|>", "Paris", "a draft"),
        ("[THINK]a draft, cut off", "", "a draft, cut off"),
        ("<|START_THINKING|>a draft<|END_THINKING|>Paris", "Paris", "a draft"),
        ("<|channel>thought\na draft<channel|>Paris", "Paris", "\na draft"),
        (
            "<|channel|>analysis<|message|>a draft<|end|><|start|>assistant<|channel|>final<|message|>Paris",
            "Paris",
            "a draft",
        ),
        ("<|channel|>analysis<|message|>a draft", "", "a draft"),
        ("<|channel|>final<|message|>Paris", "Paris", ""),
        ("Paris<|end|><|endoftext|><|im_start|>[IMG]<|im_end|>", "Paris", ""),
        ("a <b> [c] of Paris", "a <b> [c] of Paris", ""),
    ],
)
def test_marks_of_thoughts_stay(marked: LocalModel, made: str, answer: str, thought: str) -> None:
    ids = marked.tokenizer.encode(made, add_special_tokens=False)
    reply = read_reply(text_of_tokens(marked.tokenizer, ids, marked.end_tokens))
    assert (reply.text, reply.thought) == (answer, thought)


def test_text_without_marks_is_as_the_tokenizer_decodes_it(marked: LocalModel) -> None:
    ids = list(range(200, 500))
    plain = [token for token in ids if token not in marked.end_tokens]
    usual = marked.tokenizer.decode(plain, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert text_of_tokens(marked.tokenizer, ids, marked.end_tokens) == usual


def test_a_thought_that_the_template_opens_is_none_of_the_answer(opening: LocalModel) -> None:
    request = ask("What is the capital of France?", max_tokens=4)
    assert thought_opened_by(opening.tokenizer, prompt_tokens(opening.tokenizer, request.messages)) == "<think>\n"
    (cut,) = Answering(opening).answer([request])
    assert cut.finish_reason == "length" and cut.text.startswith("<think>\n")
    assert not read_reply(cut.text).text


def test_what_is_held_to_a_form_is_an_answer(opening: LocalModel) -> None:
    request = ask("What is the capital of France?", max_tokens=3)
    held = replace(request, constraint=SchemaConstraint(schema={"type": "array", "items": {"type": "integer"}}))
    (cut,) = Answering(opening).answer([held])
    assert cut.text.startswith("[")


@pytest.mark.parametrize("asked", ["Is <think> a tag?", "<think>"])
def test_other_prompts_open_none(marked: LocalModel, asked: str) -> None:
    assert thought_opened_by(marked.tokenizer, prompt_tokens(marked.tokenizer, ask(asked).messages)) == ""
