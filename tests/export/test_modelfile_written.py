"""Ollama's Modelfile: the template says what the base's own says, and what is exported comes back as it was."""

from __future__ import annotations

import json
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from exported import registered
from go_template import rendered
from tiny import CHATML, tiny_tokenizer

from rung.admission.modelfile import parse
from rung.admission.modelfile_meaning import read_modelfile
from rung.engine.chat import prompt_text
from rung.engine.demos import pool_bytes
from rung.errors import UserError
from rung.export.ollama.modelfile import modelfile_of
from rung.export.ollama.turns import keeps_space, turns_of
from rung.parts import Demonstrations
from rung.registry.home import Home
from rung.types import Example

LLAMA3 = (
    "{{ '<|endoftext|>' }}{% for m in messages %}{{ '<|im_start|>' + m.role + '<|im_end|>\n\n' + m.content | trim + '<|eot|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_end|>\n\n' }}{% endif %}"
)
# No place for a system message, and another name for who answers.
GEMMA = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}{{ '<bos>' }}"
    "{% for m in messages %}{{ '<start>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content + '<end>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start>model\n' }}{% endif %}"
)
# What the makers say where nobody says anything.
QWEN = "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\nYou are \\'Qwen\\'.<|im_end|>\n' }}{% endif %}" + CHATML
BRACKETS = (
    "{{ '<s>' }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% elif m.role == 'system' %}{{ m.content + '\n' }}{% else %}{{ ' ' + m.content + '</s>' }}{% endif %}{% endfor %}"
)
KNOWN = {"chatml": CHATML, "llama 3": LLAMA3, "gemma": GEMMA, "qwen": QWEN, "brackets": BRACKETS}
# The place of a turn decides how it is written.
COUNTS = CHATML.replace("message['content']", "message['content'] + ' (' + loop.index | string + ')'")
SHOUTS = CHATML.replace("message['content']", "message['content'] | upper")
SHORTENS = CHATML.replace("for message in messages", "for message in messages[-2:]")
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": 'Say "yes" or \\no.\n{{ .Prompt }} \U0001f600'},
    {"role": "user", "content": "One\ntwo"},
    {"role": "assistant", "content": "Good {{ day }}"},
    {"role": "user", "content": "…and?"},
]


def speaks(template: str) -> Any:
    tokenizer = deepcopy(tiny_tokenizer())
    tokenizer.chat_template = template
    return tokenizer


@pytest.mark.parametrize("name", KNOWN)
def test_the_go_template_renders_what_the_bases_own_does(name: str) -> None:
    tokenizer = speaks(KNOWN[name])
    go = turns_of(tokenizer).go()
    for talk in (TALK, TALK[1:], TALK[:2], TALK[1:2]):
        assert rendered(go, talk) == prompt_text(tokenizer, talk)
    assert keeps_space(tokenizer) == (name != "llama 3")
    assert "\n" not in go and '"""' not in go


@pytest.mark.parametrize(("template", "why"), [(COUNTS, "would read"), (SHOUTS, "leaves out"), (SHORTENS, "leaves out")])
def test_a_template_that_counts_or_rewrites_cannot_be_said(template: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        turns_of(speaks(template))


def test_an_unfinished_answer_is_gone_on_with() -> None:
    go = turns_of(speaks(CHATML)).go()
    assert rendered(go, TALK[:3]).endswith("<|im_start|>assistant\nGood {{ day }}")


def shown(home: Home, *pairs: tuple[str, str]) -> Demonstrations:
    rows = [
        Example(id=str(place), messages=({"role": "user", "content": asked},), target=said)
        for place, (asked, said) in enumerate(pairs)
    ]
    return Demonstrations(pool=home.blobs.put_bytes(pool_bytes(rows, lambda row: str(row.target))), k=0, shared=len(rows))


@pytest.mark.parametrize(
    "prompt",
    [
        "Be brief.",
        'Say "yes"',
        'One line,\nthen """three""" quotes, and\n"one"',
        '"',
        "# no comment\nFROM nowhere",
        "Ünïcode: 東京",
    ],
)
def test_what_is_exported_comes_back_through_import(registry: Home, tiny_base: Path, tmp_path: Path, prompt: str) -> None:
    pairs = (("Good?", "yes"), ("Two\nlines", 'a "quoted" no'))
    subject = registered(registry, tiny_base, prompt=prompt, demonstrations=shown(registry, *pairs), max_tokens=17)
    made = modelfile_of(subject, "./model.gguf")
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    back = read_modelfile(made.text, tmp_path / "Modelfile", own_base=True)
    assert back.prompt == prompt and back.max_tokens == 17
    assert [(turn.user, turn.assistant) for turn in back.turns] == list(pairs)
    assert back.base == str(tmp_path / "model.gguf")
    assert made.carries == {"prompt", "shared", "max_tokens"} and not made.notes
    parameters = {said.key: said.value for said in parse(made.text, "Modelfile") if said.name == "PARAMETER"}
    assert parameters["temperature"] == "0" and parameters["repeat_penalty"] == "1" and parameters["num_ctx"] == "2048"
    assert parameters["stop"] == "<|im_end|>"


def test_what_a_modelfile_cannot_say_is_told(registry: Home, tiny_base: Path, tmp_path: Path) -> None:
    nbsp = modelfile_of(registered(registry, tiny_base, prompt="Non\u00a0breaking"), "./model.gguf")
    assert nbsp.text and "U+00A0" in nbsp.notes[0]
    quotes = modelfile_of(registered(registry, tiny_base, prompt='ends """\nhere'), "./model.gguf")
    assert not quotes.text and not quotes.carries and "There is no Modelfile" in quotes.notes[0]
    base = tmp_path / "base"
    shutil.copytree(tiny_base, base)
    (base / "chat_template.jinja").write_text(COUNTS)
    counts = modelfile_of(registered(registry, base, prompt="Be brief."), "./model.gguf")
    assert not counts.text and "cannot be said in Ollama's language" in counts.notes[0]


GO = """package main

import (
	"encoding/json"
	"os"
	"text/template"
)

type message struct{ Role, Content string }

func main() {
	var asked struct {
		Template string
		Talks    [][]*message
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	made := template.Must(template.New("").Option("missingkey=zero").Parse(asked.Template))
	said := []string{}
	for _, talk := range asked.Talks {
		file, _ := os.CreateTemp("", "said")
		if err := made.Execute(file, map[string]any{"Messages": talk, "System": ""}); err != nil {
			panic(err)
		}
		text, _ := os.ReadFile(file.Name())
		os.Remove(file.Name())
		said = append(said, string(text))
	}
	json.NewEncoder(os.Stdout).Encode(said)
}
"""


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed: its text/template is what Ollama renders with")
def test_go_itself_renders_it(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text(GO)
    subprocess.run(["go", "build", "-o", "said", "main.go"], cwd=tmp_path, check=True)
    talks = [TALK, TALK[1:], TALK[:2], TALK[1:2], TALK[:3]]
    for template in KNOWN.values():
        turns = turns_of(speaks(template))
        asked = json.dumps({"template": turns.go(), "talks": talks})
        ran = subprocess.run([tmp_path / "said"], input=asked, capture_output=True, text=True, check=True)
        assert json.loads(ran.stdout) == [turns.text(talk) for talk in talks]
