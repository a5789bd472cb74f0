"""The routes of files and fine-tuning jobs. What waits for the disk or the registry does so in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from rung.registry.files import StoredFile
from rung.registry.tunings import Tuning
from rung.serve.faults import refusal
from rung.serve.openai.bodies import address_of, read_raw
from rung.serve.openai.fields import read_json
from rung.serve.tuning import jobs
from rung.serve.tuning.asking import read_request
from rung.serve.tuning.told import CHECKPOINT, EVENT, page, told_checkpoint, told_event, told_file, told_job
from rung.serve.tuning.uploads import FILE_BYTES, Upload, own_file, upload
from rung.serve.types import Refused, Tenant

if TYPE_CHECKING:
    from rung.serve.door import Door

T = TypeVar("T")
# What a form has beside its file, and seconds within which all of it must have come.
FORM_BYTES, FORM_S = 1 << 16, 3600.0
MOST_FIELDS = 8
HTTP_404, HTTP_429, LONGEST_PATH = 404, 429, 200
FILES_PAGE, JOBS_PAGE, CHECKPOINTS_PAGE, MOST_JOBS = 10_000, 20, 10, 1000


def router(door: Door) -> APIRouter:
    """The routes below /v1."""
    routes = APIRouter()
    _files(routes, door)
    _jobs(routes, door)
    _of_a_job(routes, door)
    return routes


def _files(routes: APIRouter, door: Door) -> None:
    home = door.home

    @routes.post("/v1/files")
    async def create(request: Request) -> JSONResponse:
        who = await _who(door, request)
        async with _form(request) as form:
            given = form.get("file")
            fields = {key: value for key, value in form.items() if isinstance(value, str)}
            if not isinstance(given, UploadFile):
                raise Refused(400, "'file' is a required property", param="file")
            coming = Upload(filename=given.filename or "upload", stream=given.file)
            stored = await who.gets(lambda: upload(home, who.tenant, coming, fields))
        return JSONResponse(told_file(stored))

    @routes.get("/v1/files")
    async def listed(request: Request) -> JSONResponse:
        who = await _who(door, request)
        asked = request.query_params
        newest_first, limit = _newest_first(request), _limit(request, FILES_PAGE, FILES_PAGE)

        def found() -> list[StoredFile]:
            after = own_file(home, who.tenant, asked["after"]) if asked.get("after") else None
            purpose = asked.get("purpose", "")
            return home.files.of(who.tenant.id, purpose=purpose, after=after, limit=limit + 1, newest_first=newest_first)

        some = await who.gets(found)
        return JSONResponse(page([told_file(file) for file in some[:limit]], has_more=len(some) > limit))

    @routes.get("/v1/files/{name}")
    async def one(name: str, request: Request) -> JSONResponse:
        who = await _who(door, request)
        return JSONResponse(told_file(await who.gets(lambda: own_file(home, who.tenant, name))))

    @routes.delete("/v1/files/{name}")
    async def deleted(name: str, request: Request) -> JSONResponse:
        who = await _who(door, request)

        def delete() -> str:
            file = own_file(home, who.tenant, name)
            home.files.delete(who.tenant.id, file.id)
            return file.id

        return JSONResponse({"id": await who.gets(delete), "object": "file", "deleted": True})

    @routes.get("/v1/files/{name}/content")
    async def content(name: str, request: Request) -> FileResponse:
        who = await _who(door, request)
        file = await who.gets(lambda: own_file(home, who.tenant, name))
        path = await who.gets(lambda: home.blobs.local(file.digest))
        headers = {"X-Content-Type-Options": "nosniff"}
        return FileResponse(path, media_type="application/octet-stream", filename=file.filename, headers=headers)


def _jobs(routes: APIRouter, door: Door) -> None:
    home = door.home

    def told(tuning: Tuning) -> dict[str, Any]:
        return told_job(jobs.standing(home, tuning))

    @routes.post("/v1/fine_tuning/jobs")
    async def create(request: Request) -> JSONResponse:
        who = await _who(door, request)
        asked = read_request(await _body(door, request), request.headers.get("idempotency-key", ""))

        def made() -> dict[str, Any]:
            served = door.names.resolve(asked.asked.model, who.tenant)
            return told(jobs.create(home, who.tenant, asked, served))

        return JSONResponse(await who.gets(made))

    @routes.get("/v1/fine_tuning/jobs")
    async def listed(request: Request) -> JSONResponse:
        who = await _who(door, request)
        limit, after = _limit(request, JOBS_PAGE, MOST_JOBS), request.query_params.get("after")
        wanted = _metadata(request)

        def found() -> dict[str, Any]:
            behind = jobs.own_job(home, who.tenant, after) if after else None
            every = home.tunings.of(who.tenant.id, after=behind)
            fitting = [one for one in every if wanted is None or _fits(one, wanted)]
            return page([told(one) for one in fitting[:limit]], has_more=len(fitting) > limit)

        return JSONResponse(await who.gets(found))

    @routes.get("/v1/fine_tuning/jobs/{name}")
    async def one(name: str, request: Request) -> JSONResponse:
        who = await _who(door, request)
        return JSONResponse(await who.gets(lambda: told(jobs.own_job(home, who.tenant, name))))

    def changing(what: str, change: Callable[[Any, Tuning], None]) -> None:
        @routes.post(f"/v1/fine_tuning/jobs/{{name}}/{what}", name=what)
        async def changed(name: str, request: Request) -> JSONResponse:
            who = await _who(door, request)

            def done() -> dict[str, Any]:
                change(home, jobs.own_job(home, who.tenant, name))
                return told(jobs.own_job(home, who.tenant, name))

            return JSONResponse(await who.gets(done))

    changing("cancel", jobs.cancel)
    changing("pause", jobs.pause)
    changing("resume", jobs.resume)


def _of_a_job(routes: APIRouter, door: Door) -> None:
    home = door.home

    @routes.get("/v1/fine_tuning/jobs/{name}/events")
    async def events(name: str, request: Request) -> JSONResponse:
        who = await _who(door, request)
        limit, before = _limit(request, JOBS_PAGE, MOST_JOBS), _cursor(request, EVENT)

        def found() -> dict[str, Any]:
            tuning = jobs.own_job(home, who.tenant, name)
            some = home.tunings.events(tuning.id, before=before, limit=limit + 1)
            return page([told_event(event) for event in some[:limit]], has_more=len(some) > limit)

        return JSONResponse(await who.gets(found))

    @routes.get("/v1/fine_tuning/jobs/{name}/checkpoints")
    async def checkpoints(name: str, request: Request) -> JSONResponse:
        who = await _who(door, request)
        limit, before = _limit(request, CHECKPOINTS_PAGE, MOST_JOBS), _cursor(request, CHECKPOINT)

        def found() -> dict[str, Any]:
            tuning = jobs.own_job(home, who.tenant, name)
            every = home.tunings.checkpoints(tuning.id)
            known = [one.cursor for one in every]
            some = every[known.index(before) + 1 :] if before in known else every if before is None else []
            return page([told_checkpoint(tuning, one) for one in some[:limit]], has_more=len(some) > limit)

        return JSONResponse(await who.gets(found))


async def _waited(act: Callable[[], T]) -> T:
    """What a thread makes of it. Raises Refused, whatever went wrong."""
    try:
        return await run_in_threadpool(act)
    except Exception as error:
        raise refusal(error, "fine_tuning") from error


@dataclass(frozen=True, kw_only=True)
class _Who:
    """A tenant with a request. What is refused as not being there is written down: it may be another's."""

    door: Door
    tenant: Tenant
    path: str

    async def gets(self, act: Callable[[], T]) -> T:
        """What a thread makes of it. Raises Refused, whatever went wrong."""
        try:
            return await _waited(act)
        except Refused as refused:
            if refused.status in (HTTP_404, HTTP_429):
                told = refused
                await _waited(lambda: self.door.journal.refuse(self.tenant, self.path, told))
            raise


