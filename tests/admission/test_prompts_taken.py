"""Prompts, templates and what MLflow leaves: what has a place here takes it, and the rest is refused or told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.admission.incoming import Incoming, Turn
from rung.admission.prompt_files import read_fields, read_text
from rung.admission.templates import read_messages, read_template
from rung.errors import UserError

CHAT = [{"role": "system", "content": "You are kind."}, {"role": "user", "content": "{{ question }}"}]
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}


def fields(value: Any, *, is_json: bool = True) -> Incoming:
    return read_fields(value if isinstance(value, str) else json.dumps(value), "p.json", "p.json", is_json=is_json)


def refused(value: Any, *, is_json: bool = True) -> str:
    with pytest.raises(UserError) as caught:
        fields(value, is_json=is_json)
    assert caught.value.where.startswith("p.json")
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "prompt", "notes"),
    [
        ("Be kind.\n", "Be kind.", 0),
        ("{{question}}", "", 0),
        ("Answer this: {{ question }}\n", "Answer this:", 1),
        ("Be kind.\n\n{{ person.question }}", "Be kind.", 1),
        ('Say {name} in JSON: {"a": 1}', 'Say {name} in JSON: {"a": 1}', 1),
    ],
)
def test_one_variable_at_the_end_is_what_is_asked(text: str, prompt: str, notes: int) -> None:
    found = read_template(text, "here")
    assert (found.prompt, len(found.notes)) == (prompt, notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Be {{ tone }}: {{ question }}", "the variables 'tone', which nobody fills in"),
        ("{{ question }} Answer briefly.", "text stands behind the variable 'question'"),
        ("{{ q }} and {{ q }}", "the variables 'q'"),
        ("a\n{% if x %}b{% endif %}", "a control structure of Jinja ({%, its line 2)"),
        ("{# secret #}", "a comment of Jinja"),
        ("{{ question | upper }}", "'{{ question | upper }}', which is no variable's name"),
        ("{{ ''.__class__ }}", "is no variable's name"),
        ("{{ \x1b[2J }}", "⟨U+001B⟩"),
    ],
)
def test_other_templates_are_refused(text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        read_template(text, "here")
    assert said in caught.value.message and caught.value.hint


def test_a_chat() -> None:
    few = [
        CHAT[0],
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]},
        CHAT[1],
    ]
    found = read_messages(few, "here")
    assert (found.prompt, found.turns, found.notes) == ("You are kind.", (Turn(user="Hi", assistant="Hello"),), ())
    found = read_messages([{"role": "developer", "content": "A"}, {"role": "system", "content": "B"}, CHAT[1]], "here")
    assert found.prompt == "A\n\nB"
    asked = read_messages([CHAT[0], {"role": "user", "content": "Question: {{ question }}"}], "here")
    assert asked.prompt == "You are kind.\n\nQuestion:" and "takes the place of {{ question }}" in asked.notes[0]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "empty"),
        (["x"], "message 1: not a message of role and content"),
        ([{"role": "tool", "content": "x"}], "a message of the role 'tool'"),
        ([CHAT[0], {"role": "assistant", "content": "x"}], "message 2: the role assistant does not follow here"),
        ([CHAT[1], CHAT[0]], "message 2: the role system does not follow here"),
        ([{"role": "system", "content": "Be {{ tone }}."}, CHAT[1]], "'tone' is not the last one"),
        ([CHAT[0], {"role": "user", "content": "What is 2 + 2?"}], "asks something of its own: 'What is 2 + 2?'"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "neither text nor a list of text parts"),
        ([{"role": "assistant", "content": "", "tool_calls": [{}]}], "call no tools"),
    ],
)
def test_chats_that_have_no_place(messages: list[Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        read_messages(messages, "here")
    assert said in caught.value.message


def test_a_text_stands_as_it_is() -> None:
    found = read_text("Write {{ name }} where a name goes.\n", "p.txt", "p.txt")
    assert found.prompt == "Write {{ name }} where a name goes." and "Nothing is filled in for {{ name }}" in found.notes[0]
    assert read_text("# Role\n\nBe kind.\n", "p.md", "p.md").prompt == "# Role\n\nBe kind."
    assert read_text("---\nBe kind: always\nand brief\n---\nMore.", "p.md", "p.md").prompt.startswith("---\nBe kind")


def test_front_matter_is_told_apart() -> None:
    found = read_text("---\nname: tone\nversion: 5\ntags: [a, b]\nmodel: gpt-4o\nmax_tokens: 64\n---\n\nBe kind.\n", "p.md", "p.md")
    assert (found.prompt, found.max_tokens) == ("Be kind.", 64)
    assert found.claimed == "the prompt of 'p.md' (name 'tone', version '5', tags 'a, b')"
    assert found.notes[0].startswith("Not kept: 'model'.")
    for text, said in (
        ("---\nsystem: x\n---\nBe kind.", "given twice"),
        ("---\nname: x\n---\n", "the prompt is empty"),
        ("  \n", "is empty"),
    ):
        with pytest.raises(UserError, match=said):
            read_text(text, "p.md", "p.md")


def test_yaml() -> None:
    found = fields("name: tone\nprompt: |\n  Be kind: always.\n  Yes\n", is_json=False)
    assert found.prompt == "Be kind: always.\nYes"
    found = fields("messages:\n- role: system\n  content: no\n- role: user\n  content: '{{ q }}'\n", is_json=False)
    assert found.prompt == "no"
    assert fields("Be kind.", is_json=False).prompt == "Be kind."
    assert fields([*CHAT]).prompt == "You are kind."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("promt: x", "unknown field 'promt'\n  Did you mean 'prompt'?"),
        ("prompt: x\nprompt: y", "p.json:2: 'prompt' stands twice"),
        ("messages:\n- role: user\n  role: system", "p.json:3: 'role' stands twice"),
        ("prompt: x\nsystem: y", "given twice: prompt and system"),
        ("name: x", "no field holds the text"),
        ("", "says nothing"),
        ("prompt: [", "not YAML"),
        ("a: &x [1]\nprompt: *x", "p.json:2: an alias of YAML"),
        ("prompt: !!python/object/apply:os.system ['id']", ""),
        ("prompt: {{ question }}", "braces"),
        ("prompt: x\nmax_tokens: many", "max_tokens is 'many', not a whole number"),
        ("prompt: x\nmax_tokens: -1", "not a whole number"),
        ("prompt: {a: b}", "neither a text nor a list"),
    ],
)
def test_yaml_that_is_refused(text: str, said: str) -> None:
    assert said.lower() in refused(text, is_json=False).lower()


def version(**more: Any) -> dict[str, Any]:
    return {"name": "support", "version": 3, "template": "Be kind. {{ question }}", "tags": {"owner": "ann"}, **more}


def test_an_mlflow_prompt_in_each_form() -> None:
    tags = [
        {"key": "mlflow.prompt.is_prompt", "value": "true"},
        {"key": "mlflow.prompt.text", "value": "Be kind. {{ question }}"},
        {"key": "owner", "value": "ann"},
    ]
    rest = {"model_version": {"name": "support", "version": "3", "creation_timestamp": 1, "tags": tags, "status": "READY"}}
    wrapped = {
        "system": {"mlflow_version": "3.1"},
        "info": {},
        "mlflow": {"prompt": version(_creation_timestamp="2026-01-01", variables=["question"])},
    }
    for form in (version(), rest, wrapped, {"model_versions": [rest["model_version"]]}):
        found = fields(form)
        assert found.prompt == "Be kind."
        assert found.claimed == "the MLflow prompt 'support', version '3', tag 'owner' 'ann'"


def test_a_chat_of_mlflows_with_all_that_it_can_have() -> None:
    own = {
        "mlflow.prompt.text": json.dumps(CHAT),
        "_mlflow_prompt_type": "chat",
        "_mlflow_prompt_response_format": json.dumps(SCHEMA),
        "_mlflow_prompt_model_config": json.dumps({"model_name": "gpt-4o", "temperature": 0.7, "max_tokens": 50}),
    }
    found = fields({"name": "s", "version": 1, "tags": own, "aliases": ["production"], "commit_message": "first"})
    assert (found.prompt, found.max_tokens, found.schema) == ("You are kind.", 50, SCHEMA)
    assert found.claimed == "the MLflow prompt 's', version '1', described 'first', alias 'production'"
    assert "Of its model config is not kept: 'model_name \"gpt-4o\", temperature 0.7'" in found.notes[0]
    assert "Its aliases are not set here, only told of: 'production'" in found.notes[1]
    wrapped = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    assert fields(version(response_format=wrapped)).schema == SCHEMA
    told = fields(version(response_format={"type": "json_object"}))
    assert told.schema is None and "is no JSON schema" in told.notes[-1]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (version(template="Be {{ tone }}. {{ question }}"), "the variables 'tone'"),
        (version(template=""), "the template is empty"),
        (version(template=None), "neither a text nor a list of messages"),
        ({"mlflow": {"prompt": {"name": "x"}}}, "has no template"),
        ({"mlflow": {"prompt": 3}}, "unknown field 'prompt'"),
        (version(tempalte="x"), "unknown field 'tempalte' of an MLflow prompt"),
        ({"model_versions": [version(), version(version=4)]}, "2 versions of a prompt in one file: '3', '4'"),
        ({"model_versions": []}, "0 versions"),
        (version(tags={"_mlflow_prompt_type": "chat"}), "which is a chat, is not JSON"),
        (version(tags={"_mlflow_prompt_model_config": "{"}), "the tag _mlflow_prompt_model_config is not JSON"),
        (version(response_format={"properties": {"a": {"$ref": "file:///etc/passwd"}}}), "refers to 'file:///etc/passwd', outside"),
        (version(response_format={"properties": {"a": {"type": "strnig"}}}), "is no JSON schema"),
        (version(model_config={"max_tokens": 0}), "not a whole number"),
        (version(model_config=[1]), "is not a JSON object"),
        ("{", "not JSON"),
        ('{"name": "a", "name": "b"}', "'name' stands twice"),
        ("3", "neither a text, nor fields, nor messages"),
    ],
)
def test_mlflow_prompts_that_are_refused(value: Any, said: str) -> None:
    assert said in refused(value)


def test_an_mlflow_prompt_made_by_mlflow_itself(tmp_path: Path) -> None:
    """The fields are those that MLflow's own class has; only where it is installed."""
    entities = pytest.importorskip("mlflow.entities.model_registry")
    prompt = entities.PromptVersion(name="s", version=2, template=CHAT, tags={"a": "b"}, response_format=SCHEMA)
    told = {
        "name": prompt.name,
        "version": prompt.version,
        "template": prompt.template,
        "tags": prompt._tags,
        "aliases": prompt.aliases,
    }
    found = fields(told)
    assert (found.prompt, found.schema) == ("You are kind.", SCHEMA)
