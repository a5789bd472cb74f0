"""Rails, held calls, stacks and sessions as a client of the server meets them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from played import shop_tools
from serving_home import Running, register, serving

from rung.line import LineCaps, LineCheck, Mix, Serving, Share
from rung.registry.home import open_home
from rung.serve.opening import Settings, open_door
from rung.types import Candidate

BASE = """
import json

def said(request):
    text = answer(request)
    counted = any("counted" in str(turn["content"]) for turn in request["messages"])
    return {"text": text, "prompt_tokens": 3, "completion_tokens": 5} if counted else text

def answer(request):
    turns = request["messages"]
    asked = next(turn["content"] for turn in reversed(turns) if turn["role"] == "user")
    if "twice" in asked and len([turn for turn in turns if turn["role"] == "tool"]) == 1:
        return json.dumps({"name": "sell", "arguments": {"item": asked.split()[-1]}})
    if turns[-1]["role"] == "tool":
        return "Done: " + turns[-1]["content"].splitlines()[-1]
    if "sell" in asked:
        return json.dumps({"name": "sell", "arguments": {"item": asked.split()[-1]}})
    if "weights" in asked:
        return json.dumps([one["weight"] for one in request["adapters"]])
    if "long" in asked:
        return str(request["max_tokens"])
    if "escaped" in asked:
        return json.dumps({"a": "d" + chr(92) + "u0061mn"}).replace(chr(92) * 2, chr(92))
    if "rude" in asked:
        return "Please." if "turned down" in asked and "kindly" in asked else "Damn you."
    return turns[0]["content"] if turns[0]["role"] == "system" else "Hello."
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("line")
    (folder / "base.py").write_text(BASE)
    base = f"scripted:{folder / 'base.py'}#said"
    with open_home(folder / "home", write=True) as home:
        home.keys.make("bob")

        def enter(name: str, said: Serving | None = None, **more: Any) -> None:
            ref = register(home, name, Candidate(rung="r1_prompt", base=base, **{"prompt": f"I am {name}.", **more}))
            home.serving.put(ref, said)

        polite = LineCheck(name="polite", scorer="forbidden", config={"words": ["damn"]})
        enter("kind", Serving(checks=(polite,), retry=1))
        enter("strict", Serving(checks=(polite,), message="Not so."))
        enter("elsewhere", Serving(checks=(polite,), fallback="helper"))
        enter("helper", prompt="I help.")
        enter("capped", Serving(caps=LineCaps(tokens=7)))
        enter("shop", tools=shop_tools(home, folder / "mark"))
        stacks = Mix(shares=(Share(name="law", least=0.0, most=1.0),))
        legal = Mix(mode="legal", shares=(Share(name="law", least=0.5, most=0.5),))
        enter("desk", Serving(mixes=(stacks, legal)), adapters=(home.blobs.put_bytes(b"desk"),))
        enter("law", adapters=(home.blobs.put_bytes(b"law"),))
        with serving(open_door(home, Settings())) as running:
            yield running


def ask(house: Running, model: str, text: str, status: int = 200, session: str = "", **body: Any) -> dict[str, Any]:
    return call(house, "POST", "/v1/chat/completions", status, session, model=model, messages=[user(text)], **body)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def call(house: Running, method: str, path: str, status: int = 200, session: str = "", **body: Any) -> dict[str, Any]:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=30)
    headers = {"content-type": "application/json"} | ({"x-rung-session": session} if session else {})
    connection.request(method, path, json.dumps(body) if body else None, headers)
    response = connection.getresponse()
    told = response.read()
    connection.close()
    assert response.status == status, told
    return dict(json.loads(told))


def text_of(told: dict[str, Any]) -> str:
    return str(told["choices"][0]["message"]["content"])


def test_an_answer_is_asked_again_answered_elsewhere_or_withheld(house: Running) -> None:
    assert text_of(ask(house, "kind", "kindly rude")) == "Please."
    withheld = ask(house, "strict", "rude")
    assert withheld["choices"][0] | {"logprobs": None} == {
        "index": 0,
        "message": {"role": "assistant", "content": None, "refusal": "Not so."},
        "finish_reason": "content_filter",
        "logprobs": None,
    }
    assert "amn" not in json.dumps(withheld)
    other = ask(house, "elsewhere", "Hi")
    assert (text_of(other), other["model"]) == ("I am elsewhere.", "elsewhere@1")
    fallen = ask(house, "elsewhere", "rude")
    assert fallen["model"] == "helper@1" and fallen["rung"]["ending"] == "fallback"
    assert fallen["system_fingerprint"] != other["system_fingerprint"]


