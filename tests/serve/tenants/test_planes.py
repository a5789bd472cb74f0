"""Two tenants and an admin over HTTP: nobody sees, asks, or speaks of what is not theirs, and every attempt is in the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the server is not installed: pip install 'rung[serve]'")

from serving_home import linear_base, register
from starlette.testclient import TestClient

from rung.registry.home import Home, open_home
from rung.registry.scopes import Scope, changed
from rung.registry.served import ServedRow, Wanted
from rung.serve.app import build_app
from rung.serve.opening import Settings, open_door
from rung.serve.tenants.admin import build_admin, plane_of
from rung.serve.tenants.keys import AdminKeys
from rung.types import Candidate


@dataclass(frozen=True, kw_only=True)
class Planes:
    """A server's two planes, and keys: of a tenant for `spam`, of one for `legal`, of an admin."""

    home: Home
    data: TestClient
    admin: TestClient
    spam: str
    legal: str
    root: str

    def ask(self, key: str, model: str, **body: Any):
        whole = {"model": model, "messages": [{"role": "user", "content": "good day"}], **body}
        return self.data.post("/v1/chat/completions", json=whole, headers=bearer(key))

    def say(self, key: str, **body: Any):
        return self.data.post("/v1/feedback", json=body, headers=bearer(key))

    def run(self, method: str, path: str, **body: Any):
        return self.admin.request(method, f"/admin{path}", json=body or None, headers=bearer(self.root))

    def attempts(self, tenant: str = "") -> list[ServedRow]:
        return self.home.served.find(Wanted(ending="refused", tenant=tenant), limit=100)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


@pytest.fixture(scope="module")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    with open_home(tmp_path_factory.mktemp("planes"), write=True) as home:
        candidate = Candidate(rung="r0_linear", base=linear_base(home))
        for name in ("spam", "legal"):
            register(home, name, candidate)
        keys = {}
        for name in ("spam", "legal"):
            record = home.tenants.add(name, changed(Scope(), {"models": [name]}))
            keys[name] = home.api_keys.make("tenant", record.id)[0]
        root = AdminKeys(home).first()
        assert root is not None
        door = open_door(home, Settings(keep_text_days=1.0))
        with TestClient(build_app(door)) as data, TestClient(build_admin(plane_of(door))) as admin:
            yield Planes(home=home, data=data, admin=admin, root=root, **keys)
        door.close()
        assert home.integrity.faults() == []


@pytest.fixture(scope="module")
def answer(planes: Planes) -> str:
    """The id of an answer of the tenant `spam`."""
    response = planes.ask(planes.spam, "spam")
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def test_what_answered_whom_is_in_the_journal(planes: Planes, answer: str) -> None:
    row = planes.home.served.get(answer)
    assert row is not None
    assert row.begun.making is not None
    assert (row.ending, row.begun.ref, row.begun.tenant) == ("answered", "spam@1", planes.home.tenants.get("spam").id)
    assert row.begun.making.candidate == planes.home.candidates.get("spam").id
    assert planes.home.served.texts(answer)["question"] == '[{"content":"good day","role":"user"}]'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "good day"}], "stream": True}),
        ("/v1/completions", {"prompt": "good day"}),
        ("/v1/responses", {"input": "good day"}),
    ],
)
def test_every_way_of_asking_is_counted_and_in_the_journal(planes: Planes, path: str, body: dict[str, Any]) -> None:
    scope = changed(Scope(), {"tokens_per_day": 10**6})
    tenant = planes.home.tenants.add(path.strip("/").replace("/", "-"), scope)
    key = planes.home.api_keys.make("tenant", tenant.id)[0]
    response = planes.data.post(path, json={"model": "spam", **body}, headers=bearer(key))
    assert response.status_code == 200, response.text
    (row,) = planes.home.served.find(Wanted(tenant=tenant.id))
    assert (row.ending, row.begun.ref) == ("answered", "spam@1")
    assert row.begun.id in response.text
    planes.run("POST", "/reload")
    day, _ = planes.home.budgets.now(tenant.id)
    assert day.questions == 1


def test_a_tenant_sees_its_own_models_alone(planes: Planes) -> None:
    for own, key in (("spam", planes.spam), ("legal", planes.legal)):
        told = planes.data.get("/v1/models", headers=bearer(key)).json()
        assert {one["id"].partition("@")[0] for one in told["data"]} == {own}
        assert planes.data.get("/v1/models/legal" if own == "spam" else "/v1/models/spam", headers=bearer(key)).status_code == 404


