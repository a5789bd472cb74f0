"""The admin plane: tenants, keys, the journal and what is under way, on a socket of its own and by keys of its own.

Nothing of it is on the data plane, and no tenant's key opens it. Pages are mounted behind it, at `/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.errors import BrokenEnvironment, Busy, RungError, UserError
from rung.registry.home import Home
from rung.registry.scopes import Scope, changed
from rung.registry.served import Wanted
from rung.registry.tenants import TenantRecord
from rung.serve.rails import routes as rails
from rung.serve.tenants.keys import AdminKeys, Holder, bearer, refused_key
from rung.serve.tenants.routes import read_body, read_json
from rung.serve.tenants.told import heard_told, key_told, served_told, served_whole, tenant_told, tenant_whole
from rung.serve.tenants.voices import refused_field
from rung.serve.tenants.words import plain
from rung.serve.types import Asked as Question
from rung.serve.types import Journal, Refused

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

    from rung.serve.door import Door

PAGE, MOST = 50, 1_000


@dataclass(frozen=True, kw_only=True)
class Plane:
    """What the admin plane works on.

    reload  has the server look again at what it keeps in memory of the registry
    meters  the metrics of the data plane as text
    """

    home: Home
    journal: Journal
    admins: AdminKeys
    reload: Callable[[], object] = lambda: None
    meters: Callable[[], bytes] = lambda: b""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request of an admin: by whom, the parts of its path, its query, its body ({} where it has none)."""

    plane: Plane
    by: Holder
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def home(self) -> Home:
        """The registry."""
        return self.plane.home


def build_admin(plane: Plane) -> FastAPI:
    """The application. Run it on a socket that no client of the data plane reaches."""
    from fastapi import FastAPI

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.plane = plane
    for (method, path), work in ROUTES.items():
        app.add_route(f"/admin{path}", _route(plane, work), methods=[method])
    app.add_route("/metrics", _metrics(plane), methods=["GET"])
    return app


def plane_of(door: Door) -> Plane:
    """The admin plane of a door."""
    admins = AdminKeys(door.home)
    return Plane(home=door.home, journal=door.journal, admins=admins, reload=door.keys.forget, meters=door.meters.text)


def admitted(plane: Plane, authorization: str | None) -> Holder:
    """Who holds the key of a request. Raises Refused (401), and the attempt is written down."""
    shown = bearer(authorization)
    holder = plane.admins.check(shown) if shown else None
    if holder is None:
        refused = refused_key(shown)
        plane.journal.refuse(None, "admin key", refused)
        raise refused
    return holder


def _route(plane: Plane, work: Callable[[Asked], Any]) -> Any:
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse

    async def route(request: Request) -> Response:
        status, told = 200, None
        try:
            body = await read_body(request)
            told = await run_in_threadpool(_done, plane, work, request, body)
        except Refused as refused:
            status, told = refused.status, refused.body
        except RungError as error:
            meant = _as_refused(error)
            status, told = meant.status, meant.body
        return JSONResponse(told, status_code=status, headers=_HEADERS)

    return route


def _done(plane: Plane, work: Callable[[Asked], Any], request: Request, body: bytes) -> Any:
    by = admitted(plane, request.headers.get("authorization"))
    said = read_json(body) if body.strip() else {}
    if not isinstance(said, Mapping):
        raise refused_field(None, "The body must be a JSON object.")
    query = dict(request.query_params)
    return work(Asked(plane=plane, by=by, path=request.path_params, query=query, body=said))


def _metrics(plane: Plane) -> Any:
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, PlainTextResponse

    def text(authorization: str | None) -> bytes:
        admitted(plane, authorization)
        return plane.meters()

    async def metrics(request: Request) -> Response:
        try:
            told = await run_in_threadpool(text, request.headers.get("authorization"))
        except Refused as refused:
            return JSONResponse(refused.body, status_code=refused.status, headers=_HEADERS)
        return PlainTextResponse(told, media_type="text/plain; version=0.0.4; charset=utf-8", headers=_HEADERS)

    return metrics


