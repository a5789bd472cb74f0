"""The dashboard of a real server: what it answers is in the journal, the charts and the audit; keys and holds are the home's."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from serving_home import linear_base, register
from starlette.testclient import TestClient
from visitor import Visitor

from rung.registry.held_states import Wanted
from rung.registry.home import Home, open_home
from rung.serve.app import build_app
from rung.serve.dashboard.journal import KeptJournal
from rung.serve.dashboard.mounting import PLAYGROUND, controls_of, mount
from rung.serve.door import Door
from rung.serve.opening import Settings, open_door
from rung.serve.tenants.admin import build_admin, plane_of
from rung.serve.tenants.keys import AdminKeys
from rung.serve.types import Feedback
from rung.types import Candidate


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server with one model, one tenant and one admin, who is logged in."""

    home: Home
    door: Door
    data: TestClient
    admin: TestClient
    anna: Visitor
    key: str

    def ask(self, key: str, question: str = "good day") -> None:
        body = {"model": "spam", "messages": [{"role": "user", "content": question}]}
        self.data.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with open_home(tmp_path_factory.mktemp("mounted"), write=True) as home:
        register(home, "spam", Candidate(rung="r0_linear", base=linear_base(home)))
        home.tenants.add("acme", _all())
        root = AdminKeys(home).first("test")
        assert root is not None
        door = open_door(home, Settings(keep_text_days=1))
        app = build_admin(plane_of(door))
        mount(app, door)
        admin = TestClient(app, follow_redirects=False)
        anna = Visitor(controls_of(door))
        anna.http = admin
        yield Server(home=home, door=door, data=TestClient(build_app(door)), admin=admin, anna=anna.log_in(root), key=root)
        door.close()
        assert home.integrity.faults() == []


def _all():
    from rung.registry.scopes import Scope, changed

    return changed(Scope(), {"requests_per_minute": 600})


def test_the_admin_planes_own_routes_stand_before_the_pages(server: Server) -> None:
    me = server.admin.get("/admin/me", headers={"authorization": f"Bearer {server.key}"})
    assert me.status_code == 200 and me.headers["content-type"] == "application/json"
    assert server.admin.get("/", follow_redirects=False).status_code == 200
    assert "default-src 'self'" in server.admin.get("/").headers["content-security-policy"]


def test_a_key_made_here_opens_the_data_plane_and_a_revoked_one_does_not(server: Server) -> None:
    tenant = server.home.tenants.get("acme").id
    page = server.anna.done(f"/tenants/{tenant}/keys", {"label": "the desk"})
    key = next(word for word in page.text.split() if word.startswith("rk-"))
    server.ask(key)
    assert server.home.served.find(limit=1)[0].begun.tenant == tenant
    [known] = server.home.api_keys.of(tenant)
    assert known.label == "the desk" and known.who.startswith("admin first")
    assert "does not hold any more" in server.anna.done(f"/keys/{known.id}/revoke").text
    body = {"model": "spam", "messages": [{"role": "user", "content": "good day"}]}
    refused = server.data.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})
    assert refused.status_code == 401
    assert "Requests per minute 600" in server.anna.look("/tenants").text


def test_the_admins_own_key_is_not_ended_from_a_page(server: Server) -> None:
    [own] = server.home.api_keys.of(kind="admin")
    assert "this is no tenant's key" in server.anna.done(f"/keys/{own.id}/revoke").text
    server.anna.look("/")


def test_the_playground_asks_as_a_client_does_and_is_in_the_journal(server: Server) -> None:
    answer = server.anna.send("/playground/answer", {"question": "a good day", "ref": "spam"})
    said = json.loads([line for line in answer.text.splitlines() if line][-1])["said"]
    row = server.home.served.get(said["id"])
    assert row is not None and row.begun.tenant == "playground" and row.ending == "answered" and row.begun.ref == "spam@1"
    page = server.anna.look(f"/audit/answers/{said['id']}").text
    assert "spam@1" in page and "a good day" in page and said["text"] in page
    unknown = server.anna.send("/playground/answer", {"question": "x", "ref": "nothing"})
    assert "does not exist or you do not have access to it" in json.loads(unknown.text)["problem"]


def test_traffic_and_audit_are_those_of_the_journal_and_go_on_with_it(server: Server) -> None:
    journal = KeptJournal(server.home)
    before = len(journal.since("", 1000))
    for _ in range(3):
        server.anna.send("/playground/answer", {"question": "good", "ref": "spam@1"})
    rows = journal.since("", 1000)
    assert len(rows) == before + 3 and rows[0].ending == "answered" and rows[0].latency_s is not None
    server.door.journal.say(PLAYGROUND, Feedback(answer=rows[0].id, thumb="down", correction="ham <b>"))
    assert [said.thumb for said in journal.since("", 1000)[0].feedback] == ["down"]
    assert len(journal.since("9", 1000)) == 0
    assert "ham <b>" in server.anna.look(f"/audit/answers/{rows[0].id}").text
    assert "spam@1" in server.anna.look("/traffic").text and "1 ▼" in server.anna.look("/traffic/spam@1").text
    assert rows[0].id in server.anna.look(f"/audit?q={rows[0].id}").source
    assert "No answer fits that." in server.anna.look("/audit?tenant=nobody").text
    assert rows[0].id in server.anna.look("/audit?tenant=playground&ending=answered&ref=spam").source


def test_a_held_call_is_decided_by_who_runs_the_server_and_the_audit_says_who_was_logged_in(server: Server) -> None:
    def hold(name: str):
        call = {"name": "refund", "arguments": {"order": 4711}, "outcome": "queued"}
        wanted = Wanted(
            tenant="t",
            requester="acme",
            user="",
            asked=f"chatcmpl-{name}",
            session="",
            model="spam",
            ref="spam@1",
            candidate="c" * 64,
            messages=({"role": "user", "content": "Refund <4711>!"},),
            question="q" * 64,
            calls=(call,),
        )
        return server.home.held.hold(wanted, "12h").id

    first, second = hold("a"), hold("b")
    page = server.anna.look("/approvals")
    assert "Refund <4711>!" in page.text and '"order": 4711' in page.text and "refund" in page.text
    assert f"{first} is approved" in server.anna.done(f"/approvals/{first}", {"action": "approve"}).text
    server.anna.done(f"/approvals/{second}", {"action": "refuse", "reason": "not our order"})
    assert server.home.held.get(second).reason == "not our order"
    assert "cannot be approved" in server.anna.done(f"/approvals/{second}", {"action": "approve"}).text
    line = server.home.audit.search(subject=first, limit=1)[0]
    assert line.payload["state"] == "approved" and line.payload["who"].startswith("admin first")
    assert "not our order" in server.anna.look("/approvals").text


def test_a_wrong_key_at_the_log_in_is_in_the_journal(server: Server) -> None:
    stranger = Visitor(controls_of(server.door))
    token = stranger.token("/login")
    assert stranger.http.post("/login", data={"csrf": token, "key": "rka-wrong"}).status_code == 401
    server.anna.send("/playground/answer", {"question": "good", "ref": "spam@1"})
    attempts = [row for row in server.home.served.find(limit=50) if row.ending == "refused" and row.begun.model == "admin key"]
    assert attempts
