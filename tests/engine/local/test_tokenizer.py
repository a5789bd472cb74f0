"""A tokenizer's files: read as transformers reads them, or refused with the library, the file or the way out by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rung.engine.bases.folder import read_template
from rung.engine.local import tokenizer as module
from rung.engine.local.fitness import refuse_unfit_base, remarks
from rung.engine.local.tokenizer import load_tokenizer
from rung.errors import UserError


@pytest.fixture
def copy(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "copy"))


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without the libraries that some tokenizers need."""
    monkeypatch.setattr(module, "_installed", lambda library: False)


def told(**changes: Any):
    """tokenizer_config.json with these keys; without those that are None."""

    def change(folder: Path) -> None:
        file = folder / "tokenizer_config.json"
        kept = json.loads(file.read_text()) | changes
        file.write_text(json.dumps({key: value for key, value in kept.items() if value is not None}))

    return change


def file(name: str, content: bytes):
    return lambda folder: (folder / name).write_bytes(content)


def without(*names: str):
    return lambda folder: [(folder / name).unlink() for name in names]


def both(*changes):
    return lambda folder: [change(folder) for change in changes]


BARE = without("tokenizer.json")
CUT = lambda folder: (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text()[:500])  # noqa: E731
EMPTY = both(BARE, file("vocab.json", b"{}"), file("merges.txt", b""), told(tokenizer_class="GPT2Tokenizer"))
OWN = {"AutoTokenizer": ["tokenization_own.OwnTokenizer", None]}


@pytest.mark.parametrize(
    ("change", "problem", "hint"),
    [
        (both(BARE, file("tokenizer.model", b"\n\x0e\n\x05<unk>")), "only be read with sentencepiece", "pip install sentencepiece"),
        (both(BARE, file("tokenizer.model", b"IQ== 0\nIg== 1\n")), "only be read with tiktoken", "pip install tiktoken"),
        (both(BARE, file("tekken.json", b"{}")), "only be read with mistral-common", "pip install mistral-common"),
        (told(tokenizer_class="MistralCommonBackend"), "only be read with mistral-common", "pip install mistral-common"),
        (told(auto_map=OWN, tokenizer_class="OwnTokenizer"), "code that came with the model", "tokenizer.json"),
        (CUT, "not JSON: Unterminated string", "damaged"),
        (file("tokenizer.json", b"{}"), "cannot be loaded", "download them again"),
        (file("tokenizer.json", b"version https://git-lfs.github.com/spec/v1\n"), "pointer of git-lfs", "git lfs pull"),
        (file("tokenizer_config.json", b"[]"), "not a JSON object", "damaged"),
        (file("special_tokens_map.json", b"{"), "not JSON", "damaged"),
        (BARE, "cannot be loaded", "not all there"),
        (told(eos_token=3), "cannot be loaded: TypeError: Special token eos_token", "again"),
        (EMPTY, "keeps nothing of a text", "again"),
    ],
)
def test_a_tokenizer_that_cannot_be_read(copy, change, problem, hint):
    change(copy)
    with pytest.raises(UserError) as caught:
        load_tokenizer(copy)
    assert problem in caught.value.problem and hint in caught.value.hint
    assert caught.value.where.startswith(str(copy))


def test_a_class_that_nobody_has_is_read_from_its_json_as_transformers_does(copy, tiny_base):
    told(tokenizer_class="NoSuchTokenizer")(copy)
    text = "My order 48213 is late; ünïcode 你好"
    assert load_tokenizer(copy).encode(text) == load_tokenizer(tiny_base).encode(text)


def test_a_tokenizer_is_read_once_for_each_state_of_its_files(copy):
    first = load_tokenizer(copy)
    assert load_tokenizer(copy) is first
    told(eos_token="<|endoftext|>")(copy)
    assert load_tokenizer(copy).eos_token == "<|endoftext|>"


def test_where_nothing_ends_an_answer_it_is_said(copy):
    told(eos_token=None)(copy)
    for name in ("generation_config.json", "config.json"):
        content = json.loads((copy / name).read_text())
        content.pop("eos_token_id")
        file(name, json.dumps(content).encode())(copy)
    refuse_unfit_base(copy)  # the template's own end of turn
    file("chat_template.jinja", b"{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}")(copy)
    with pytest.raises(UserError, match="nothing says where an answer ends"):
        refuse_unfit_base(copy)


# --- what an owner may not expect


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            file("chat_template.jinja", b"{{ strftime_now('%Y') }}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"),
            "26 Jul 2024",
        ),
        (
            file(
                "chat_template.jinja",
                b"{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}"
                b"{% if add_generation_prompt %}<|im_start|>assistant: <think>\n{% endif %}",
            ),
            "opens a thought",
        ),
        (lambda folder: shutil.copyfile(folder / "model.safetensors", folder / "model.fp16.safetensors"), "model.fp16.safetensors"),
        (file("consolidated.safetensors", b""), ""),
        (file("generation_config.json", b'{"repetition_penalty": 1.05, "temperature": 0.7}'), "repetition_penalty 1.05."),
        (file("generation_config.json", b'{"no_repeat_ngram_size": 3, "suppress_tokens": [4]}'), "size 3, suppress_tokens [4]"),
        (file("generation_config.json", b'{"repetition_penalty": 1, "bad_words_ids": null, "eos_token_id": [2, 0]}'), ""),
    ],
)
def test_what_is_done_otherwise_is_said(copy, change, words):
    assert remarks(copy) == []
    change(copy)
    said = remarks(copy)
    assert len(said) == bool(words) and (not words or words in said[0])


def test_a_template_that_only_a_processor_reads_is_read(copy):
    text = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").unlink()
    file("chat_template.json", json.dumps({"chat_template": text}).encode())(copy)
    assert load_tokenizer(copy).chat_template == text == read_template(copy)
    told(chat_template="of the tokenizer " + text)(copy)
    assert load_tokenizer(copy).chat_template == read_template(copy) == "of the tokenizer " + text


@pytest.mark.parametrize("value", [3, ["x"], [{"name": "default"}], {"default": 1}])
def test_a_template_that_is_no_text_is_refused(copy, value):
    (copy / "chat_template.jinja").unlink()
    told(chat_template=value)(copy)
    with pytest.raises(UserError, match="chat_template is no text"):
        read_template(copy)
