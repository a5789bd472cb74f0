"""Who comes in: by a key, with a cookie that no script reads, through forms of their own pages alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from parts import KEY
from visitor import Html, Visitor

from rung.errors import BrokenEnvironment
from rung.registry.home import Home
from rung.serve.dashboard.app import pages
from rung.serve.dashboard.data import Controls
from rung.serve.dashboard.forms import LONGEST_BYTES
from rung.serve.dashboard.login import way_on
from rung.serve.dashboard.sessions import ALL_TRIES, IDLE_S, LONGEST_S, TRIES, WINDOW_S, Attempts, Sessions
from rung.serve.dashboard.visits import local


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stranger(all_parts: Controls) -> Visitor:
    return Visitor(all_parts)


def test_no_page_is_shown_to_a_stranger(stranger: Visitor) -> None:
    for page in pages():
        path = page.path.replace("{", "").replace("}", "")
        if page.show:
            answer = stranger.http.get(path)
            assert answer.status_code == 303 and answer.headers["location"].startswith("/login"), path
        if page.act:
            answer = stranger.http.post(path, data={"csrf": "x", "action": "approve"})
            assert answer.status_code == 401 and "Log in" in answer.text, path
    assert stranger.http.get("/anything").status_code == 303
    assert stranger.http.get("/tasks", headers={"X-Rung-Renews": "1"}).status_code == 401


def test_a_log_in_leads_to_the_page_that_was_asked_for(stranger: Visitor) -> None:
    to = stranger.http.get("/versions/tone@2?check=1").headers["location"]
    assert to == "/login?to=%2Fversions%2Ftone%402%3Fcheck%3D1"
    page = stranger.look(to)
    hidden = {str(attrs["name"]): str(attrs["value"]) for attrs in page.all("input") if attrs.get("type") == "hidden"}
    answer = stranger.http.post("/login", data={**hidden, "key": f"  {KEY}\n"})
    assert answer.status_code == 303 and answer.headers["location"] == "/versions/tone@2?check=1"


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil",
        "/x\r\nSet-Cookie: a=b",
        "javascript:1",
        "/login",
        "/logout",
        "",
    ],
)
def test_a_log_in_leads_nowhere_else(to: str) -> None:
    assert way_on(to) == "/"


@pytest.mark.parametrize(("address", "secure"), [("http://testserver", False), ("https://testserver", True)])
def test_the_cookie_of_a_session(all_parts: Controls, address: str, secure: bool) -> None:
    visitor = Visitor(all_parts, address)
    token = visitor.token("/login")
    answer = visitor.http.post("/login", data={"csrf": token, "key": KEY})
    cookie = next(line for line in answer.headers.get_list("set-cookie") if "rung=" in line)
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie and "Max-Age=43200" in cookie
    assert ("Secure" in cookie) is secure and cookie.startswith("__Host-rung=") is secure
    assert KEY not in cookie and visitor.http.get("/").status_code == 200


def test_a_link_on_another_site_leads_to_the_page_and_not_to_the_log_in(anna: Visitor, stranger: Visitor) -> None:
    """The browser keeps the cookie back there, and brings it when our own page asks anew."""
    answer = stranger.http.get("/approvals", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200 and 'http-equiv="refresh" content="0"' in answer.text and "set-cookie" not in answer.headers
    assert stranger.http.get("/approvals", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    assert "refund" in anna.http.get("/approvals", headers={"Sec-Fetch-Site": "same-origin"}).text


def test_behind_a_proxy_that_ends_tls_the_cookie_is_secure_and_forms_work(all_parts: Controls) -> None:
    visitor = Visitor(all_parts)
    behind = {
        "X-Forwarded-Proto": "https",
        "Host": "127.0.0.1:8001",
        "Origin": "https://rung.example",
        "Sec-Fetch-Site": "same-origin",
    }
    first = visitor.http.get("/login", headers=behind)
    cookie = first.headers["set-cookie"].partition(";")[0]
    token = cookie.partition("=")[2]
    answer = visitor.http.post("/login", data={"csrf": token, "key": KEY}, headers={**behind, "Cookie": cookie})
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    assert "__Host-rung=" in answer.headers["set-cookie"] and "Secure" in answer.headers["set-cookie"]


def test_a_log_in_makes_a_session_anew(stranger: Visitor) -> None:
    stranger.http.cookies.set("rung", "chosen-by-somebody-else", domain="testserver.local")
    stranger.log_in()
    tokens = {cookie.value for cookie in stranger.http.cookies.jar if cookie.name == "rung" and len(cookie.value or "") > 40}
    assert len(tokens) == 1 and Sessions().find("chosen-by-somebody-else") is None


def test_logging_out_ends_the_session_and_not_only_the_cookie(anna: Visitor) -> None:
    [token] = [cookie.value for cookie in anna.http.cookies.jar if cookie.name == "rung"]
    assert anna.http.post("/logout", data={"csrf": "wrong"}).status_code == 403
    assert anna.send("/logout").headers["location"] == "/login"
    anna.http.cookies.set("rung", str(token))
    assert anna.http.get("/").status_code == 303


def test_a_session_ends_with_its_key(anna: Visitor) -> None:
    anna.look("/")
    anna.controls.admins.holds = False  # type: ignore[attr-defined]
    assert anna.http.get("/").status_code == 303
    anna.controls.admins.holds = True  # type: ignore[attr-defined]
    assert anna.http.get("/").status_code == 303, "it does not come back"


def test_sessions_end_by_a_steady_clock() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    token = sessions.begin("anna", "k")
    clock.now += IDLE_S - 1
    assert sessions.find(token, looks=False) is not None
    clock.now += 2
    assert sessions.find(token) is None, "a page that renews itself does not keep it going"
    token = sessions.begin("anna", "k")
    for _ in range(int(LONGEST_S // 1000)):
        clock.now += 1000
        assert sessions.find(token) is not None
    clock.now += 1000
    assert sessions.find(token) is None


def test_only_so_many_sessions_are_kept() -> None:
    sessions = Sessions(Clock())
    first = sessions.begin("anna", "k")
    for _ in range(1000):
        sessions.begin("mallory", "k")
    assert sessions.find(first) is None


def test_wrong_keys_are_counted_by_address(all_parts: Controls) -> None:
    told: list[int] = []
    what = replace(all_parts, refused=lambda: told.append(1))
    visitor = Visitor(what)
    token = visitor.token("/login")
    for _ in range(TRIES):
        answer = visitor.http.post("/login", data={"csrf": token, "key": "wrong"})
        assert answer.status_code == 401 and "not the key" in answer.text
    answer = visitor.http.post("/login", data={"csrf": token, "key": KEY})
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 100 and len(told) == TRIES
    assert "min" in answer.text and "rung=" not in answer.headers.get("set-cookie", "")


def test_attempts_are_forgotten_with_time_and_bounded_for_all() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(TRIES):
        attempts.wrong("a")
    assert attempts.wait_s("a") == WINDOW_S and attempts.wait_s("b") == 0
    clock.now += WINDOW_S + 1
    assert attempts.wait_s("a") == 0
    for number in range(ALL_TRIES):
        attempts.wrong(f"10.0.{number}.1")
    assert attempts.wait_s("fresh") > 0
    for number in range(10_000):
        attempts.wrong(str(number))
    assert len(attempts._wrong) <= 4096


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://testserver:81"},
    ],
)
def test_a_form_from_another_site_is_refused_whatever_it_knows(anna: Visitor, headers: dict[str, str]) -> None:
    answer = anna.http.post("/approvals/held-aa", data={"csrf": anna.csrf, "action": "approve"}, headers=headers)
    assert answer.status_code == 403 and len(anna.controls.holds.waiting()) == 2  # type: ignore[union-attr]


def test_every_form_needs_the_token_of_its_session(anna: Visitor, all_parts: Controls) -> None:
    other = Visitor(all_parts).log_in().csrf
    assert other != anna.csrf
    for path in [page.path.replace("{", "").replace("}", "") for page in pages() if page.act]:
        for token in ("", "wrong", other):
            answer = anna.send(path, {"action": "approve", "name": "x", "ref": "tone@1", "question": "x"}, csrf=token)
            assert answer.status_code == 403 and "did not come from a page of your session" in answer.text, path


def test_a_log_in_that_another_page_sends_is_refused(stranger: Visitor) -> None:
    token = stranger.token("/login")
    assert stranger.http.post("/login", data={"csrf": "x" * 43, "key": KEY}).status_code == 403
    answer = stranger.http.post("/login", data={"csrf": token, "key": KEY}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    stranger.http.cookies.clear()
    assert stranger.http.post("/login", data={"csrf": token, "key": KEY}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/login", "/nothing", "/static/dash.css", "/static/none", "/approvals"])
def test_every_answer_bears_the_headers(anna: Visitor, stranger: Visitor, path: str) -> None:
    for visitor in (anna, stranger):
        headers = visitor.http.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self'") and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store" or path.startswith("/static/dash")


def test_a_form_is_bounded_in_length_and_kind(anna: Visitor) -> None:
    answer = anna.http.post("/playground", data={"csrf": anna.csrf, "question": "x" * LONGEST_BYTES})
    assert answer.status_code == 413 and "longer than" in answer.text
    assert anna.http.post("/approvals/held-aa", json={"csrf": anna.csrf, "action": "approve"}).status_code == 400
    assert anna.http.post("/approvals/held-aa", files={"csrf": ("a", anna.csrf)}).status_code == 400
    many = "&".join(f"a{number}=1" for number in range(500))
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert anna.http.post("/approvals/held-aa", content=f"csrf={anna.csrf}&{many}", headers=kind).status_code == 400
    assert anna.http.post("/approvals/held-aa", content=b"\xff\xfe", headers=kind).status_code == 400
    assert anna.http.post("/login", content=b"x" * (LONGEST_BYTES + 1), headers=kind).status_code == 413


def test_a_registry_that_is_gone_is_said_to_be_and_shows_no_trace(all_parts: Controls, kept: Home) -> None:
    class Gone:
        def waiting(self) -> None:
            raise BrokenEnvironment("the database is gone", hint="Look after it.")

        decided = waiting

    visitor = Visitor(replace(all_parts, holds=Gone())).log_in()  # type: ignore[arg-type]
    answer = visitor.http.get("/approvals")
    assert answer.status_code == 503 and "The database is gone." in Html(answer.text).text
    visitor = Visitor(replace(all_parts, tenants=object())).log_in()  # type: ignore[arg-type]
    answer = visitor.http.get("/tenants")
    assert answer.status_code == 500 and "object" not in answer.text and "Traceback" not in answer.text


def test_names_in_addresses_lead_nowhere_else() -> None:
    assert local("/versions/{ref}", ref="../../x?y#z") == "/versions/..%2F..%2Fx%3Fy%23z"
    assert local("/versions/{ref}", ref="tone@3") == "/versions/tone@3"


def test_scripts_are_few() -> None:
    folder = Path(__file__).parents[3] / "src" / "rung" / "serve" / "dashboard" / "static"
    assert (folder / "dash.js").stat().st_size < 8_000
    code = (folder / "dash.js").read_text("utf-8")
    assert not re.search(r"eval\(|Function\(|insertAdjacentHTML|\.innerHTML\s*=[^=]|document\.write|https?:", code)
    style = (folder / "dash.css").read_text("utf-8")
    assert "@import" not in style and "url(" not in style
