"""What of a model's words is thought, and what is the answer."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.engine.chat import text_of
from rung.reply import Reply, final_answer, read_reply

# what was written, the answer in it, whether the thought came to its end
WRITTEN = [
    ("B", "B", True),
    ("<think>A? No.</think>B", "B", True),
    ("<think>\n\n</think>\n\nB", "B", True),
    ("\n<Thinking>A</Thinking>\nB", "B", True),
    ("<reasoning>A</reasoning> B", "B", True),
    ("<thought>A</thought>B", "B", True),
    ("<seed:think>A</seed:think>B", "B", True),
    ('<think budget="9">A</think>B', "B", True),
    ("[THINK]A[/THINK]B", "B", True),
    ("◁think▷A◁/think▷B", "B", True),
    ("<|START_THINKING|>A<|END_THINKING|>B", "B", True),
    ("<|begin_of_thought|>A<|end_of_thought|>B", "B", True),
    ("<|channel>thought\nA<channel|>B", "B", True),
    ("<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>final<|message|>B<|return|>", "B", True),
    ("<|channel|>analysis<|message|>A", "", False),
    ("<|channel|>analysis<|message|>A<|end|>", "", True),
    ('<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a":1}<|call|>', '{"a":1}', True),
    ("analysisA or B? B.assistantfinalB", "B", True),
    ("Here is my thought process: A? Here is my response: B", "B", True),
    ("<think>A? maybe", "", False),
    ("<think>A? the <think> tag, see</think>B", "B", True),
    ("A? No.\n</think>\n\nB", "B", True),
    ("A? No.</think>B", "B", True),
    ("A? No.</think>", "", True),
    ("A?</think>still A?</think>B", "B", True),
    ("<think>A</think>B</think>", "B", True),
    ("<think>A</think>not yet<think>C</think>B", "not yetB", True),
    ("Sure. <think>A</think> B", "Sure.  B", True),
    ("<think>```\nA\n</think>\n```json\n[1]\n```", "```json\n[1]\n```", True),
    ("```\nA\n</think>\n\nB ```", "B ```", True),
    # words about thoughts are no thoughts
    ("Close `<think>` with `</think>`.", "Close `<think>` with `</think>`.", True),
    ("The model writes <think> first.", "The model writes <think> first.", True),
    ("```html\n<think>x</think>\n```", "```html\n<think>x</think>\n```", True),
    ("I think B", "I think B", True),
    ("analysis of the case: B", "analysis of the case: B", True),
]


@pytest.mark.parametrize(("written", "answer", "ended"), WRITTEN)
def test_the_answer_is_what_is_no_thought(written: str, answer: str, ended: bool) -> None:
    reply = read_reply(written)
    assert (reply.text.strip(), reply.ended) == (answer.strip(), ended)
    assert read_reply(reply.text) == Reply(text=reply.text)


def test_drafts_are_kept_apart() -> None:
    assert read_reply("<think>A</think>B") == Reply(text="B", thought="A", ended=True)
    assert read_reply("<think>A").only_thought and read_reply("A</think>").only_thought
    assert not read_reply("").only_thought and not read_reply("<think></think>").only_thought


@pytest.mark.parametrize(
    ("written", "right", "answer"),
    [
        ("<reasoning>x</reasoning><answer>5</answer>", "<reasoning>y</reasoning><answer>5</answer>", None),
        ("<think>plan</think>Use <think>x</think>", "Use <think>x</think>", "Use <think>x</think>"),
        ("plan</think>Use <think>x</think>", "Use <think>x</think>", "Use <think>x</think>"),
        ("<think>plan</think>Use the <think> tag", "Use the <think> tag", "Use the <think> tag"),
        ("Use the <think> tag", "Use the <think> tag", None),
        ("<think>plan</think><answer>B</answer>", "B", "B"),
        ("<think>plan</think><answer>B", "B", "B"),
        ("<think>plan</think><answer>B</answer>", "<answer>B</answer>", "<answer>B</answer>"),
        ("<answer>B</answer>", "B", None),
    ],
)
def test_a_right_answer_may_hold_such_marks(written: str, right: str, answer: str | None) -> None:
    assert final_answer(written, lambda: right) == (written if answer is None else answer)


MARKS = [
    *("<think>", "</think>", "[THINK]", "[/THINK]", "</reasoning>", "<|channel|>final<|message|>", "<|end|>"),
    *("```", "\n", " ", "`", "'", "A"),
]


@given(st.lists(st.sampled_from(MARKS), max_size=12).map("".join) | st.text(max_size=40))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_text_is_read_and_no_word_is_invented(text: str) -> None:
    reply, written = read_reply(text), iter(text)
    assert all(letter in written for letter in reply.text if letter != "\n")
    assert final_answer(text, lambda: text) in (text, reply.text.strip())


@given(st.text(alphabet=st.characters(exclude_characters="<>[]◁▷`~"), max_size=60))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_text_without_marks_is_the_answer(text: str) -> None:
    assert read_reply(text) == Reply(text=text)
    assert read_reply(f"<think>x</think>{text}").text == text
    assert read_reply(f"x\n</think>\n{text}A").text == f"\n{text}A"


LONG = [
    *("<think>", "</think>", "<think", "<think ", "</think>x", "<|channel|>a", "<|channel|>analysis<|message|>"),
    *("```\n", " \t", "a", "\n"),
]


@pytest.mark.parametrize("piece", LONG)
def test_long_texts_are_read_in_linear_time(piece: str) -> None:
    began = time.process_time()
    read_reply(piece * (1_000_000 // len(piece)))
    assert time.process_time() - began < 10


def test_thinking_parts_are_no_text() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "A?"}]}, {"type": "text", "text": "B"}]
    assert text_of(parts) == "B"
    assert text_of(parts[:1]) == ""