def test_a_stream_of_what_is_looked_at_tells_nothing_of_what_is_withheld(house: Running) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=30)
    body = json.dumps({"model": "strict", "messages": [user("rude")], "stream": True})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    told = connection.getresponse().read().decode()
    connection.close()
    assert "amn" not in told and "content_filter" in told and "Not so." in told and told.rstrip().endswith("[DONE]")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": "rude"}),
        ("/v1/responses", {"input": "rude"}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "rude"}], "n": 2}),
    ],
)
def test_every_endpoint_and_every_choice_is_looked_at(house: Running, path: str, body: dict[str, Any]) -> None:
    told = json.dumps(call(house, "POST", path, model="strict", **body))
    assert "amn" not in told and "Not so." in told


def test_a_word_behind_jsons_escapes_is_a_word(house: Running) -> None:
    assert (
        "refusal" in json.dumps(ask(house, "strict", "escaped"))
        and ask(house, "strict", "escaped")["choices"][0]["message"]["refusal"]
    )


def test_an_answer_is_no_longer_than_the_cap(house: Running) -> None:
    assert text_of(ask(house, "capped", "how long?")) == "7" == text_of(ask(house, "capped", "how long?", max_tokens=90))
    assert text_of(ask(house, "capped", "how long?", max_tokens=3)) == "3"


def test_a_held_call_is_allowed_and_gone_on_behind(house: Running) -> None:
    home = house.door.home
    first = ask(house, "shop", "sell lamp")
    held = first["rung"]["held"]
    assert held in text_of(first) and first["rung"]["ending"] == "held" and first["choices"][0]["finish_reason"] == "stop"
    assert ask(house, "shop", "sell lamp")["rung"]["held"] == held
    assert call(house, "GET", f"/v1/held/{held}")["state"] == "waiting"
    call(house, "GET", "/v1/held/held-nothing", 404)
    assert ask(house, "shop", "sell lamp", 409, held=held)["error"]["code"] == "waiting"
    home.held.decide(home.held.get(held), approve=True, signer=home.keys.me("bob"))
    for _ in range(2):
        done = ask(house, "shop", "sell lamp", held=held)
        assert text_of(done) == 'Done: "sold lamp"' and "ending" not in done["rung"]
    assert (home.path.parent / "mark").read_text().count("lamp.") == 1
    assert ask(house, "shop", "sell vase", 409, held=held)["error"]["code"] == "other_conversation"
    assert ask(house, "shop", "sell lamp", 404, held="held-x")["error"]["code"] == "not_held"


def test_a_second_call_of_one_conversation_waits_by_itself(house: Running) -> None:
    home = house.door.home
    first = ask(house, "shop", "twice sell cup")["rung"]["held"]
    home.held.decide(home.held.get(first), approve=True, signer=home.keys.me("bob"))
    second = ask(house, "shop", "twice sell cup", held=first)["rung"]["held"]
    assert second != first and ask(house, "shop", "twice sell cup", 409, held=second)["error"]["code"] == "waiting"
    home.held.decide(home.held.get(second), approve=False, signer=home.keys.me("bob"), reason="one is enough")
    for _ in range(2):
        assert "one is enough" in text_of(ask(house, "shop", "twice sell cup", held=second))
    assert (home.path.parent / "mark").read_text().count("cup.") == 1


def test_a_stack_and_a_session_answer_with_their_adapters(house: Running) -> None:
    def weights(session: str = "", **body: Any) -> Any:
        return json.loads(text_of(ask(house, "desk", "which weights?", session=session, **body)))

    assert weights() == [1.0]
    assert weights(adapters=[{"id": "law", "weight": 0.25}]) == [1.0, 0.25] and weights() == [1.0]
    assert weights("one", mode="legal") == [1.0, 0.5] == weights("one") and weights("two") == [1.0]
    assert weights("one", mode="off") == [1.0] == weights("one")
    one = ask(house, "desk", "which weights?", adapters=[{"id": "law", "weight": 0.25}])
    two = ask(house, "desk", "which weights?", adapters=[{"id": "law", "weight": 0.5}])
    assert len({one["system_fingerprint"], two["system_fingerprint"]}) == 2
    refused = ask(house, "desk", "x", 403, adapters=[{"id": "law", "weight": 2}])
    assert refused["error"]["code"] == "combination_not_admitted"
    ask(house, "desk", "x", 404, mode="lgal")
    ask(house, "desk", "x", 404, adapters=[{"id": "nothing", "weight": 1}])
    told = call(house, "GET", "/v1/sessions/one")
    assert told["models"][0]["mode"] == "" and told["models"][0]["model"] == "desk"


def test_what_was_made_on_the_way_is_counted(house: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quota is told of every answer, and the client what its own took."""
    taken: list[Any] = []

    class Counted:
        def settle(self, answer: Any) -> None:
            taken.append(answer.completion_tokens)

    class Quotas:
        def admit(self, tenant: Any, **_: Any) -> Any:
            return Counted()

    with serving(replace(house.door, quotas=Quotas())) as running:  # type: ignore[arg-type]
        for model, text in (("strict", "counted Hi"), ("kind", "counted kindly rude"), ("elsewhere", "counted rude")):
            told = ask(running, model, text)
            assert told["usage"]["completion_tokens"] == 5
    assert taken == [5, 10, 10]
