"""A call that needs a person: held, decided, run once, gone on behind; for its tenant, its conversation and its version alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from played import OTHER, SHOP, asked, registered, said, shop_tools

from rung.line import LineCaps, Serving
from rung.registry.home import Home, open_home
from rung.registry.processes import Process
from rung.serve.rails import routes
from rung.serve.rails.line import LineRails
from rung.serve.types import Refused, Ruling, Served

LOOKED = {"name": "look", "arguments": {"item": "lamp"}, "outcome": "ran", "result": "here", "seconds": 0.1}


def sell(item: str) -> dict[str, object]:
    return {"name": "sell", "arguments": {"item": item}, "outcome": "queued", "reason": "needs a person", "seconds": 0.0}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with open_home(tmp_path_factory.mktemp("holding") / "home", write=True) as opened:
        opened.keys.make("bob")
        registered(opened, "desk", tools=shop_tools(opened, opened.path / "mark"))
        yield opened


@pytest.fixture
def desk(house: Home) -> Served:
    from played import served

    (house.path / "mark").unlink(missing_ok=True)
    return served(house, "desk")


def sold(house: Home) -> str:
    mark = house.path / "mark"
    return mark.read_text() if mark.exists() else ""


def hold(rails: LineRails, desk: Served, item: str, *calls: dict[str, object], **more: object) -> Ruling:
    return rails.answer(asked(f"Sell the {item}", **more), desk, said("...", calls=(LOOKED, *(calls or (sell(item),)))), 1)


def decide(house: Home, id: str, *, approve: bool = True) -> None:
    house.held.decide(house.held.get(id), approve=approve, signer=house.keys.me("bob"), reason="" if approve else "too cheap")


def refusal(rails: LineRails, question: object, desk: Served) -> Refused:
    with pytest.raises(Refused) as refused:
        rails.attended(question, desk)  # type: ignore[arg-type]
    return refused.value


def test_an_answer_is_held_under_an_id_and_the_same_again_under_the_same(house: Home, desk: Served) -> None:
    rails = LineRails(house)
    ruling, again = hold(rails, desk, "lamp"), hold(rails, desk, "lamp", id="chatcmpl-2")
    assert ruling.ending == "held" and ruling.reason == again.reason
    assert ruling.answer is not None and ruling.reason in ruling.answer.text and 'sell(item="lamp")' in ruling.answer.text
    assert hold(rails, desk, "rug").reason != ruling.reason
    assert hold(rails, desk, "lamp", tenant=OTHER).reason != ruling.reason
    assert sold(house) == ""


def test_an_allowed_call_runs_once_and_the_model_goes_on_behind_it(house: Home, desk: Served) -> None:
    rails = LineRails(house)
    held = hold(rails, desk, "vase").reason
    question = asked("Sell the vase", held=held)
    waits = refusal(rails, question, desk)
    assert (waits.status, waits.code) == (409, "waiting") and waits.retry_after_s
    decide(house, held)
    for _ in range(3):
        attended = rails.attended(question, desk)
        assert attended.made[0] == LOOKED and attended.made[1]["result"] == "sold vase"
    assert sold(house) == "vase." and house.held.get(held).state == "done"
    assert rails.answer(question, desk, said("Sold.", calls=attended.made), 1).ending == "answered"


def test_several_calls_of_one_step_are_decided_and_run_together(house: Home, desk: Served) -> None:
    rails = LineRails(house)
    held = rails.answer(asked("Both"), desk, said("", calls=(sell("cup"), sell("jug"))), 1).reason
    decide(house, held)
    made = rails.attended(asked("Both", held=held), desk).made
    assert [call["result"] for call in made] == ["sold cup", "sold jug"] and len(sold(house)) == len("cup.jug.")


def test_a_refused_call_is_told_to_the_model_and_not_run(house: Home, desk: Served) -> None:
    rails = LineRails(house)
    held = hold(rails, desk, "bell").reason
    decide(house, held, approve=False)
    made = rails.attended(asked("Sell the bell", held=held), desk).made
    assert (made[1]["outcome"], made[1]["reason"]) == ("refused", "a person refused it: too cheap") and sold(house) == ""


def test_an_id_opens_nothing_to_another_tenant_conversation_or_version(house: Home, desk: Served) -> None:
    rails = LineRails(house)
    held = hold(rails, desk, "fork").reason
    decide(house, held)
    foreign = refusal(rails, asked("Sell the fork", held=held, tenant=OTHER), desk)
    third = refusal(rails, asked(held=held, tenant=replace(OTHER, id="x")), desk)
    assert foreign.status == 404 and foreign.message == third.message
    assert refusal(rails, asked("Sell the fork", held=held[:12]), desk).status == 404
    assert refusal(rails, asked("Sell the spoon", held=held), desk).code == "other_conversation"
    newer = registered(house, "desk", prompt="New.", tools=desk.candidate.tools)
    try:
        other = refusal(rails, asked("Sell the fork", held=held), newer)
        assert other.code == "other_version" and "desk@1" in other.message
    finally:
        registered(house, "desk", tools=desk.candidate.tools)
    assert sold(house) == ""


def test_what_the_key_no_longer_allows_is_not_run_though_a_person_allowed_it(house: Home, desk: Served) -> None:
    rails = LineRails(house)
    held = hold(rails, desk, "pan").reason
    decide(house, held)
    made = rails.attended(asked("Sell the pan", held=held, tenant=replace(SHOP, tools=("look",))), desk).made
    assert made[1]["outcome"] == "refused" and sold(house) == ""


def test_the_caps_and_the_keys_tools_go_with_every_question(house: Home, desk: Served) -> None:
    house.serving.put(desk.ref, Serving(caps=LineCaps(tool_calls=2)))
    attended = LineRails(house).attended(asked(tenant=replace(SHOP, tools=("look",))), desk)
    house.serving.put(desk.ref, None)
    assert (attended.most, attended.allowed, attended.made) == (2, ("look",), ())


def test_what_one_runs_nobody_else_runs_and_of_one_who_is_gone_nothing_is_known(house: Home, desk: Served) -> None:
    rails = LineRails(house)
    held = hold(rails, desk, "dish").reason
    decide(house, held)
    house.held.begin(house.held.get(held))  # by this very process, in another thread
    question = asked("Sell the dish", held=held)
    assert refusal(rails, question, desk).code == "running"


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from played import asked, served
from rung.engine.tools.box import Box
from rung.registry.home import open_home
from rung.serve.rails.line import LineRails
run = Box.perform
def perform(self, calls):
    if {when!r} == "after":
        run(self, calls)
    os.kill(os.getpid(), signal.SIGKILL)
Box.perform = perform
with open_home({home!r}, write=True) as home:
    LineRails(home).attended(asked("Sell the " + {item!r}, held={held!r}), served(home, "desk"))
"""


