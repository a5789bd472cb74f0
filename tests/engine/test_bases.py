"""References to digests: every file that changes an answer counts, nothing else does, and what was measured is what is opened."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from rung.engine.bases.folder import answer_files
from rung.engine.bases.resolve import open_backend, resolve
from rung.engine.chat import chat_template
from rung.errors import UserError


@pytest.fixture
def copy(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "copy"))


def test_folder_is_used_in_place_and_its_template_known(tiny_base, home):
    from transformers import AutoTokenizer

    base = resolve(str(tiny_base), home)
    assert (base.kind, base.folder, str(base.reference)) == ("local", tiny_base, str(tiny_base))
    assert base.template_digest == chat_template(AutoTokenizer.from_pretrained(tiny_base)).digest
    assert base.pinned == f"{tiny_base}@sha256:{base.digest}"
    kept = [path.relative_to(home) for path in home.rglob("*") if path.is_file()]
    assert kept == [Path("bases", "parts", f"{base.digest}.json")], "nothing of it but what its parts are"


def test_equal_content_has_an_equal_digest_anywhere(tiny_base, copy, home):
    (copy / "README.md").write_text("not part of any answer")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(dict(reversed(config.items())) | {"transformers_version": "9.9"}))
    assert resolve(str(copy), home).digest == resolve(str(tiny_base), home).digest


def test_every_answer_file_counts(tiny_base, copy, home):
    digests = {resolve(str(copy), home).digest}
    names = answer_files(copy)
    assert {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"} <= set(names)
    for name in names:
        path = copy / name
        if name.endswith("config.json"):
            path.write_text(json.dumps(json.loads(path.read_text()) | {"added": 1}))
        elif name.endswith(".jinja"):
            path.write_text(path.read_text() + ".")
        else:
            data = bytearray(path.read_bytes())
            data[-2] ^= 1
            path.write_bytes(data)
        digests.add(resolve(str(copy), home).digest)
    (copy / "added_tokens.json").write_text("{}")
    digests.add(resolve(str(copy), home).digest)
    assert len(digests) == len(names) + 2


def test_pinned_reference_opens_only_what_was_measured(copy, home):
    pinned = resolve(str(copy), home).pinned
    assert resolve(pinned, home).pinned == pinned
    (copy / "chat_template.jinja").write_text("{{ messages }}")
    with pytest.raises(UserError, match="not the one that was measured"):
        resolve(pinned, home)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "chat_template.jinja").unlink(), "no chat template"),
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "config.json").write_text("{oops"), "not JSON"),
        (lambda f: (f / "config.json").write_text("[]"), "not a JSON object"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickled weights"),
        (lambda f: [(f / n).unlink() for n in ("tokenizer.json", "tokenizer_config.json")], "no tokenizer"),
        (shutil.rmtree, "no such folder"),
    ],
)
def test_a_folder_that_is_no_base_says_why(copy, home, spoil, message):
    spoil(copy)
    with pytest.raises(UserError, match=message) as caught:
        resolve(str(copy), home)
    assert caught.value.where and caught.value.hint and caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("https://api.example.com/v1", "which server and model"),
        ("https://#model", "which server and model"),
        ("scripted:nowhere.py#f", "no such file"),
        ("scripted:nowhere.py", "which function"),
        ("ftp:thing", "no base starts with 'ftp:'"),
        ("localhost:8000/v1#m", "Write http://localhost:8000/v1#m for a server"),
        ("pip:-r evil", "not a package reference"),
        ("pip:name>=1", "not a package reference"),
        ("hf:justaname", "not a hub reference"),
        ("tree:abc", "none is open"),
        ("missing.gguf", "no such file"),
    ],
)
def test_bad_references(reference, message, home):
    with pytest.raises(UserError, match=message):
        resolve(reference, home)


def test_remote_reference_is_its_address_and_model(home):
    base = resolve("https://host.example/v1/#some/model:7b", home)
    assert (base.kind, base.folder) == ("openai_http", None)
    assert base.digest == resolve("https://host.example/v1#some/model:7b", home).digest
    assert base.digest != resolve("https://host.example/v1#other", home).digest
    assert resolve(base.pinned, home) == base


def test_tree_of_the_blob_store(tiny_base, home):
    class Blobs:
        def local(self, digest):
            assert digest == "abc"
            return tiny_base

    base = resolve("tree:abc", home, blobs=Blobs())
    assert base.digest == resolve(str(tiny_base), home).digest and base.pinned.startswith("tree:abc@sha256:")


# --- scripted


def test_scripted_backend(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("fake.py").write_text(
        "def loud(request):\n    return request['messages'][-1]['content'].upper()\n"
        "def rich(request):\n    return {'text': str(request['adapters']), 'prompt_tokens': 3, 'cost_usd': 0.5, 'latency_s': .25}\n"
        "def odd(request):\n    return {'text': 'x', 'tokens': 3}\n"
        "def bad(request):\n    return 1 / 0\n"
        "def none(request):\n    return None\n"
    )
    from rung.engine.backend import AdapterUse, Request

    ask = [Request(messages=({"role": "user", "content": "hi"},))]
    backend = open_backend("scripted:fake.py#loud", home)
    assert backend.reference == resolve("scripted:fake.py#loud", home).pinned
    assert [answer.text for answer in backend.answer(ask)] == ["HI"]
    rich = open_backend("scripted:fake.py#rich", home).answer(
        [replace(ask[0], adapters=(AdapterUse(folder=Path("a"), digest="d", weight=0.5),))]
    )[0]
    assert (rich.text, rich.prompt_tokens, rich.completion_tokens, rich.cost_usd, rich.latency_s) == (
        str([{"folder": "a", "digest": "d", "weight": 0.5}]),
        3,
        None,
        0.5,
        0.25,
    )
    for name, message in {"odd": "unknown 'tokens'", "bad": "ZeroDivisionError", "none": "returned NoneType"}.items():
        with pytest.raises(UserError, match=message):
            open_backend(f"scripted:fake.py#{name}", home).answer(ask)
    with pytest.raises(UserError, match=r"no function 'lood'[\s\S]*'loud'"):
        open_backend("scripted:fake.py#lood", home)
    before = resolve("scripted:fake.py#loud", home).digest
    assert before != resolve("scripted:fake.py#rich", home).digest
    Path("fake.py").write_text("def loud(request):\n    return 'other'\n")
    assert resolve("scripted:fake.py#loud", home).digest != before