def test_anothers_model_is_told_as_one_that_there_is_not_and_the_attempt_is_kept(planes: Planes) -> None:
    tenant = planes.home.tenants.get("legal").id
    foreign, none = planes.ask(planes.legal, "spam"), planes.ask(planes.legal, "nope")
    assert foreign.status_code == none.status_code == 404
    assert foreign.text.replace("spam", "") == none.text.replace("nope", "")
    assert {"spam", "nope"} <= {row.begun.model for row in planes.attempts(tenant)}


def test_feedback_on_anothers_answer_is_told_as_on_none(planes: Planes, answer: str) -> None:
    own = planes.say(planes.spam, id=answer, thumb="up", score=0.75, comment="fine")
    assert own.status_code == 200
    assert own.json()["object"] == "feedback"
    other = planes.say(planes.legal, id=answer, thumb="down")
    none = planes.say(planes.legal, id="chatcmpl-none", thumb="down")
    assert other.status_code == none.status_code == 404
    assert other.text.replace(answer, "") == none.text.replace("chatcmpl-none", "")
    assert f"feedback on {answer}" in {row.begun.model for row in planes.attempts(planes.home.tenants.get("legal").id)}
    assert [heard.word.thumb for heard in planes.home.feedback.of(answer)] == ["up"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b"{", None),
        (b'{"id": "x", "score": NaN}', None),
        (b"[" * 100_000, None),
        (b'{"thumb": "up"}', "id"),
        (b'{"id": 3, "thumb": "up"}', "id"),
        (b'{"id": "x", "thumb": "sideways"}', "thumb"),
        (b'{"id": "x"}', "thumb"),
        (b'{"id": "x", "score": 2}', "score"),
        (b'{"id": "x", "score": true}', "score"),
        (b'{"id": "x", "thumb": "up", "said": []}', "said"),
        (b'{"id": "x", "thumb": "up", "stars": 5}', "stars"),
        (b'{"id": "x", "correction": "' + b"y" * 100_001 + b'"}', "correction"),
    ],
)
def test_feedback_that_is_none_is_refused_with_the_field(planes: Planes, body: bytes, param: str | None) -> None:
    response = planes.data.post("/v1/feedback", content=body, headers=bearer(planes.spam))
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == param


def test_feedback_is_a_request_among_others(planes: Planes) -> None:
    tenant = planes.home.tenants.add("talker", changed(Scope(), {"requests_per_minute": 1, "tokens_per_day": 10}))
    key = planes.home.api_keys.make("tenant", tenant.id)[0]
    assert planes.say(key, id="none", thumb="up").status_code == 404
    assert planes.say(key, id="none", thumb="up").status_code == 429
    assert {row.begun.model for row in planes.attempts(tenant.id)} == {"feedback on none", "feedback"}


def test_feedback_of_two_megabytes_is_not_read(planes: Planes) -> None:
    response = planes.data.post("/v1/feedback", content=b"x" * 2_000_000, headers=bearer(planes.spam))
    assert response.status_code == 413


def test_no_key_and_wrong_keys_are_kept_without_a_letter_of_them(planes: Planes) -> None:
    wrong = f"rk-{'0' * 16}-{'z' * 43}"
    for key in ("", wrong, planes.root):
        assert planes.ask(key, "spam").status_code == 401
        assert planes.say(key, id="x", thumb="up").status_code == 401
    told = str(planes.attempts())
    assert "z" * 10 not in told
    assert planes.root[-20:] not in told
    assert any(row.begun.model == "key" for row in planes.attempts())


def test_the_data_plane_has_nothing_of_the_other(planes: Planes) -> None:
    for path in ("/admin/tenants", "/admin/served", "/admin/me", "/admin/reload", "/admin/keys"):
        for key in (planes.root, planes.spam, ""):
            assert planes.data.get(path, headers=bearer(key)).status_code == 404
            assert planes.data.post(path, headers=bearer(key)).status_code == 404


def test_every_route_of_the_admin_plane_asks_for_its_key(planes: Planes) -> None:
    from rung.serve.tenants.admin import ROUTES

    for method, path in [*ROUTES, ("GET", "/../metrics")]:
        where = f"/admin{path}".replace("/admin/..", "").replace("{", "").replace("}", "")
        for key in ("", planes.spam, planes.root[:-1] + "-"):
            assert planes.admin.request(method, where, headers=bearer(key)).status_code == 401, (method, path)
    assert any(row.begun.model == "admin key" for row in planes.attempts())
    assert planes.admin.get("/v1/models", headers=bearer(planes.root)).status_code == 404


