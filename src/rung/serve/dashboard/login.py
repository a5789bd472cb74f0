"""Coming in by a key, and going out."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response

from rung.report import text
from rung.serve.dashboard.data import Controls
from rung.serve.dashboard.forms import Form
from rung.serve.dashboard.render import query, render
from rung.serve.dashboard.sessions import LONGEST_S, Attempts, Sessions, same
from rung.serve.dashboard.visits import is_ours

if TYPE_CHECKING:
    from starlette.requests import Request

SESSION, BEFORE = "rung", "rung-before"
SAME_SITE = ("same-origin", "none")


def token_of(request: Request) -> str:
    """The token of a session as the browser shows it; "" where it shows none."""
    return request.cookies.get(_named(request, SESSION), "")


def way_on(to: str) -> str:
    """Where somebody goes who has logged in: to the page that they asked for, where it is one of ours."""
    return to if is_ours(to) and not to.startswith(("/login", "/logout")) else "/"


def detour(request: Request) -> Response:
    """To the log-in, and from there to the page."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(query("/login", to="" if asked == "/" else asked), 303)


def again() -> Response:
    """A link on another site was followed: the browser has kept the cookie back, and brings it where our own page asks anew."""
    return HTMLResponse(render("again.html", {"title": "Rung"}))


def ask(request: Request, *, to: str = "", problem: str = "", status: int = 200, wait_s: float = 0.0) -> Response:
    """The page that asks for the key. Its form bears a token of its own, so that no other page can log somebody in."""
    token = request.cookies.get(_named(request, BEFORE), "")
    token = token if 20 <= len(token) <= 100 else secrets.token_urlsafe(32)
    response = HTMLResponse(render("login.html", {"csrf": token, "to": way_on(to), "problem": problem, "title": "Log in"}), status)
    _keep(request, response, BEFORE, token, 3600)
    if wait_s:
        response.headers["retry-after"] = str(int(wait_s) + 1)
    return response


def take(request: Request, form: Form, controls: Controls, kept: tuple[Sessions, Attempts]) -> Response:
    """Somebody shows a key. Wrong ones are counted by address, and after too many not even looked at."""
    sessions, attempts = kept
    to, address = form.get("to"), request.client.host if request.client else ""
    if not same_site(request) or not same(request.cookies.get(_named(request, BEFORE), ""), form.get("csrf")):
        return ask(request, to=to, problem="This form was too old. Please try again.", status=403)
    wait = attempts.wait_s(address)
    if wait > 0:
        problem = f"Too many wrong keys. Try again in {text.seconds(max(1.0, wait))}."
        return ask(request, to=to, problem=problem, status=429, wait_s=wait)
    holder = controls.admins.check(form.get("key"))
    if holder is None:
        attempts.wrong(address)
        controls.refused()
        return ask(request, to=to, problem="This is not the key of the admin plane.", status=401)
    attempts.right(address)
    sessions.end(token_of(request))
    response = RedirectResponse(way_on(to), 303)
    _keep(request, response, SESSION, sessions.begin(holder.who, holder.id), int(LONGEST_S))
    _drop(request, response, BEFORE)
    return response


def left(request: Request) -> Response:
    """Somebody has logged out."""
    response = RedirectResponse("/login", 303)
    _drop(request, response, SESSION)
    response.headers["clear-site-data"] = '"cache"'
    return response


def same_site(request: Request) -> bool:
    """Whether the browser says that a page of this very server sent the form, as far as it says anything."""
    if (said := request.headers.get("sec-fetch-site")) is not None:
        return said in SAME_SITE  # behind a proxy the Host that arrives here is not the one that the browser asked for
    origin = request.headers.get("origin", "null")
    return origin == "null" or urlsplit(origin).netloc == request.headers.get("host", "")


def _named(request: Request, name: str) -> str:
    """A cookie's name; over TLS one that only this very host can have set."""
    return f"__Host-{name}" if _secure(request) else name


def _keep(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        _named(request, name), value, max_age=seconds, path="/", secure=_secure(request), httponly=True, samesite="strict"
    )


def _drop(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(_named(request, name), path="/", secure=_secure(request), httponly=True, samesite="strict")


def _secure(request: Request) -> bool:
    """Over TLS, or behind a proxy that ends it. Who says so without reason gets a cookie that their own browser does not send."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "").strip().lower())
