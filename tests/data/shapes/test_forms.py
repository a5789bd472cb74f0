"""One question and one answer in every form that files of the trade have: each says the same."""

from __future__ import annotations

import json

import pytest

from rung.data.read.rows import RowError
from rung.data.shapes import prompt_completion
from rung.data.shapes.recognise import convert_row, shape_of

ASK = [{"role": "user", "content": "2 + 2?"}]
SAID = {"role": "assistant", "content": "4"}
TALK = [*ASK, SAID]
POOR = {"role": "assistant", "content": "5"}
HUMAN, GPT, BAD = ({"from": who, "value": said} for who, said in (("human", "2 + 2?"), ("gpt", "4"), ("gpt", "5")))

ALONE = {
    "messages, speakers in other words": {"messages": [{"role": "Human", "content": "2 + 2?"}, {"role": "AI", "content": "4"}]},
    "messages as JSON text": {"messages": json.dumps(TALK)},
    "messages as Python prints them": {"messages": str(TALK)},
    "messages and an answer beside": {"messages": ASK, "response": "4"},
    "messages with an author": {"messages": [{"author": {"role": "user"}, "content": {"parts": ["2 + 2?"]}}, {
        "author": {"role": "assistant"}, "content": {"parts": ["4"]}}]},
    "speakers written anyhow": {"messages": [{"role": "User ", "content": "2 + 2?"}, {"role": "GPT", "content": "4"}]},
    "an answer that is marked good": {"prompt": "2 + 2?", "answer": "4", "is_good": True},
    "content blocks": {"messages": [{"role": "user", "content": [{"type": "text", "text": "2 + 2?"}]}, {
        "role": "assistant", "content": [{"type": "thinking", "thinking": "easy"}, {"type": "text", "text": "4"}]}]},
    "parts with a value": {"messages": [{"role": "user", "content": [{"type": "text", "value": "2 + 2?"}]}, {
        "role": "assistant", "content": [{"type": "reasoning", "value": "hm"}, {"type": "text", "value": "4"}]}]},
    "bedrock's blocks without a type": {"messages": [{"role": "user", "content": [{"text": "2 + 2?"}]}, {
        "role": "assistant", "content": [{"text": "4"}]}]},
    "singular": {"conversation": TALK},
    "customer and agent": {"dialog": [{"speaker": "Customer", "text": "2 + 2?"}, {"speaker": "Agent", "text": "4"}]},
    "a system that answers": {"turns": [{"speaker": "USER", "utterance": "2 + 2?"}, {"speaker": "SYSTEM", "utterance": "4"}]},
    "an object an exchange": {"conversation": [{"human": "2 + 2?", "assistant": "4"}]},
    "an object an exchange, input and output": {"conversation": [{"system": "", "input": "2 + 2?", "output": "4"}]},
    "texts by turns": {"dialogue": ["2 + 2?", "4"]},
    "pairs": {"conversation": [["2 + 2?", "4"]]},
    "texts by turns and an id": {"id": "7", "data": ["2 + 2?", "4"]},
    "history and a response": {"history": ASK, "response": "4"},
    "contents and parts": {"contents": [{"role": "user", "parts": [{"text": "2 + 2?"}]}, {"role": "model", "parts": [
        {"text": "hm", "thought": True}, {"text": "4"}]}]},
    "dolly": {"instruction": "2 + 2?", "context": "", "response": "4", "category": "sums"},
    "a history of pairs that is empty": {"instruction": "2 + 2?", "input": "", "output": "4", "history": []},
    "prompt as messages, solution": {"prompt": ASK, "solution": "4"},
    "prompt as messages, what is rewarded": {"prompt": ASK, "reward_model": {"style": "rule", "ground_truth": "4"}},
    "input and output text": {"input_text": "2 + 2?", "output_text": "4"},
    "completion as messages": {"prompt": ASK, "completion": [SAID]},
    "prompt with an open turn": {"prompt": "\n\nHuman: 2 + 2?\n\nAssistant:", "completion": " 4"},
    "weight 0 after the answer": {"messages": [*TALK, {"role": "user", "content": "Sure?"}, {
        "role": "assistant", "content": "No.", "weight": 0}]},
    "an answer in two pieces that are the same": {"messages": [*TALK, SAID]},
    "request and response": {"request": {"model": "m", "messages": ASK}, "response": {"choices": [{"message": SAID}]}},
    "batch": {"custom_id": "1", "body": {"messages": ASK}, "response": {"status_code": 200, "body": {"choices": [
        {"message": SAID}]}}, "error": None},
    "trace": {"input": {"messages": ASK}, "output": {"role": "assistant", "content": "4"}, "metadata": {}},
    "trace, texts": {"inputs": {"question": "2 + 2?"}, "outputs": {"answer": "4"}},
    "trace as a table": {"input": json.dumps({"messages": ASK}), "output": json.dumps(SAID)},
    "evals": {"input": ASK, "ideal": "4"},
    "responses": {"input": ASK, "output": [{"type": "reasoning", "summary": []}, {
        "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "4"}]}]},
    "anthropic's log": {"request": {"messages": ASK}, "response": {
        "role": "assistant", "content": [{"type": "text", "text": "4"}]}},
    "google's log": {"request": {"contents": [{"role": "user", "parts": [{"text": "2 + 2?"}]}]}, "response": {"candidates": [
        {"content": {"role": "model", "parts": [{"text": "4"}]}}]}},
}  # fmt: skip
PAIRS = {
    "pair of texts": {"prompt": "2 + 2?", "chosen": "4", "rejected": "5"},
    "pair of messages": {"prompt": ASK, "chosen": [SAID], "rejected": [POOR]},
    "pair of whole conversations": {"chosen": TALK, "rejected": [*ASK, POOR]},
    "pair of whole conversations and the prompt": {"prompt": "2 + 2?", "chosen": TALK, "rejected": [*ASK, POOR], "messages": TALK},
    "a conversation and two answers": {"conversations": [HUMAN], "chosen": GPT, "rejected": BAD},
    "objects with messages, as text": {
        "chosen": json.dumps({"messages": TALK}), "rejected": json.dumps({"messages": [*ASK, POOR]})},
    "messages and two texts": {"messages": ASK, "chosen": "4", "rejected": "5"},
    "a whole conversation and a worse answer": {"messages": TALK, "rejected_response": "5"},
    "two whole conversations in other words": {"chosen_messages": TALK, "rejected_messages": [*ASK, POOR]},
    "question and two texts": {"system": "", "question": "2 + 2?", "chosen": "4", "rejected": "5"},
    "instruction and two texts": {"instruction": "2 + 2?", "input": "", "chosen": "4", "rejected": "5"},
    "text": {"chosen": "\n\nHuman: 2 + 2?\n\nAssistant: 4", "rejected": "\n\nHuman: 2 + 2?\n\nAssistant: 5"},
    "text with an open prompt": {"prompt": "\n\nHuman: 2 + 2?\n\nAssistant:", "chosen": "4", "rejected": "5"},
    "two answers and a winner": {"prompt": "2 + 2?", "response_a": "5", "response_b": "4", "winner": "B"},
    "two answers and the winning model": {"question": "2 + 2?", "answer_1": "4", "answer_2": "5", "preference": "answer_1"},
    "two conversations and a winner": {"conversation_a": TALK, "conversation_b": [*ASK, POOR], "winner": "model_a", "turn": 1},
    "two answers and a number": {"prompt": "2 + 2?", "response_0": "5", "response_1": "4", "better_response_id": 1},
    "two answers and their scores": {"question": "2 + 2?", "answer_0": "4", "answer_1": "5", "score_0": 0.5, "score_1": -1},
    "several answers": {"instruction": "2 + 2?", "completions": [{"response": "5", "overall_score": 3.0}, {
        "response": "4", "overall_score": 8.5}, {"response": "six", "overall_score": 4.0}]},
    "several answers and ranks": {"prompt": "2 + 2?", "responses": ["5", "4"], "ranks": [2, 1]},
}  # fmt: skip
TEXTS = {
    "human and assistant": "\n\nHuman: 2 + 2?\n\nAssistant: 4",
    "user and bot": "User: 2 + 2?\nBot: 4",
    "q and a": "Q: 2 + 2?\nA: 4",
    "headings": "### Instruction:\n2 + 2?\n\n### Response:\n4",
    "headings of speakers": "### Human: 2 + 2?### Assistant: 4",
    "tokens and lines": "<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>\n",
    "llama 2": "<s>[INST] 2 + 2? [/INST] 4 </s>",
    "llama 3": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n2 + 2?<|eot_id|><|start_header_id|>assistant"
    "<|end_header_id|>\n\n4<|eot_id|>",
    "gemma": "<bos><start_of_turn>user\n2 + 2?<end_of_turn>\n<start_of_turn>model\n4<end_of_turn>\n",
    "zephyr": "<|user|>\n2 + 2?</s>\n<|assistant|>\n4</s>",
    "vicuna": "USER: 2 + 2? ASSISTANT: 4</s>",
}


@pytest.mark.parametrize("row", ALONE.values(), ids=ALONE)
def test_every_form_says_the_same(row):
    title = shape_of(row)
    assert title is not None
    parts = convert_row(row, title)
    assert (parts.messages, parts.target, parts.rejected) == (ASK, "4", None)


@pytest.mark.parametrize("row", PAIRS.values(), ids=PAIRS)
def test_every_form_of_a_pair_says_the_same(row):
    title = shape_of(row)
    assert title is not None
    parts = convert_row(row, title)
    assert (parts.messages, parts.target) == (ASK, "4")
    assert parts.rejected in ("5", "six")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("key", ["text", "conversation", "0"])
def test_a_text_with_marks_is_cut_into_its_turns(text, key):
    row = {"id": 3, key: text}
    parts = convert_row(row, str(shape_of(row)))
    assert (parts.messages, parts.target) == (ASK, "4")
    assert [note.taken for note in parts.inferences] == ["the text is cut into its turns"]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": 12, "text": "a"},
        {"messages": ["a", "b"], "text": "a b", "label": "x"},
        {"prompt": 3, "completion": 0.5},
        {"question": "a b", "question_toks": ["a", "b"], "label": "x"},
        {"dialogue": "Ann: hello\nBob: hi", "summary": "They greet."},
        {"conversation": "Customer: hello\nAgent: hi", "label": "polite"},
        {"conversation": ["hello", "hi"], "label": "polite"},
        {"messages": ASK, "label": "sums"},
        {"input": "a", "function": "def f(): pass", "output": "b"},
        {"text": "He said: User: hm"},
        {"question": "a", "option_a": "b", "option_b": "c", "answer": "A"},
        {"instruction": "where is my parcel", "category": "parcel", "intent": "track", "response": "On its way."},
        {"input": "a", "output": "b"},
        {"chosen": 1, "rejected": 0, "text": "a"},
        {"data": [{"question": "a", "answer": "b"}]},
    ],
)
def test_what_only_bears_the_name_is_no_shape(row):
    assert shape_of(row) is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": ASK}, "the last message is the user's"),
        ({"messages": [{"role": "system", "content": "Be brief."}]}, "the last message is the system's"),
        ({"messages": [{"role": "system", "content": "Be brief."}, SAID]}, "no user message holds any text"),
        ({"messages": [*ASK, {"role": "assistant", "content": " "}]}, "the last assistant message is empty"),
        ({"messages": [*ASK, SAID | {"weight": 0}]}, "every answer has the weight 0"),
        ({"messages": [*ASK, {"role": "tool", "content": "4"}, SAID]}, "message 2 is a tool's answer, and no call"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, SAID]}, "a part of type 'image_url'"),
        ({"contents": [{"role": "user", "parts": [{"inlineData": {}}]}, {"role": "model", "parts": "a"}]}, "inlineData"),
        ({"image": "a.jpg", "conversations": [{"from": "human", "value": "<image>\nWhat?"}, GPT]}, "message 1 shows <image>"),
        ({"prompt": "a", "response_a": "b", "response_b": "c", "winner": "tie"}, "neither answer is better"),
        ({"prompt": "a", "response_a": "b", "response_b": "c", "winner": "zebra"}, "winner is 'zebra', which names neither"),
        ({"instruction": "a", "completions": [{"response": "b", "score": 1}, {"response": "c", "score": 1}]}, "rated alike"),
        ({"custom_id": "1", "response": {"body": {"choices": [{"message": SAID}]}}}, "a response and no request"),
        ({"custom_id": "1", "body": {"messages": ASK}}, "a request and no response"),
        ({"instruction": "a", "input": "", "output": "b", "history": [["a"]]}, "the history is no list of pairs"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_used_say_why(row, reason):
    with pytest.raises(RowError, match=reason):
        convert_row(row, str(shape_of(row)))


def test_the_mark_that_told_a_model_to_stop_is_left_out_and_told() -> None:
    parts = prompt_completion.convert({"prompt": "is it so?", "completion": " yes<|endoftext|>\n"})
    assert parts.target == "yes"
    assert "<|endoftext|>, which is left out" in parts.inferences[-1].taken
    plain = prompt_completion.convert({"prompt": "what ends a text?", "completion": "<|endoftext|>"})
    assert (plain.target, plain.inferences) == ("<|endoftext|>", ())


@pytest.mark.parametrize(
    "answer",
    [
        {"sender": "ann@shop.example", "subject": "Where is my parcel?"},
        {"from": "ann@shop.example", "to": "help@shop.example", "body": "Where is it?"},
        {"author": "Ann Smith", "message": "Late again"},
        {"question": "Who paid?", "answer": "Ann"},
        {"answer": "yes"},
        [{"sender": "ann@shop.example", "amount": 3}],
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("asked", ["Take out the fields.", ASK], ids=["text", "messages"])
def test_an_answer_in_json_is_no_conversation_whatever_its_keys_are(answer, asked):
    """Fields to take out of a mail are called as turns are; so are a question and its answer that were to be written."""
    text = json.dumps(answer)
    parts = prompt_completion.convert({"prompt": asked, "completion": text})
    assert parts.target == text
    assert [message["role"] for message in parts.messages] == ["user"]


@pytest.mark.parametrize("turn", [SAID, GPT, {"from": "assistant", "text": "4"}], ids=json.dumps)
def test_one_turn_of_somebody_known_is_the_answer_he_gives(turn):
    for said in (turn, json.dumps(turn), [turn]):
        assert prompt_completion.convert({"prompt": ASK, "completion": said}).target == "4"