_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def _as_refused(error: RungError) -> Refused:
    said = f"{error.problem}. {error.hint}".strip()
    if isinstance(error, BrokenEnvironment):
        return Refused(503, said, type="server_error", code="registry_unavailable", retry_after_s=5.0)
    return Refused(409 if isinstance(error, Busy) else 400, said, code="invalid_value")


def _tenant(asked: Asked) -> TenantRecord:
    try:
        return asked.home.tenants.get(asked.path["tenant"])
    except UserError as error:
        raise Refused(404, error.problem, type="not_found_error", code="tenant_not_found") from None


def _text(asked: Asked, name: str, longest: int = 200) -> str:
    value = asked.body.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise refused_field(name, f"'{name}' is a text of at most {longest} characters.")
    return value


def _only(asked: Asked, *names: str) -> None:
    for name in asked.body:
        if name not in names:
            raise refused_field(
                plain(str(name), 80), f"Unknown field '{plain(str(name), 80)}'. Known: {', '.join(names) or 'none'}."
            )


def _settings(asked: Asked) -> Mapping[str, Any]:
    value = asked.body.get("settings", {})
    if not isinstance(value, Mapping):
        raise refused_field("settings", "'settings' is an object.")
    return value


def _me(asked: Asked) -> Any:
    return {"id": asked.by.id, "name": asked.by.name}


def _tenants(asked: Asked) -> Any:
    return {"tenants": [tenant_told(one) for one in asked.home.tenants.all(ended=asked.query.get("ended") == "true")]}


def _add(asked: Asked) -> Any:
    _only(asked, "name", "settings")
    scope = changed(Scope(), _settings(asked))
    return tenant_told(asked.home.tenants.add(_text(asked, "name"), scope, asked.by.who))


def _show(asked: Asked) -> Any:
    return tenant_whole(asked.home, _tenant(asked))


def _set(asked: Asked) -> Any:
    _only(asked, "settings", "number")
    record = _tenant(asked)
    if asked.body.get("number", record.number) != record.number:
        raise Refused(409, f"The tenant '{record.name}' was changed meanwhile.", code="changed_meanwhile")
    return tenant_told(asked.home.tenants.change(record, changed(record.scope, _settings(asked)), asked.by.who))


def _end(asked: Asked) -> Any:
    return tenant_told(asked.home.tenants.end(_tenant(asked), asked.by.who))


def _make_key(asked: Asked) -> Any:
    _only(asked, "label", "lasts")
    record = _tenant(asked)
    if record.has_ended:
        raise Refused(404, f"The tenant '{record.name}' has ended.", type="not_found_error", code="tenant_not_found")
    shown, key = asked.home.api_keys.make(
        "tenant", record.id, label=_text(asked, "label"), lasts=_text(asked, "lasts"), who=asked.by.who
    )
    return {"key": shown, **key_told(asked.home, key)}


def _admin_keys(asked: Asked) -> Any:
    return {"keys": [key_told(asked.home, key) for key in asked.home.api_keys.of(kind="admin")]}


def _make_admin_key(asked: Asked) -> Any:
    _only(asked, "label", "lasts")
    label = _text(asked, "label")
    if not label:
        raise refused_field("label", "Say who holds it: 'label'.")
    shown, key = asked.home.api_keys.make("admin", label=label, lasts=_text(asked, "lasts"), who=asked.by.who)
    return {"key": shown, **key_told(asked.home, key)}


def _rotate(asked: Asked) -> Any:
    _only(asked, "overlap", "lasts")
    known = asked.home.api_keys.get(asked.path["key"])
    overlap = _text(asked, "overlap") or "0s"
    shown, key = asked.home.api_keys.rotate(known, overlap=overlap, lasts=_text(asked, "lasts"), who=asked.by.who)
    return {"key": shown, **key_told(asked.home, key)}


