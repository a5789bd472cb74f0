"""vLLM in the place of a base: adapters by their digests, never others' and never the base; nothing kept is shared by tenants."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from played_vllm import BASE, PlayedVllm

from rung.engine.backend import ADAPTER_FILES, AdapterUse, ContextTooLong, Request
from rung.engine.bases.resolve import Base, resolve
from rung.engine.caller import Caller, Full, Piece, Sampling
from rung.engine.chat import prompt_tokens
from rung.engine.http.refusals import Asked
from rung.engine.http.vllm.driver import Vllm, VllmSettings
from rung.engine.http.vllm.engines import Engine, with_engines
from rung.engine.runtime import Runtime
from rung.errors import BrokenEnvironment, UserError
from rung.parts import ChoiceConstraint
from rung.registry.store import BlobStore
from rung.sources.address import ServerAddress

QUESTION = ({"role": "user", "content": "hi"},)


@pytest.fixture
def server() -> Iterator[PlayedVllm]:
    made = PlayedVllm()
    yield made
    made.close()


@pytest.fixture(scope="module")
def base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return resolve(str(tiny_base), tmp_path_factory.mktemp("bases"))


@pytest.fixture
def made(server: PlayedVllm, base: Base) -> Callable[..., Vllm]:
    asked = Asked(address=ServerAddress.read(server.address), model=BASE)
    return lambda **settings: Vllm(base, VllmSettings(asked=asked, **settings))


def adapter(folder: Path, name: str, content: bytes = b"") -> AdapterUse:
    """A folder that looks like one: nobody reads its numbers here."""
    (folder / name).mkdir(parents=True)
    for file in ADAPTER_FILES:
        (folder / name / file).write_bytes(content or f"{name} {file}".encode())
    return AdapterUse.of(folder / name)


def ask(backend: Vllm, *uses: AdapterUse, tenant: str = "", **sampling: Any) -> Any:
    pieces: list[Piece] = []
    caller = Caller(tenant=tenant, hear=pieces.append, sampling=Sampling(**sampling))
    said = backend.answer([Request(messages=QUESTION, adapters=uses, caller=caller)])[0]
    assert "".join(piece.text for piece in pieces) == said.text
    return said


def weights(use: AdapterUse) -> str:
    return str(hash((use.folder / ADAPTER_FILES[1]).read_bytes()))


def test_each_adapter_by_its_digest_and_the_base_by_its_name(server: PlayedVllm, made: Any, tmp_path: Path) -> None:
    backend, one, two = made(), adapter(tmp_path, "one"), adapter(tmp_path, "two")
    for use in (one, two, one):
        assert ask(backend, use).text.startswith(weights(use))
    assert ask(backend).text.startswith("base")
    assert server.adapters == {f"adapter@{use.digest[:12]}": str(use.folder) for use in (one, two)}
    assert [call for call, _ in server.calls] == ["load", "load"]


def test_it_is_asked_the_very_tokens_of_the_base(server: PlayedVllm, made: Any, base: Base) -> None:
    from rung.engine.local.tokenizer import load_tokenizer

    assert base.folder is not None
    said = ask(made(), temperature=0.5, top_p=0.8, seed=3, max_tokens=4, stop=("q",), top_logprobs=2)
    sent = server.bodies[-1]
    assert sent["prompt"] == prompt_tokens(load_tokenizer(base.folder), QUESTION)
    assert (sent["temperature"], sent["top_p"], sent["seed"], sent["max_tokens"], sent["stop"]) == (0.5, 0.8, 3, 4, ["q"])
    assert (sent["top_k"], sent["repetition_penalty"], sent["min_p"]) == (0, 1.0, 0.0), "the model's own settings have no say"
    assert said.finish_reason == "length" and said.prompt_tokens == len(sent["prompt"]) and said.completion_tokens == 4


def test_nothing_kept_is_shared(server: PlayedVllm, made: Any, tmp_path: Path) -> None:
    backend, one, two = made(), adapter(tmp_path, "one"), adapter(tmp_path, "two")
    assert [ask(backend, one, tenant=who).cached_tokens for who in ("a", "b", "a")][:2] == [0, 0]
    assert ask(backend, one, tenant="a").cached_tokens > 0, "a tenant's own is kept"
    assert ask(backend, two, tenant="a").cached_tokens == ask(backend, tenant="a").cached_tokens == 0
    salts = {body["cache_salt"] for body in server.bodies if "cache_salt" in body}
    assert len(salts) == 4 and all(len(salt) == 64 and salt != "a" for salt in salts)
    assert ask(made(), one, tenant="a").cached_tokens == 0, "a salt is of a secret: nobody who knows a tenant's name knows it"


def test_same_alias_new_bytes_is_another_adapter(server: PlayedVllm, made: Any, tmp_path: Path) -> None:
    backend = made()
    before = ask(backend, adapter(tmp_path / "v1", "tone", b"one"), tenant="a")
    after = ask(backend, adapter(tmp_path / "v2", "tone", b"two"), tenant="a")
    assert before.text != after.text and after.cached_tokens == 0 and len(server.adapters) == 2


def test_digests_made_to_look_alike(server: PlayedVllm, made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rung.engine.http.vllm import adapters

    monkeypatch.setattr(adapters, "refuse_changed", lambda use: None)
    backend, one, two = made(), adapter(tmp_path, "one"), adapter(tmp_path, "two")
    fakes = [AdapterUse(folder=use.folder, digest="0" * 12 + use.digest[12:]) for use in (one, two)]
    assert [ask(backend, use).text.split()[0] for use in fakes] == [weights(one), weights(two)]
    assert len(server.adapters) == 2


def test_one_that_is_not_there_is_never_the_base(server: PlayedVllm, made: Any, tmp_path: Path) -> None:
    backend, use = made(), adapter(tmp_path, "one")
    ask(backend, use)
    server.restart()
    assert ask(backend, use).text.startswith(weights(use)), "a server that was started anew is given it again"
    server.restart()
    server.fallback = True
    with pytest.raises(BrokenEnvironment, match="'tiny' answered in the place of 'adapter@"):
        ask(backend, use)
    pieces: list[Piece] = []
    with pytest.raises(BrokenEnvironment):
        backend.answer([Request(messages=QUESTION, adapters=(use,), caller=Caller(hear=pieces.append))])
    assert pieces == []


def test_no_more_than_it_may_hold(server: PlayedVllm, made: Any, tmp_path: Path) -> None:
    backend, uses = made(most=2), [adapter(tmp_path, name) for name in ("one", "two", "three")]
    for use in (*uses, uses[0]):
        assert ask(backend, use).text.startswith(weights(use)) and len(server.adapters) <= 2
    assert [call for call, _ in server.calls] == ["load", "load", "unload", "load", "unload", "load"]
    with backend._adapters.used(uses[:1]), backend._adapters.used(uses[1:2]), pytest.raises(Full):
        ask(backend, uses[2])


@pytest.mark.parametrize(
    ("refuse", "error", "words"),
    [
        ((400, "Both names must be provided"), UserError, "refuses the adapter"),
        ((404, "No adapter found for /x"), UserError, "does not find"),
        ((500, "LoRA rank 64 is greater than max_lora_rank 16."), BrokenEnvironment, "rank 64"),
    ],
)
def test_one_that_it_refuses(
    server: PlayedVllm, made: Any, tmp_path: Path, refuse: tuple[int, str], error: type[Exception], words: str
) -> None:
    server.refuse = refuse
    with pytest.raises(error, match=words):
        ask(made(), adapter(tmp_path, "one"))
    assert not [path for path in server.paths if path == "/v1/completions"]


def test_one_that_cannot_load_while_it_runs(server: PlayedVllm, made: Any, tmp_path: Path) -> None:
    server.runtime = False
    with pytest.raises(UserError, match="loads no adapters while it runs") as told:
        ask(made(), adapter(tmp_path, "one"))
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in told.value.hint


def test_a_name_that_somebody_took(server: PlayedVllm, made: Any, tmp_path: Path) -> None:
    use = adapter(tmp_path, "one")
    server.adapters[f"adapter@{use.digest[:12]}"] = "/somewhere/else"
    with pytest.raises(UserError, match="other bytes under the name"):
        ask(made(), use)


def test_bytes_that_were_changed_are_not_loaded(server: PlayedVllm, made: Any, tmp_path: Path) -> None:
    use = adapter(tmp_path, "one")
    (use.folder / ADAPTER_FILES[1]).write_bytes(b"poison")
    with pytest.raises(BrokenEnvironment, match="not those that its digest names"):
        ask(made(), use)
    shutil.rmtree(use.folder)
    with pytest.raises(BrokenEnvironment, match="the adapter has no"):
        ask(made(), use)
    assert server.calls == []


def test_stacks_are_refused_by_name(made: Any, tmp_path: Path) -> None:
    one, two = adapter(tmp_path, "one"), adapter(tmp_path, "two")
    half = AdapterUse(folder=one.folder, digest=one.digest, weight=0.5)
    for uses in ((one, two), (half,)):
        with pytest.raises(UserError, match="one adapter in full"):
            ask(made(), *uses)


def test_a_prompt_that_is_too_long(server: PlayedVllm, made: Any) -> None:
    server.context = 4
    with pytest.raises(ContextTooLong, match="at most 4"):
        ask(made())


def test_choices_and_their_log_probabilities(server: PlayedVllm, made: Any) -> None:
    request = Request(messages=QUESTION, constraint=ChoiceConstraint(choices=("abc", "xbc")))
    [said] = made().answer([request])
    assert said.text == "abc" and said.logprobs is not None and said.logprobs["abc"] > said.logprobs["xbc"]
    assert server.bodies[-1]["structured_outputs"] == {"choice": ["abc", "xbc"]}


def test_another_base_is_refused(server: PlayedVllm, made: Any, tmp_path: Path, tiny_base: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_base, other)
    (other / "chat_template.jinja").write_text("{{ messages[0].content }} ")
    server.root = str(other)
    with pytest.raises(UserError, match="another model loaded"):
        ask(made())
    server.root = str(tiny_base)
    assert ask(made()).text


def test_which_base_a_server_answers_for(server: PlayedVllm, base: Base, tmp_path: Path, tiny_base: Path) -> None:
    def nobody(reference: str) -> Any:
        raise AssertionError(reference)

    blobs = BlobStore(tmp_path / "blobs", writable=True)
    engine = Engine.read(f"{tiny_base}={server.address}#{BASE}")
    runtime = with_engines(Runtime(backend_for=nobody, blobs=blobs), [engine], tmp_path, blobs)
    assert isinstance(runtime.backend_for(base.pinned), Vllm) and runtime.backend_for(base.pinned) is runtime.backend_for(
        base.pinned
    )
    for other in (f"int8:{base.pinned}", f"{tiny_base}@sha256:{hashlib.sha256(b'x').hexdigest()}"):
        with pytest.raises(AssertionError):
            runtime.backend_for(other)
    with pytest.raises(UserError, match="two servers are named"):
        with_engines(runtime, [engine, engine], tmp_path, blobs)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("http://127.0.0.1:8000/v1#tiny", "does not say which server answers"),
        ("base=127.0.0.1:8000", "does not say which server answers"),
        ("base=http://127.0.0.1:8000/v1", "does not say which server and model"),
        ("base=http://8.8.8.8/v1#tiny", "no private address"),
        ("base=http://0.0.0.0:8000/v1#tiny", "no private address"),
        ("base=http://user:pass@127.0.0.1/v1#tiny", "user or password"),
        ("base=http://nobody.invalid/v1#tiny", "no such host"),
    ],
)
def test_what_is_no_engine(written: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Engine.read(written)


@pytest.mark.skipif("RUNG_VLLM" not in os.environ, reason="RUNG_VLLM names a vLLM that runs: BASE=http://127.0.0.1:8000/v1#model")
def test_a_vllm_that_runs(tmp_path: Path) -> None:
    """It must have been started with --enable-lora --enable-prompt-tokens-details and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1."""
    from real_vllm import shows

    shows(os.environ["RUNG_VLLM"], tmp_path)


def test_json_comes_without_white_space_between_its_parts() -> None:
    from rung.engine.http.vllm.prompts import _compact

    assert _compact('{ "a b" : [ 1.10,\n "c \\" d" , true ] }') == '{"a b":[1.10,"c \\" d",true]}'
    assert _compact('{"half": "a b') == '{"half":"a b', "cut off within a text"