@pytest.mark.parametrize(("when", "item", "done"), [("before", "sofa", ""), ("after", "desk", "desk.")])
def test_a_kill_under_way_is_told_as_not_known_and_nothing_is_tried_again(
    house: Home, desk: Served, when: str, item: str, done: str
) -> None:
    rails = LineRails(house)
    held = hold(rails, desk, item).reason
    decide(house, held)
    code = KILLED.format(tests=str(Path(__file__).parent), when=when, home=str(house.path), item=item, held=held)
    child = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False)
    assert child.returncode == -signal.SIGKILL
    made = rails.attended(asked(f"Sell the {item}", held=held), desk).made
    assert made[1]["outcome"] == "failed" and "not known whether it was done" in made[1]["reason"]
    assert house.held.get(held).state == "unknown" and sold(house) == done
    assert rails.attended(asked(f"Sell the {item}", held=held), desk).made == made and sold(house) == done


def test_a_runner_on_a_machine_that_cannot_be_asked_is_waited_for(
    house: Home, desk: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    rails = LineRails(house)
    held = hold(rails, desk, "rack").reason
    decide(house, held)
    monkeypatch.setattr("rung.registry.held.this_process", lambda: Process(pid=1, host="elsewhere", started=""))
    house.held.begin(house.held.get(held))
    question = asked("Sell the rack", held=held)
    assert refusal(rails, question, desk).code == "running"
    monkeypatch.setattr("rung.serve.rails.holding.LONGEST_RUN_S", -1.0)
    assert rails.attended(question, desk).made[1]["outcome"] == "failed"


def test_one_tenant_cannot_fill_the_house(house: Home, desk: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.serve.rails.holding.MOST_WAITING", 1)
    rails, crowd = LineRails(house), replace(SHOP, id="crowd")
    hold(rails, desk, "a", tenant=crowd)
    with pytest.raises(Refused) as refused:
        hold(rails, desk, "b", tenant=crowd)
    assert refused.value.status == 429


class TestAdmin:
    """What the admin plane is told, and decides."""

    def test_lists_shows_and_decides(self, house: Home, desk: Served) -> None:
        held = hold(LineRails(house), desk, "hat").reason
        assert held in [one["id"] for one in routes.approvals(house, "waiting")["held"]]
        assert routes.approval(house, held)["calls"] == ['sell(item="hat")']
        assert routes.held_of(house, held, "t1")["state"] == "waiting" and "by" not in routes.held_of(house, held, "t1")
        decided = routes.decide(house, held, "approve", identity="bob")
        assert (decided["state"], decided["by"]) == ("approved", "bob")
        json.dumps(routes.approvals(house))

    @pytest.mark.parametrize(
        ("decision", "identity", "status"), [("maybe", "bob", 400), ("approve", "", 400), ("approve", "nobody", 400)]
    )
    def test_says_what_is_wrong(self, house: Home, desk: Served, decision: str, identity: str, status: int) -> None:
        held = hold(LineRails(house), desk, "cap").reason
        with pytest.raises(Refused) as refused:
            routes.decide(house, held, decision, identity=identity)
        assert refused.value.status == status

    def test_knows_no_other(self, house: Home, desk: Served) -> None:
        held = hold(LineRails(house), desk, "pin").reason
        for ask in (
            lambda: routes.approval(house, "held-nothing"),
            lambda: routes.held_of(house, held, "t2"),
            lambda: routes.decide(house, "held-nothing", "approve", identity="bob"),
        ):
            with pytest.raises(Refused) as refused:
                ask()
            assert refused.value.status == 404
        routes.decide(house, held, "refuse", identity="bob")
        with pytest.raises(Refused) as settled:
            routes.decide(house, held, "approve", identity="bob")
        assert settled.value.status == 409