async def _who(door: Door, request: Request) -> _Who:
    tenant = await _waited(lambda: door.tenant(request.headers.get("authorization"), address_of(request)))
    return _Who(door=door, tenant=tenant, path=request.url.path[:LONGEST_PATH])


async def _body(door: Door, request: Request) -> Any:
    """The body as JSON. Raises Refused for one that is none, or beyond the server's limits."""
    raw = await read_raw(request, door.limits)
    return await _waited(lambda: read_json(raw, door.limits))


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    """The parts of a form, on the disk where they are large. Raises Refused for a body that is none."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise Refused(411, "The length of the form must be said (Content-Length).", code="length_required")
    if int(length[:19]) > FILE_BYTES + FORM_BYTES:
        raise Refused(413, f"The file is larger than {FILE_BYTES >> 20} MB.", param="file", code="file_too_large")
    try:
        async with asyncio.timeout(FORM_S):
            form = await request.form(max_files=1, max_fields=MOST_FIELDS)
    except TimeoutError:
        raise Refused(408, f"The file did not come within {FORM_S:g} seconds.", code="body_timeout") from None
    except (MultiPartException, HTTPException) as error:
        told = getattr(error, "message", None) or getattr(error, "detail", "")
        raise Refused(400, f"The body is no form with a file: {told}") from None
    try:
        yield form
    finally:
        await form.close()


def _newest_first(request: Request) -> bool:
    order = request.query_params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise Refused(400, "'order' must be 'asc' or 'desc'", param="order")
    return order == "desc"


def _limit(request: Request, usual: int, most: int) -> int:
    said = request.query_params.get("limit")
    try:
        limit = usual if said is None else int(said)
    except ValueError:
        limit = 0
    if not 1 <= limit <= most:
        raise Refused(400, f"'limit' must be a whole number from 1 to {most}", param="limit")
    return limit


def _cursor(request: Request, prefix: str) -> int | None:
    """The number of the last thing that is known, of `after`."""
    after = request.query_params.get("after")
    if not after:
        return None
    number = after.removeprefix(prefix)
    if not after.startswith(prefix) or not number.isascii() or not number.isdigit() or len(number) > 18:
        raise Refused(400, f"'after' must be the id of one of them ({prefix}...)", param="after")
    return int(number)


def _metadata(request: Request) -> dict[str, str | None] | None:
    """What jobs must bear: `metadata[key]=value`; `metadata=null` asks for those without. None where nothing is asked."""
    asked = request.query_params
    if asked.get("metadata") in ("null", ""):
        return {}
    found = {key[len("metadata[") : -1]: value for key, value in asked.items() if key.startswith("metadata[") and key.endswith("]")}
    return dict(found) or None


def _fits(tuning: Tuning, wanted: dict[str, str | None]) -> bool:
    bears = tuning.asked.metadata
    return all(bears.get(key) == value for key, value in wanted.items()) if wanted else not bears