def test_an_admin_makes_changes_and_ends(planes: Planes) -> None:
    made = planes.run("POST", "/tenants", name="fresh", settings={"models": ["spam"], "requests_per_minute": 2})
    assert made.status_code == 200, made.text
    assert planes.run("POST", "/tenants", name="fresh").status_code == 400
    key = planes.run("POST", "/tenants/fresh/keys", label="ci", lasts="1h").json()
    assert planes.ask(key["key"], "spam").status_code == 200
    assert planes.ask(key["key"], "spam").status_code == 200
    limited = planes.ask(key["key"], "spam")
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) >= 1
    assert limited.json()["error"]["code"] == "rate_limit_exceeded"
    assert any(row.end and row.end.status == 429 for row in planes.attempts(made.json()["id"]))
    seen = planes.run("GET", "/tenants/fresh").json()
    assert [one["label"] for one in seen["keys"]] == ["ci"]
    assert "hash" not in str(seen)
    assert planes.run("PATCH", "/tenants/fresh", settings={"requests_per_minute": None}, number=1).status_code == 200
    assert planes.run("PATCH", "/tenants/fresh", settings={"at_once": 1}, number=1).status_code == 409
    assert planes.run("PATCH", "/tenants/fresh", settings={"at_onze": 1}).status_code == 400
    rotated = planes.run("POST", f"/keys/{key['id']}/rotate", overlap="1h").json()
    assert planes.run("POST", "/reload").json() == {"reloaded": True}
    assert planes.ask(key["key"], "spam").status_code == planes.ask(rotated["key"], "spam").status_code == 200
    assert planes.run("DELETE", f"/keys/{key['id']}", reason="leaked").json()["holds"] is False
    planes.run("POST", "/reload")
    assert planes.ask(key["key"], "spam").status_code == 401
    assert planes.run("DELETE", "/tenants/fresh").json()["ended"] is True
    planes.run("POST", "/reload")
    assert planes.ask(rotated["key"], "spam").status_code == 401
    assert planes.run("POST", "/tenants/fresh/keys").status_code == 404
    assert planes.run("GET", "/tenants/nobody").status_code == 404
    assert "admin first" in str(planes.home.tenants.history(made.json()["id"])[0].who)


def test_an_admin_looks_things_up_page_by_page(planes: Planes, answer: str) -> None:
    page = planes.run("GET", "/served?ref=spam&ending=answered&limit=1").json()
    assert len(page["rows"]) == 1
    older = planes.run("GET", f"/served?ref=spam&limit=1000&before={page['before']}").json()["rows"]
    assert page["rows"][0]["cursor"] > max((row["cursor"] for row in older), default=0)
    whole = planes.run("GET", f"/served/{answer}").json()
    assert whole["made_with"]["ref"] == "spam@1"
    assert whole["texts"]["question"]
    assert planes.run("GET", "/served/none").status_code == 404
    assert planes.run("GET", "/served?colour=red").status_code == 400
    assert planes.run("GET", "/served?before=-1").status_code == 400
    assert planes.run("GET", "/under-way").json() == {"answers": []}
    assert planes.run("GET", "/me").json()["name"] == "first"
    assert planes.run("GET", "/feedback?ref=spam").status_code == 200
    assert "rung_" in planes.admin.get("/metrics", headers=bearer(planes.root)).text


def test_corrections_become_labelled_rows(planes: Planes, answer: str, tmp_path: Any) -> None:
    from rung.serve.tenants.corrections import as_lines, corrections_of

    for correction in ("first", "no"):
        assert planes.say(planes.spam, id=answer, correction=correction).status_code == 200
    found = corrections_of(planes.home, "spam")
    assert [(row["id"], row["target"]) for row in found.rows] == [(answer, "no")]
    assert found.rows[0]["messages"] == [{"role": "user", "content": "good day"}]
    assert found.wordless == 0
    assert as_lines(found).count("\n") == 1
    assert corrections_of(planes.home, "legal").rows == ()
    planes.home.served.forget_texts("2999")
    assert corrections_of(planes.home, "spam").wordless == 1


def test_an_admin_looks_at_what_waits_for_a_person_and_at_sessions(planes: Planes) -> None:
    assert planes.run("GET", "/approvals").json() == {"held": []} == planes.run("GET", "/approvals?state=waiting").json()
    assert planes.run("GET", "/approvals?state=soon").status_code == 400
    assert planes.run("GET", "/approvals/held-none").status_code == 404
    assert planes.run("POST", "/approvals/held-none", decision="approve", **{"as": "bob"}).status_code == 404
    assert planes.run("POST", "/approvals/held-none", decision="approve", who="bob").status_code == 400
    assert planes.run("GET", "/sessions").json() == {"sessions": []}
    assert planes.admin.get("/admin/approvals", headers=bearer(planes.spam)).status_code == 401
    assert planes.data.get("/v1/held/held-none").status_code == 401
    assert planes.data.get("/v1/held/held-none", headers=bearer(planes.spam)).status_code == 404
