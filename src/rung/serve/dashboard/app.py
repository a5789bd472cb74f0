"""The dashboard as an application of its own: pages for whoever is logged in, forms that bear their session's token."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from rung import __version__
from rung.errors import BrokenEnvironment, RungError
from rung.serve.dashboard import login
from rung.serve.dashboard.data import Controls
from rung.serve.dashboard.forms import Form, TooLong, read_form
from rung.serve.dashboard.headers import Headers
from rung.serve.dashboard.pages import approvals, audit, climbs, jobs, overview, playground, registry, rollouts, tasks, tenants
from rung.serve.dashboard.pages import traffic as traffic_page
from rung.serve.dashboard.render import render, static
from rung.serve.dashboard.sessions import Attempts, Note, Session, Sessions, same
from rung.serve.dashboard.visits import Answer, Missing, Page, Sent, Shown, Streamed, Visit

if TYPE_CHECKING:
    from starlette.middleware import Middleware
    from starlette.types import Receive, Scope, Send

LOG = logging.getLogger(__name__)
MENU = (
    ("overview", "/", "Overview"),
    ("tasks", "/tasks", "Tasks"),
    ("work", "/jobs", "Climbs and jobs"),
    ("registry", "/registry", "Registry"),
    ("traffic", "/traffic", "Traffic"),
    ("rollouts", "/rollouts", "Rollouts"),
    ("approvals", "/approvals", "Approvals"),
    ("audit", "/audit", "Audit"),
    ("tenants", "/tenants", "Tenants and keys"),
    ("playground", "/playground", "Playground"),
)
PARTS = (overview, tasks, climbs, jobs, registry, traffic_page, rollouts, approvals, audit, tenants, playground)
# A page that renews itself says so: it does not keep its session going.
RENEWS = "x-rung-renews"


def build_dashboard(controls: Controls) -> Starlette:
    """The application; mount it at `/` of the admin plane, behind that one's own routes."""
    doors = _Doors(controls)
    routes = [
        Route("/static/{name}", _static),
        Route("/login", doors.login_page, methods=["GET"]),
        Route("/login", doors.log_in, methods=["POST"]),
        Route("/logout", doors.log_out, methods=["POST"]),
    ]
    for page in pages():
        if page.show:
            routes.append(Route(page.path, doors.showing(page), methods=["GET"]))
        if page.act:
            routes.append(Route(page.path, doors.acting(page), methods=["POST"]))
    routes.append(Route("/{rest:path}", doors.nothing, methods=["GET", "POST"]))
    middleware: Sequence[Middleware] = [_headers()]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={RungError: _unavailable})


def pages() -> Iterator[Page]:
    """Every address of the dashboard that takes a session."""
    for part in PARTS:
        yield from part.PAGES


def _headers() -> Middleware:
    from starlette.middleware import Middleware

    return Middleware(Headers)


async def _unavailable(_request: Request, error: Exception) -> Response:
    """Where not even a session can be looked at."""
    LOG.error("the dashboard cannot look at the registry: %s", error)
    return Response("The registry cannot be looked at just now.\n", status_code=503, media_type="text/plain")


async def _static(request: Request) -> Response:
    try:
        body, kind = static(request.path_params["name"])
    except KeyError:
        return Response("There is no such file.\n", status_code=404, media_type="text/plain")
    return Response(body, media_type=kind)


