"""A server over HTTP, as it is on a bad day: every fault comes from a real socket."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from stand_in import Server, completion

from rung.engine.answer import answer
from rung.engine.backend import AdapterUse, Budget, Request, price_usd
from rung.engine.bases.resolve import open_backend
from rung.engine.demos import pool_bytes
from rung.engine.http.key import headers
from rung.engine.http.rate import retry_after
from rung.engine.http.sending import Patience
from rung.engine.http.spending import BudgetSpent
from rung.engine.runtime import Runtime
from rung.errors import BrokenEnvironment, UserError
from rung.parts import ChoiceConstraint, Demonstrations, SchemaConstraint
from rung.sources.address import ServerAddress
from rung.types import Answer, Candidate, Example

PRICES = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
CALL = {"id": "1", "type": "function", "function": {"name": "go", "arguments": '{"to": "Rome"}'}}
CHOICE = ChoiceConstraint(choices=("positive", "negative"))


def error(message: str, code: str = "") -> dict:
    return {"error": {"message": message, "code": code}}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("RUNG_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def backend(server, home):
    made = open_backend(f"{server.address}#tiny", home, prices=PRICES)
    made.patience = Patience(attempts=3, first_wait_s=0.01, timeout_s=0.5)
    return made


def ask(text="hi", **fields) -> Request:
    return Request(messages=({"role": "user", "content": text},), **fields)


def test_answer_with_tokens_cost_and_time(backend, server):
    said = backend.answer([ask(max_tokens=9, seed=3)])[0]
    assert (said.text, said.prompt_tokens, said.cached_tokens, said.completion_tokens) == ("hello", 100, 64, 10)
    assert said.cost_usd == pytest.approx(120e-6) and backend.purse.budget.spent_usd == pytest.approx(120e-6)
    assert said.latency_s > 0 and said.finish_reason == "stop"
    assert server.paths == ["/v1/chat/completions"]
    assert server.bodies[0] == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 9,
        "temperature": 0.0,
        "seed": 3,
    }
    assert backend.reference.startswith(f"{server.address}#tiny@sha256:")


def test_answers_keep_the_order_of_the_questions(backend, server):
    server.script = [
        lambda body: (200, completion(body["messages"][0]["content"]), {}, 0.002 * (int(body["messages"][0]["content"]) % 5))
    ]
    assert [a.text for a in backend.answer([ask(str(i)) for i in range(30)])] == [str(i) for i in range(30)]


def test_key_from_the_environment_only(backend, server, monkeypatch):
    backend.answer([ask()])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-two")
    backend.answer([ask()])
    monkeypatch.setenv("RUNG_API_KEY", "sk-one")
    backend.answer([ask()])
    assert [headers.get("Authorization") for headers in server.headers] == [None, "Bearer sk-two", "Bearer sk-one"]
    assert "sk-" not in repr(backend)
    monkeypatch.delenv("RUNG_API_KEY")
    assert headers(ServerAddress.read("http://models.example/v1")) == {}, "OpenAI's key does not go over a network in clear text"


@pytest.mark.parametrize(
    "fault",
    [
        (500, b"oops", {}, 0),
        (429, error("slow down"), {"Retry-After": "0"}, 0),
        (503, b"", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        (200, b'{"choices": [{"mess', {}, 0),
        (200, {"choices": []}, {}, 0),
        (200, completion("late"), {}, 0.8),
    ],
    ids=["500", "429", "503 with a date", "cut JSON", "no choices", "timeout"],
)
def test_passing_faults_are_tried_again(backend, server, fault):
    server.script = [fault, (200, completion("fine"), {}, 0)]
    assert backend.answer([ask()])[0].text == "fine"
    assert len(server.bodies) == 2


def test_retry_after_is_obeyed(backend, server):
    server.script = [(429, error("slow down"), {"Retry-After": "0.3"}, 0), (200, completion(), {}, 0)]
    backend.answer([ask()])
    assert server.times[1] - server.times[0] >= 0.29


def test_patience_ends(backend, server):
    server.script = [(500, error("the roof is on fire"), {}, 0)]
    with pytest.raises(BrokenEnvironment, match=r"HTTP 500: the roof is on fire[\s\S]*run the same command again") as caught:
        backend.answer([ask()])
    assert len(server.bodies) == 3 + 1 and caught.value.exit_code == 3, "three tries, and whether it answers anything"
    assert backend.purse.budget.spent_usd == 0


def only_if(bad: str, reply: tuple) -> list:
    """A server that gives this reply to one question and answers all others."""
    return [lambda body: reply if body["messages"][-1]["content"] == bad else (200, completion("fine"), {}, 0)]


@pytest.mark.parametrize(
    ("reply", "reason", "fault"),
    [
        ((500, error("cannot tokenize"), {}, 0), "error", "HTTP 500: cannot tokenize"),
        ((200, {"choices": []}, {}, 0), "error", "no chat completion"),
        ((200, {"error": {"message": "upstream"}}, {}, 0), "error", "no chat completion"),
        ((200, completion(), {}, 0.8), "error", "Timeout"),
        ((400, error("lone surrogate"), {}, 0), "refused", "HTTP 400: lone surrogate"),
        ((400, error("The response was filtered", "content_filter"), {}, 0), "content_filter", "a filter withheld it"),
    ],
)
def test_one_question_without_an_answer_ends_nothing(backend, server, reply, reason, fault):
    server.script = only_if("bad", reply)
    said = backend.answer([ask("a"), ask("bad"), ask("b")])
    assert [one.text for one in said] == ["fine", "", "fine"]
    assert said[1].finish_reason == reason and fault in said[1].fault and not said[0].fault
    assert backend.purse.budget.spent_usd <= 4 * 120e-6


def test_a_question_that_fails_is_asked_again_and_alone_ends_nothing(backend, server):
    """The next time it is the only one that is asked: what is kept of the others cannot tell whether the server is alive."""
    server.script = only_if("bad", (500, error("cannot tokenize"), {}, 0))
    kept: dict = {}
    cache = SimpleNamespace(load=lambda _, names: {n: kept[n] for n in names if n in kept}, store=lambda _, told: kept.update(told))
    rows = [Example(id=text, messages=({"role": "user", "content": text},)) for text in ("a", "bad", "b")]
    runtime = Runtime(backend_for=lambda _: backend, blobs=None, cache=cache)
    for _ in range(2):
        said = answer(Candidate(rung="r1_prompt", base="b"), rows, runtime)
        assert [one.finish_reason for one in said] == ["stop", "error", "stop"]
    assert len(kept) == 2


def test_nobody_there(home):
    made = open_backend("http://127.0.0.1:9/v1#m", home)
    made.patience = Patience(attempts=2, first_wait_s=0.01, timeout_s=0.5)
    with pytest.raises(BrokenEnvironment, match="does not answer"):
        made.answer([ask()])


def test_spent_quota_is_not_waited_for(backend, server):
    server.script = [(429, error("You exceeded your current quota", "insufficient_quota"), {}, 0)]
    with pytest.raises(BrokenEnvironment, match="quota"):
        backend.answer([ask()])
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("status", "reply", "message"),
    [
        (401, error("Incorrect API key"), r"refuses the key[\s\S]*RUNG_API_KEY"),
        (404, error("The model `tiny` does not exist"), r"no such address or model 'tiny'[\s\S]*/v1"),
        (
            400,
            error("This model's maximum context length is 8192 tokens; max_tokens is too large"),
            "longer than the model's context",
        ),
        (400, error("messages must not be empty"), "refuses the request .HTTP 400.: messages must not be empty"),
        (422, b"<html>no</html>", "HTTP 422"),
    ],
)
def test_lasting_faults_are_the_users(backend, server, status, reply, message):
    server.script = [(status, reply, {}, 0)]
    with pytest.raises(UserError, match=message) as caught:
        backend.answer([ask()])
    assert len(server.bodies) == 1 and caught.value.exit_code == 2


def test_fewer_demonstrations_where_the_server_says_too_long(backend, server, home):
    """Only the question that did not fit is asked, and paid for, again."""
    pool = [Example(id=name, messages=({"role": "user", "content": f"{name} " * 20},), target="yes") for name in "abcd"]
    (home / "pool").write_bytes(pool_bytes(pool, lambda row: str(row.target)))

    def narrow(body):
        size = sum(len(turn["content"]) for turn in body["messages"])
        return (200, completion(), {}, 0) if size < 200 else (400, error("maximum context length is 200 tokens"), {}, 0)

    server.script = [narrow]
    made = Candidate(rung="r1_prompt", base="b", demonstrations=Demonstrations(pool="pool", k=4))
    asked = [Example(id=text, messages=({"role": "user", "content": text},)) for text in ("a", "b" * 100)]
    blobs = SimpleNamespace(local=lambda name: home / name)
    assert [said.text for said in answer(made, asked, Runtime(backend_for=lambda _: backend, blobs=blobs))] == ["hello", "hello"]
    assert sorted(len(body["messages"]) for body in server.bodies) == [5, 9, 9]
    assert backend.purse.budget.spent_usd == pytest.approx(2 * 120e-6)


def test_what_all_questions_begin_with_is_sent_alike(backend, server, home):
    """So that a server which keeps what prompts begin with has read it before: no field and no turn before the question differs."""
    rows = [Example(id=name, messages=({"role": "user", "content": name},), target="yes") for name in "abcdef"]
    (home / "pool").write_bytes(pool_bytes(rows, lambda row: str(row.target)))
    made = Candidate(rung="r1_prompt", base="b", prompt="P", demonstrations=Demonstrations(pool="pool", k=1, shared=4))
    asked = [Example(id=text, messages=({"role": "user", "content": text},)) for text in ("e and so on", "f", "g" * 50)]
    blobs = SimpleNamespace(local=lambda name: home / name)
    said = answer(made, asked, Runtime(backend_for=lambda _: backend, blobs=blobs))
    sent = [json.dumps({**body, "messages": body["messages"][:9]}) for body in server.bodies]
    assert len(sent) == 3 and len(set(sent)) == 1 and [len(body["messages"]) for body in server.bodies] == [12] * 3
    assert [one.cached_tokens for one in said] == [64] * 3


def test_what_a_server_does_not_know_is_learnt_once(backend, server):
    def picky(body):
        for name in ("max_tokens", "temperature"):
            if name in body:
                return 400, error(f"Unsupported parameter: '{name}'"), {}, 0
        return 200, completion(), {}, 0

    server.script = [picky]
    backend.answer([ask(max_tokens=9)])
    assert len(server.bodies) == 3 and server.bodies[-1]["max_completion_tokens"] == 9
    backend.answer([ask()])
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ('{"answer": "negative"}', "negative"),
        ("Positive.", "positive"),
        ("**negative**", "negative"),
        ("I think this is positive!", "positive"),
        ("positive or negative", "positive or negative"),
        ("no idea", "no idea"),
        ("unpositively", "unpositively"),
        ("<think>positive?</think>negative", "negative"),
        ("not positive", "not positive"),
        ("", ""),
    ],
)
def test_choices_are_read_kindly_but_never_guessed(backend, server, said, meant):
    server.script = [(200, completion(said), {}, 0)]
    assert backend.answer([ask(constraint=CHOICE)])[0].text == meant
    sent = server.bodies[0]["response_format"]["json_schema"]
    assert sent["strict"] is True and sent["schema"]["properties"]["answer"]["enum"] == ["positive", "negative"]


def test_choices_without_schemas_and_schemas_without_support(backend, server):
    def old(body):
        return (
            (400, error("response_format json_schema is not supported"), {}, 0)
            if "response_format" in body
            else (200, completion("Positive"), {}, 0)
        )

    server.script = [old]
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    with pytest.raises(UserError, match="response_format"):
        backend.answer([ask(constraint=SchemaConstraint(schema=schema))])
    assert backend.answer([ask(constraint=CHOICE)])[0].text == "positive"


def test_schema_is_strict_only_where_it_can_be(backend, server):
    loose = {"type": "object", "properties": {"a": {"type": "integer"}}}
    closed = loose | {"required": ["a"], "additionalProperties": False}
    nested = closed | {"properties": {"a": {"type": "array", "items": loose}}}
    for schema in (loose, closed, nested):
        backend.answer([ask(constraint=SchemaConstraint(schema=schema))])
    assert ["strict" in body["response_format"]["json_schema"] for body in server.bodies] == [False, True, False]
    assert server.bodies[0]["response_format"]["json_schema"]["schema"] == loose


def test_tools_natively_or_beside_a_schema_in_words(backend, server):
    tool = {"name": "go", "parameters": {"type": "object", "properties": {}}}
    server.script = [
        (200, completion(calls=[CALL]), {}, 0),
        (200, completion(calls=[CALL, CALL]), {}, 0),
        (200, completion("{}"), {}, 0),
    ]
    one, two = (backend.answer([ask(tools=(tool,))])[0].text for _ in range(2))
    assert json.loads(one) == {"name": "go", "arguments": {"to": "Rome"}} and len(json.loads(two)) == 2
    assert server.bodies[0]["tools"] == [{"type": "function", "function": tool}]
    backend.answer([ask(tools=(tool,), constraint=SchemaConstraint(schema={"type": "object"}))])
    assert "tools" not in server.bodies[2] and '"name":"go"' in server.bodies[2]["messages"][0]["content"]


def test_unknown_usage_stays_unknown(backend, server):
    server.script = [(200, completion(usage=False), {}, 0)]
    said = backend.answer([ask()])[0]
    assert (said.prompt_tokens, said.completion_tokens, said.cost_usd) == (None, None, None)


def test_budget_is_never_exceeded(server, home):
    made = open_backend(f"{server.address}#tiny", home, prices=PRICES, budget=Budget(limit_usd=1e-3))
    with pytest.raises(BudgetSpent, match=r"budget of 0\.001 USD"):
        made.answer([ask(max_tokens=50) for _ in range(100)])
    assert 0 < made.purse.budget.spent_usd <= 1e-3
    assert len(server.bodies) * 120e-6 <= 1e-3 + 1e-12
    with pytest.raises(BudgetSpent):
        made.answer([ask("x" * 2000)])


def test_budget_counts_what_the_server_does_not(server, home):
    server.script = [(200, completion(usage=False), {}, 0)]
    made = open_backend(f"{server.address}#tiny", home, prices=PRICES, budget=Budget(limit_usd=1e-3))
    with pytest.raises(BudgetSpent):
        made.answer([ask(max_tokens=50) for _ in range(100)])
    assert made.purse.budget.spent_usd > 5e-4


def test_what_was_spent_before_counts_and_is_written_down_first(server, home):
    told = []
    budget = Budget(limit_usd=1e-3, spent_usd=9e-4, keep=told.append)
    made = open_backend(f"{server.address}#tiny", home, prices=PRICES, budget=budget)
    server.script = [lambda body: (told.append("asked"), (200, completion(), {}, 0))[1]]
    said = made.answer([ask(max_tokens=5)])
    foreseen, asked, after = told
    assert asked == "asked" and foreseen > 9e-4
    assert after == pytest.approx(9e-4 + said[0].cost_usd)
    with pytest.raises(BudgetSpent):
        made.answer([ask(max_tokens=5)])
    assert len(server.bodies) == 1


def test_cached_tokens_cost_what_the_prices_say_of_them():
    answer = Answer(text="", prompt_tokens=1000, cached_tokens=800, completion_tokens=100)
    assert price_usd(PRICES, answer) == pytest.approx(1200e-6)
    assert price_usd(PRICES | {"cached_input_usd_per_million": 0.1}, answer) == pytest.approx((200 + 80 + 200) * 1e-6)
    assert price_usd({}, answer) is None
    assert price_usd(PRICES, Answer(text="", prompt_tokens=5)) is None


def test_budget_needs_prices(server, home):
    with pytest.raises(UserError, match=r"limits\.usd is set[\s\S]*input_usd_per_million"):
        open_backend(f"{server.address}#tiny", home, budget=Budget(limit_usd=1.0))
    with pytest.raises(UserError, match="prices lack output_usd_per_million"):
        open_backend(f"{server.address}#tiny", home, prices={"input_usd_per_million": 1})


def test_what_a_server_cannot_do(backend, tmp_path):
    with pytest.raises(UserError, match="cannot be adapted"):
        backend.answer([ask(adapters=(AdapterUse(folder=tmp_path, digest="a"),))])


def test_retry_after_forms():
    assert retry_after("2.5") == 2.5
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None and retry_after(None) is None