def _revoke(asked: Asked) -> Any:
    _only(asked, "reason")
    known = asked.home.api_keys.get(asked.path["key"])
    return key_told(asked.home, asked.home.api_keys.revoke(known, who=asked.by.who, reason=_text(asked, "reason")))


def _served(asked: Asked) -> Any:
    known = Wanted.__dataclass_fields__
    for name in asked.query:
        if name not in {*known, "before", "limit"}:
            said = f"Unknown field '{plain(name, 80)}'. Known: {', '.join(known)}, before, limit."
            raise refused_field(plain(name, 80), said)
    wanted = Wanted(**{name: value for name, value in asked.query.items() if name in known})
    limit = _number(asked, "limit", PAGE)
    rows = asked.home.served.find(wanted, before=_number(asked, "before", 0), limit=min(limit, MOST))
    return {"rows": [served_told(row) for row in rows], "before": rows[-1].cursor if len(rows) == limit else None}


def _answer(asked: Asked) -> Any:
    row = asked.home.served.get(asked.path["id"])
    if row is None:
        raise Refused(404, "No such answer is known.", type="not_found_error", code="answer_not_found")
    return served_whole(asked.home, row)


def _feedback(asked: Asked) -> Any:
    heard = asked.home.feedback.after(_number(asked, "after", 0), ref=asked.query.get("ref", ""), limit=MOST)
    return {"feedback": [heard_told(one) for one in heard]}


def _under_way(asked: Asked) -> Any:
    known = asked.plane.journal.under_way()
    return {"answers": [{**_begun(one.asked), "ref": one.served.ref, "seconds": round(one.seconds, 3)} for one in known]}


def _begun(one: Question) -> dict[str, Any]:
    return {
        "id": one.id,
        "tenant": one.tenant.id,
        "tenant_name": one.tenant.name,
        "model": plain(one.model),
        "endpoint": one.endpoint,
    }


def _reload(asked: Asked) -> Any:
    asked.plane.reload()
    return {"reloaded": True}


def _decide(asked: Asked) -> Any:
    """A held call, allowed or refused by an identity of the home (`as`), whose key signs it."""
    _only(asked, "decision", "as", "reason")
    said = {name: _text(asked, name) for name in ("decision", "as", "reason")}
    return rails.decide(asked.home, asked.path["id"], said["decision"], identity=said["as"], reason=said["reason"])


def _number(asked: Asked, name: str, usual: int) -> int:
    said = asked.query.get(name, "")
    if said and not (said.isascii() and said.isdecimal() and len(said) <= 15):
        raise refused_field(name, f"'{name}' is a whole number.")
    return int(said) if said else usual


ROUTES: Mapping[tuple[str, str], Callable[[Asked], Any]] = {
    ("GET", "/me"): _me,
    ("GET", "/tenants"): _tenants,
    ("POST", "/tenants"): _add,
    ("GET", "/tenants/{tenant}"): _show,
    ("PATCH", "/tenants/{tenant}"): _set,
    ("DELETE", "/tenants/{tenant}"): _end,
    ("POST", "/tenants/{tenant}/keys"): _make_key,
    ("GET", "/keys"): _admin_keys,
    ("POST", "/keys"): _make_admin_key,
    ("POST", "/keys/{key}/rotate"): _rotate,
    ("DELETE", "/keys/{key}"): _revoke,
    ("GET", "/served"): _served,
    ("GET", "/served/{id}"): _answer,
    ("GET", "/feedback"): _feedback,
    ("GET", "/under-way"): _under_way,
    ("POST", "/reload"): _reload,
    ("GET", "/approvals"): lambda asked: rails.approvals(asked.home, asked.query.get("state", "")),
    ("GET", "/approvals/{id}"): lambda asked: rails.approval(asked.home, asked.path["id"]),
    ("POST", "/approvals/{id}"): _decide,
    ("GET", "/sessions"): lambda asked: rails.sessions(asked.home, asked.query.get("tenant", "")),
}