class _Doors:
    """What stands before every page: who asks, and whether their own page did."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._sessions, self._attempts = Sessions(), Attempts()

    def showing(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """A page for whoever is logged in."""

        async def shown(request: Request) -> Response:
            session = await self._session(request)
            if session is None:
                return self._to_login(request)
            visit = self._visit(request, session)
            return await run_in_threadpool(self._answered, page.show, visit)

        return shown

    def acting(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """A form of whoever is logged in, from a page of ours."""

        async def acted(request: Request) -> Response:
            session = await self._session(request)
            if session is None:
                return self._to_login(request)
            form, refused = await self._form(request, session)
            if refused is not None:
                return refused
            visit = self._visit(request, session, form)
            return await run_in_threadpool(self._done, page, visit)

        return acted

    async def nothing(self, request: Request) -> Response:
        """Any other address."""
        session = await self._session(request)
        if session is None:
            return self._to_login(request)
        return self._error(session, Missing("there is no such page", hint="The menu leads to those that there are."), 404)

    async def login_page(self, request: Request) -> Response:
        """Asks for the key."""
        if await self._session(request) is not None:
            return RedirectResponse(login.way_on(request.query_params.get("to", "")), 303)
        return login.ask(request, to=request.query_params.get("to", ""))

    async def log_in(self, request: Request) -> Response:
        """Takes the key, right or wrong."""
        try:
            form = await read_form(request)
        except RungError as error:
            return login.ask(request, problem=error.problem, status=413 if isinstance(error, TooLong) else 400)
        return await run_in_threadpool(login.take, request, form, self._controls, (self._sessions, self._attempts))

    async def log_out(self, request: Request) -> Response:
        """Ends the session."""
        session = await self._session(request)
        if session is not None:
            _, refused = await self._form(request, session)
            if refused is not None:
                return refused
            self._sessions.end(login.token_of(request))
        return login.left(request)

    async def _session(self, request: Request) -> Session | None:
        """Of whoever asks, as long as the key holds with which they came in."""
        return await run_in_threadpool(self._session_of, request)

    def _session_of(self, request: Request) -> Session | None:
        token = login.token_of(request)
        session = self._sessions.find(token, looks=RENEWS not in request.headers) if token else None
        if session is not None and self._controls.admins.holder(session.key) is None:
            self._sessions.end(token)
            return None
        return session

    def _to_login(self, request: Request) -> Response:
        """Where the page was not asked for by a person, or was a form: no detour."""
        if RENEWS in request.headers or request.method == "POST":
            return login.ask(request, problem="Your session has ended. Nothing was done: log in and send it again.", status=401)
        if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return login.again()
        return login.detour(request)

    async def _form(self, request: Request, session: Session) -> tuple[Form, Response | None]:
        """The form, or why it is not taken: too long, none at all, or not sent from a page of this session's."""
        try:
            form = await read_form(request)
        except RungError as error:
            return Form(), self._error(session, error, 413 if isinstance(error, TooLong) else 400)
        if not login.same_site(request) or not same(session.csrf, form.get("csrf")):
            hint = "Nothing was done. Go back and send it again."
            problem = Missing("this form did not come from a page of your session", hint=hint)
            return form, self._error(session, problem, 403)
        return form, None

    def _visit(self, request: Request, session: Session, form: Form | None = None) -> Visit:
        return Visit(
            controls=self._controls,
            session=session,
            path={name: str(value) for name, value in request.path_params.items()},
            query=dict(request.query_params),
            form=form or Form(),
            renews=RENEWS in request.headers,
        )

    def _done(self, page: Page, visit: Visit) -> Response:
        """What a form came to; an error is told on the page that it came from."""
        try:
            return self._answered(page.act, visit, told=False)
        except RungError as error:
            visit.session.notes.append(Note(tone="fail", text=error.problem, hint=error.hint))
            return RedirectResponse(page.back_to(visit.path), 303)

    def _answered(self, made: Callable[[Visit], Answer] | None, visit: Visit, *, told: bool = True) -> Response:
        assert made is not None
        try:
            return self._response(made(visit), visit)
        except RungError as error:
            if not told:
                raise
            return self._error(visit.session, error, 503 if isinstance(error, BrokenEnvironment) else 404)
        except Exception:
            LOG.exception("a page of the dashboard failed")
            problem = BrokenEnvironment("this page could not be made", hint="The server's log says why.")
            return self._error(visit.session, problem, 500)

    def _response(self, answer: Answer, visit: Visit) -> Response:
        if isinstance(answer, Sent):
            if answer.note:
                visit.session.notes.append(answer.note)
            return RedirectResponse(answer.to, 303)
        if isinstance(answer, Streamed):
            return _Stream(answer)
        return self._page(answer, visit.session, renews=visit.renews)

    def _page(self, shown: Shown, session: Session, *, renews: bool = False) -> Response:
        views: dict[str, Any] = {
            "title": shown.title,
            "nav": shown.nav,
            "menu": MENU,
            "badges": self._badges(),
            "session": session,
            "csrf": session.csrf,
            "notes": [] if renews else session.take_notes(),
            "rung_version": __version__,
            "now": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        return HTMLResponse(render(shown.template, {**views, **shown.views}), shown.status)

    def _error(self, session: Session, error: RungError, status: int) -> Response:
        shown = Shown(template="error.html", title="Not found" if status == 404 else "Error", views={"error": error}, status=status)
        return self._page(shown, session)

    def _badges(self) -> dict[str, int]:
        """How many wait for a person, beside the entries of the menu."""
        try:
            return {"approvals": len(self._controls.holds.waiting())} if self._controls.holds else {}
        except RungError:
            return {}


class _Stream(StreamingResponse):
    """Lines as they come. Whoever makes them is told when nobody reads any more, at their end or before it."""

    def __init__(self, answer: Streamed) -> None:
        super().__init__(answer.lines, media_type="application/x-ndjson")
        self._left = answer.left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._left()
