"""What the check finds of five servers, and how each is asked then: always against what was recorded of them, and where
RUNG_TEST_SERVERS names some that run (`http://127.0.0.1:8000/v1#model`, separated by white space; their key in RUNG_TEST_KEY)
against those too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import PROSE, SERVERS, Recorded, error, said
from stand_in import Server as StandIn
from stand_in import completion

from rung.engine.backend import Budget, Request
from rung.engine.backends.openai_http import OpenAIHTTP
from rung.engine.bases.resolve import open_backend
from rung.engine.http.body import ROOM_FOR_THOUGHTS
from rung.engine.http.check import MOST_QUESTIONS, Server, check
from rung.engine.http.finding import ServerFinding, finding_notes, finding_rows, keep_finding, kept_finding
from rung.engine.http.sending import Patience
from rung.engine.http.spending import BudgetSpent, Purse
from rung.errors import UserError
from rung.parts import ChoiceConstraint, SchemaConstraint

MOODS = ChoiceConstraint(choices=("glad", "sad"))
FORM = SchemaConstraint(schema={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
TOOL = {"name": "go", "description": "Goes there.", "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}}


@pytest.fixture(autouse=True)
def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def start() -> Iterator[Callable[[Recorded], StandIn]]:
    running: list[StandIn] = []

    def _start(recorded: Recorded) -> StandIn:
        running.append(recorded.start())
        return running[-1]

    yield _start
    for made in running:
        made.http.shutdown()
        made.http.server_close()


def ask(text: str = "How are you?", **fields: object) -> Request:
    return Request(messages=({"role": "user", "content": text},), max_tokens=8, **fields)  # type: ignore[arg-type]


FOUND = {
    "llama.cpp": {"software": "llama.cpp", "listed": True, "schema": "held", "choice": "grammar", "top_logprobs": 20}
    | {"tools": "ignored", "context": 2048, "slots": 4},
    "vllm": {"software": "vLLM", "listed": True, "schema": "held", "choice": "structured_outputs", "top_logprobs": 20}
    | {"tools": "refused", "context": 2048, "slots": None},
    "transformers": {"software": "", "listed": None, "schema": "ignored", "choice": "", "top_logprobs": 0}
    | {"tools": "ignored", "context": None, "slots": None},
    "litellm": {"software": "", "listed": True, "schema": "held", "choice": "grammar", "top_logprobs": 20}
    | {"tools": "ignored", "context": None, "slots": None},
    "ollama": {"software": "Ollama", "listed": True, "schema": "held", "choice": "", "top_logprobs": 0}
    | {"tools": "refused", "context": 4096, "slots": None},
}


@pytest.mark.parametrize("name", SERVERS)
def test_what_is_found(name: str, start: Callable[[Recorded], StandIn]) -> None:
    server = start(SERVERS[name])
    found = check(Server(address=server.address, model="smol"))
    assert {field: getattr(found, field) for field in FOUND[name]} == FOUND[name]
    assert found.counts_tokens and found.seeds and not found.thinks and found.checked
    assert found.requests == len(server.bodies) <= MOST_QUESTIONS + 1
    assert finding_rows(found) and all(note.endswith(".") for note in finding_notes(found))


@pytest.mark.parametrize("name", SERVERS)
def test_what_is_found_is_used(name: str, start: Callable[[Recorded], StandIn], home: Path) -> None:
    """A choice, an object and tools are answered by each in the way that it has, with room for what stands around them."""
    server = start(SERVERS[name])
    backend = open_backend(f"{server.address}#smol", home)
    assert isinstance(backend, OpenAIHTTP)
    backend.know(found := check(Server(address=server.address, model="smol")))
    server.bodies.clear()
    chosen, filled, told = backend.answer([ask(constraint=MOODS), ask(constraint=FORM), ask(tools=(TOOL,))])
    by_form = {next(form for form in ("glad", "integer", "go") if form in json.dumps(body)): body for body in server.bodies}
    assert len(server.bodies) == 3, "nothing is refused, for nothing is sent that it refuses"
    if found.schema == "held":
        assert (chosen.text, json.loads(filled.text)) == ("glad", {"n": 1})
    else:
        assert PROSE in (chosen.text, filled.text) and "response_format" not in by_form["integer"]
        assert (
            "glad\nsad" in by_form["glad"]["messages"][0]["content"] and '"integer"' in by_form["integer"]["messages"][0]["content"]
        )
    assert by_form["glad"]["max_tokens"] == (8 if found.choice or found.schema != "held" else 8 + 48)
    assert (chosen.logprobs is not None) == (found.top_logprobs > 0)
    if chosen.logprobs:
        assert chosen.logprobs["glad"] > chosen.logprobs["sad"]
    assert "tools" not in by_form["go"] and '"name":"go"' in by_form["go"]["messages"][0]["content"]
    assert told.latency_s is not None


@pytest.mark.parametrize("name", [name for name in SERVERS if name != "llama.cpp"])
def test_a_model_that_is_not_there(name: str, start: Callable[[Recorded], StandIn]) -> None:
    server = start(SERVERS[name])
    with pytest.raises(UserError, match=r"no model 'smoll'|pinned to 'smol'") as caught:
        check(Server(address=server.address, model="smoll"))
    assert name == "transformers" or "Did you mean 'smol" in caught.value.hint
    assert len(server.bodies) == 1


def test_a_server_that_answers_for_any_model(start: Callable[[Recorded], StandIn]) -> None:
    found = check(Server(address=start(SERVERS["llama.cpp"]).address, model="gpt-9"))
    assert found.listed is False and any("another one" in note for note in finding_notes(found))


def test_refused_keys_and_dead_servers_end_at_once(start: Callable[[Recorded], StandIn]) -> None:
    server = start(Recorded(lambda _body: error("Incorrect API key provided", 401)))
    with pytest.raises(UserError, match="refuses the key"):
        check(Server(address=server.address, model="smol"))
    assert len(server.bodies) == 1
    with pytest.raises(UserError, match=r"does not answer \(ConnectError[\s\S]*Start the server"):
        check(Server(address="http://127.0.0.1:9/v1", model="smol"))


def test_the_tasks_own_form_is_tried(start: Callable[[Recorded], StandIn]) -> None:
    """A server that holds most schemas and lets one through unheld, for it cannot make a grammar of it."""

    def fails_open(body: dict) -> tuple:
        unheld = "pattern" in json.dumps(body.get("response_format", {}))
        return said(body, PROSE) if unheld else SERVERS["llama.cpp"].answer(body)

    server = start(Recorded(fails_open))
    strange = SchemaConstraint(schema={"type": "object", "properties": {"a": {"type": "string", "pattern": "^a\\!$"}}})
    found = check(Server(address=server.address, model="smol"), strange)
    assert (found.schema, found.own_form, found.has_forms) == ("held", "ignored", False)
    assert any("the form that this task asks for" in note for note in finding_notes(found))
    assert check(Server(address=server.address, model="smol"), FORM).own_form == "held"


def test_fields_that_a_model_refuses_are_left_out_of_everything(start: Callable[[Recorded], StandIn], home: Path) -> None:
    def picky(body: dict) -> tuple:
        for name in ("max_tokens", "temperature", "logprobs", "grammar", "regex", "guided_choice", "structured_outputs"):
            if name in body:
                return error(f"Unsupported parameter: '{name}' is not supported with this model.")
        reply = completion("")
        reply["usage"]["completion_tokens_details"] = {"reasoning_tokens": 8}
        return 200, reply, {}, 0.0

    server = start(Recorded(picky))
    found = check(Server(address=server.address, model="smol"))
    assert found.without == ("max_tokens", "temperature") and found.thinks and found.top_logprobs == 0 and found.seeds is None
    backend = open_backend(f"{server.address}#smol", home)
    assert isinstance(backend, OpenAIHTTP)
    backend.know(found)
    server.bodies.clear()
    backend.answer([ask()])
    assert len(server.bodies) == 1 and server.bodies[0]["max_completion_tokens"] == 8 + ROOM_FOR_THOUGHTS


def test_the_check_is_paid_from_the_budget(start: Callable[[Recorded], StandIn]) -> None:
    server = start(SERVERS["vllm"])
    told: list[float] = []
    purse = Purse(prices={"input_usd_per_million": 1.0, "output_usd_per_million": 2.0})
    purse.pay_from(Budget(limit_usd=1.0, keep=told.append), server.address)
    check(Server(address=server.address, model="smol", purse=purse))
    answered = [body for body in server.bodies if "tools" not in body]
    assert told[-1] == pytest.approx(purse.budget.spent_usd) and max(told) > told[-1] > len(answered) * 10e-6
    purse.pay_from(Budget(limit_usd=1e-6), server.address)
    with pytest.raises(BudgetSpent):
        check(Server(address=server.address, model="smol", purse=purse))


def test_a_finding_is_kept_beside_the_base(start: Callable[[Recorded], StandIn], home: Path) -> None:
    server = start(SERVERS["vllm"])
    found = ServerFinding(choice="structured_outputs", schema="held", top_logprobs=5, without=("seed",))
    base = open_backend(f"{server.address}#smol", home).reference.rpartition(":")[2]
    assert kept_finding(home, base) is None
    keep_finding(home, base, found)
    assert kept_finding(home, base) == found
    backend = open_backend(f"{server.address}#smol", home)
    assert isinstance(backend, OpenAIHTTP) and backend.finding == found
    backend.answer([ask(constraint=MOODS)])
    assert "seed" not in server.bodies[0] and server.bodies[0]["top_logprobs"] == 5
    (home / "servers" / f"{base}.json").write_text("{", "utf-8")
    assert kept_finding(home, base) is None


RUNNING = os.environ.get("RUNG_TEST_SERVERS", "").split()


@pytest.mark.skipif(not RUNNING, reason="RUNG_TEST_SERVERS names no server that runs")
@pytest.mark.parametrize("base", RUNNING)
def test_a_server_that_runs(base: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it holds to: what was found is what it then does."""
    monkeypatch.setenv("RUNG_API_KEY", os.environ.get("RUNG_TEST_KEY", ""))
    address, _, model = base.partition("#")
    found = check(Server(address=address, model=model), FORM)
    backend = open_backend(base, home)
    assert isinstance(backend, OpenAIHTTP)
    backend.know(found)
    backend.patience = replace(Patience(), attempts=1)
    chosen, filled, told = backend.answer([ask(constraint=MOODS), replace(ask(constraint=FORM), max_tokens=64), ask(tools=(TOOL,))])
    if found.choice or found.schema == "held":
        assert chosen.text in MOODS.choices
    if found.schema == "held" and filled.finish_reason == "stop":
        assert set(json.loads(filled.text)) == {"n"}
    assert told.finish_reason in ("stop", "length")
    assert not found.counts_tokens or told.prompt_tokens
