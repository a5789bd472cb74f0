"""Templates that ask for the date, open a thought, name a channel or want a list of tools: one rendering, today and tomorrow."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import CHATML

from rung.engine import chat
from rung.engine.backend import Request
from rung.engine.clock import DATE_STRING, MOMENT
from rung.errors import UserError
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.reply import closing_of, read_reply

ASKED = [{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": "Is it good?"}]
OPENS = CHATML.replace("assistant\n' }}", "assistant\n<think>\n' }}")
# Its own words for an answer without a thought.
EMPTY = "<think>\n\n</think>\n\n"
OPENS_AND_SHOWS = (
    "{% set empty = '"
    + EMPTY
    + "' %}"
    + OPENS.replace(
        "{{ '<|im_start|>' + message['role'] + '\n' + message['content']",
        "{{ '<|im_start|>' + message['role'] + '\n' + (empty if message.role == 'assistant' else '') + message.content",
    )
)
ASKS = CHATML.replace(
    "assistant\n' }}", "assistant\n' }}{% if not (enable_thinking is defined and not enable_thinking) %}<think>\n{% endif %}"
)
CHANNELS = CHATML.replace(
    "'\n' + message", "('<|channel|>final<|message|>' if message.role == 'assistant' else '\n') + message"
).replace("assistant\n' }}", "assistant' }}")
NEEDS_TOOLS = "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}" + CHATML
SILENT = CHATML.replace("{% for message in messages %}", "{% for message in messages if message.role != 'system' %}")


@pytest.fixture(scope="module")
def plain(tiny_base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture
def speaks(plain: Any):
    """A tokenizer with another template."""

    def of(template: Any) -> Any:
        other = deepcopy(plain)
        other.chat_template = template
        return other

    return of


# --- content


PARTS = CHATML.replace(
    "message['content'] +", "(message.content | selectattr('type', 'equalto', 'text') | map(attribute='text') | join) +"
)
LOOPS = (
    "{% for m in messages %}{{ m.role | capitalize }}{{ ':' if m.content[0]['type'] == 'image' else ': ' }}"
    "{% for part in m.content %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)


@pytest.mark.parametrize("template", [LOOPS, PARTS, NEEDS_TOOLS.replace(CHATML, LOOPS)])
def test_a_template_that_reads_text_as_nothing_is_given_parts(speaks, template):
    tokenizer = speaks(template)
    parts = [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in ASKED]
    assert chat.prompt_text(tokenizer, ASKED) == tokenizer.apply_chat_template(
        parts, tools=[], tokenize=False, add_generation_prompt=True
    )
    assert "Is it good?" in chat.prompt_text(tokenizer, ASKED)
    ids, start = chat.training_tokens(tokenizer, ASKED, (), "yes")
    assert tokenizer.decode(ids[start:]).strip() == "yes<|im_end|>"


def test_a_template_that_leaves_out_the_question_is_refused(speaks):
    with pytest.raises(UserError, match="leaves out what a user says"):
        chat.prompt_text(speaks("<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"), ASKED)


# --- dates


@pytest.mark.parametrize(
    "directive", ["%Y-%m-%d", "%d %b %Y", "%B %d, %Y", "%-d/%-m/%y", "%A, %H:%M", "%d %B %Y at %I %p", "%j %%"]
)
def test_a_date_is_the_same_every_day(speaks, directive):
    tokenizer = speaks("Today is {{ strftime_now('" + directive + "') }}. " + CHATML)
    wanted = MOMENT.strftime(directive).replace("%%", "%") if "%%" not in directive else MOMENT.strftime("%j") + " %%"
    assert chat.prompt_text(tokenizer, ASKED).startswith(f"Today is {wanted}. <|im_start|>system")
    assert chat.chat_template(tokenizer).prints_date


def test_a_date_is_found_within_macros_loops_and_questions_for_it(speaks):
    template = (
        "{% if strftime_now is defined %}{% set today = strftime_now('%d %b %Y') %}{% endif %}"
        "{% macro shown(at) %}{{ at }}/{{ strftime_now('%Y') }}{% endmacro %}{% for m in messages %}{{ shown(today) }} {% endfor %}"
    )
    assert chat.prompt_text(speaks(template + CHATML), ASKED).startswith(f"{DATE_STRING}/2024 {DATE_STRING}/2024 <|im_start|>")


def test_the_date_of_llamas_template_is_the_same_one(speaks, plain):
    template = (
        "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}{{ date_string }}" + CHATML
    )
    assert chat.prompt_text(speaks(template), ASKED).startswith("26 Jul 2024<|im_start|>")
    assert not chat.chat_template(plain).prints_date


def test_the_template_is_known_by_its_own_words(speaks):
    template = "{{ strftime_now('%Y') }}" + CHATML
    assert chat.chat_template(speaks(template)).digest == chat.template_digest(template)


# --- thoughts


@pytest.mark.parametrize("template", [OPENS, OPENS_AND_SHOWS])
@pytest.mark.parametrize("answer", ["yes", '{"a": [1]}'])
def test_what_is_trained_ends_the_thought_before_the_answer(speaks, template, answer):
    tokenizer = speaks(template)
    ids, start = chat.training_tokens(tokenizer, ASKED, (), answer)
    assert ids[:start] == chat.prompt_tokens(tokenizer, ASKED)
    text = tokenizer.decode(ids)
    assert text.endswith(f"<|im_start|>assistant\n<think>\n\n</think>\n\n{answer}<|im_end|>")
    assert read_reply(tokenizer.decode(ids[start:-1])).text.strip() == answer
    assert chat.opening(tokenizer) == "\n</think>\n\n"


def test_a_template_that_can_be_told_not_to_think_is_told(speaks):
    tokenizer = speaks(ASKS)
    assert chat.prompt_text(tokenizer, ASKED).endswith("<|im_start|>assistant\n") and chat.opening(tokenizer) == ""


def test_an_answer_stands_in_its_channel(speaks):
    tokenizer = speaks(CHANNELS)
    ids, start = chat.training_tokens(tokenizer, ASKED, (), "yes")
    assert tokenizer.decode(ids[start:]) == "<|channel|>final<|message|>yes<|im_end|>"
    assert chat.opening(tokenizer) == "<|channel|>final<|message|>"


@pytest.mark.parametrize(
    ("prompt", "closing"),
    [
        ("assistant\n<think>\n", "\n</think>\n\n"),
        ("assistant\n<think>", "\n\n</think>\n\n"),
        ("<seed:think>", "\n\n</seed:think>\n\n"),
        ("[/INST][THINK]", "[/THINK]"),
        ("◁think▷", "◁/think▷"),
        ("<|CHATBOT_TOKEN|><|START_THINKING|>", "<|END_THINKING|>"),
        ("<start_of_turn>model\n<|channel>thought\n", "<channel|>"),
        ("assistant\n<think>\n\n</think>\n\n", ""),
        ("assistant\n", ""),
        ("what is <think>?", ""),
    ],
)
def test_every_kind_of_thought_has_its_end(prompt, closing):
    assert closing_of(prompt) == closing
    assert read_reply(f"{prompt}{closing}yes").text.endswith("yes")


@pytest.fixture(scope="module")
def thinker(tiny_base: Path) -> Any:
    from rung.engine.local.model import LocalModel

    model = LocalModel.load(tiny_base)
    tokenizer = deepcopy(model.tokenizer)
    tokenizer.chat_template = OPENS
    return replace(model, tokenizer=tokenizer)


def test_a_form_is_asked_for_behind_the_closed_thought(thinker):
    """The same prompt with the thought closed by hand gives the same numbers, choice and JSON alike."""
    from rung.engine.local.answering import Answering

    closed = deepcopy(thinker.tokenizer)
    closed.chat_template = OPENS.replace("<think>\n' }}", "<think>\n\n</think>\n\n' }}")
    held = [
        ChoiceConstraint(choices=("yes", "no", "yellow")),
        SchemaConstraint(schema={"type": "array", "items": {"type": "integer"}}),
    ]
    asks = [Request(messages=tuple(ASKED), max_tokens=5, constraint=constraint) for constraint in held]
    first, second = Answering(thinker).answer(asks), Answering(replace(thinker, tokenizer=closed)).answer(asks)
    assert [answer.text for answer in first] == [answer.text for answer in second]
    for name, value in first[0].logprobs.items():
        assert value == pytest.approx(second[0].logprobs[name], abs=1e-3)
    assert not read_reply(first[1].text).thought


# --- what templates want


def test_a_template_that_goes_through_a_list_of_tools_gets_an_empty_one(speaks):
    tokenizer = speaks(NEEDS_TOOLS)
    assert chat.prompt_text(tokenizer, ASKED).startswith("<|im_start|>system")
    tool = {"name": "look", "description": "Looks", "parameters": {}}
    assert '"name": "look"' in chat.prompt_text(tokenizer, ASKED, [tool])


def test_a_system_turn_that_a_template_drops_is_said_in_the_question(speaks):
    text = chat.prompt_text(speaks(SILENT), ASKED)
    assert text.startswith("<|im_start|>user\nAnswer in one word.\n\nIs it good?")


def test_named_templates_serve_what_they_are_named_for(speaks):
    tokenizer = speaks({"default": CHATML, "tool_use": "{{ tools | tojson }} are tools " + CHATML})
    assert chat.prompt_text(tokenizer, ASKED).startswith("<|im_start|>system")
    assert '"name": "f"' in chat.prompt_text(tokenizer, ASKED, [{"name": "f", "parameters": {}}]).split(" are tools ")[0]


def test_named_templates_without_a_default_are_refused_in_words(speaks):
    with pytest.raises(UserError, match="cannot render a conversation of the roles user"):
        chat.prompt_text(speaks({"rag": CHATML}), ASKED)


def test_a_template_that_is_no_jinja_is_refused_in_words(speaks):
    with pytest.raises(UserError, match="cannot render"):
        chat.prompt_text(speaks("{% for m in messages %}{{ m.content }}"), ASKED)
