"""The routes of OpenAI's API."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from rung.serve.openai import chat, completions, embeddings, responses
from rung.serve.openai.answers import headers_of
from rung.serve.openai.asking import Desk
from rung.serve.openai.bodies import address_of
from rung.serve.openai.items import messages_of_input
from rung.serve.openai.kept import Conversations
from rung.serve.openai.models import model_body, models_body
from rung.serve.openai.plan import Planner
from rung.serve.openai.streams import dumps
from rung.serve.types import Refused

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response


def router(desk: Desk) -> APIRouter:
    """Questions, and the models that may be asked."""
    from fastapi import APIRouter
    from starlette.responses import Response

    routes = APIRouter()
    kept = Conversations()
    questions = {
        "/v1/chat/completions": chat.plan,
        "/v1/completions": completions.plan,
        "/v1/responses": responses.planner(kept),
    }
    for path, planner in questions.items():
        routes.add_route(path, _asks(desk, planner), methods=["POST"])
    routes.add_route("/v1/embeddings", _embeds(desk), methods=["POST"])
    routes.add_route("/v1/conversations", _begins(desk, kept), methods=["POST"])

    async def told(request: Request, make: Any) -> Response:
        def work() -> str:
            tenant = desk.door.tenant(request.headers.get("authorization"), address_of(request))
            return dumps(make(tenant))

        body = await asyncio.get_running_loop().run_in_executor(desk.quick, work)
        return Response(body, media_type="application/json")

    async def models(request: Request) -> Response:
        return await told(request, lambda tenant: models_body(desk.door, tenant))

    async def model(request: Request) -> Response:
        return await told(request, lambda tenant: model_body(desk.door, tenant, request.path_params["word"]))

    routes.add_route("/v1/models", models, methods=["GET"])
    routes.add_route("/v1/models/{word:path}", model, methods=["GET"])
    return routes


def _embeds(desk: Desk) -> Any:
    async def embeds(request: Request) -> Response:
        from starlette.responses import Response

        given, who = await desk.read(request)

        def work() -> tuple[str, dict[str, str]]:
            asks = embeddings.read(given, who, desk.door.limits)
            body, served = embeddings.embedded(desk.door, asks)
            return dumps(body), headers_of(served, desk.door.fingerprint(served), (), asks.asked.id)

        body, headers = await asyncio.get_running_loop().run_in_executor(desk.questions, work)
        return Response(body, media_type="application/json", headers=headers)

    return embeds


def _begins(desk: Desk, kept: Conversations) -> Any:
    async def begins(request: Request) -> Response:
        from starlette.responses import Response

        given, who = await desk.read(request)
        if unknown := next((key for key in given if key not in ("items", "metadata")), None):
            raise Refused(
                400, f"Unrecognized request argument supplied: {unknown[:80]}.", param=unknown[:80], code="unknown_parameter"
            )
        turns = messages_of_input(given["items"], None, (), desk.door.limits) if given.get("items") else ()
        id = kept.begin(who.tenant, turns)
        body = {"id": id, "object": "conversation", "created_at": int(time.time()), "metadata": given.get("metadata") or {}}
        return Response(dumps(body), media_type="application/json")

    return begins


def _asks(desk: Desk, planner: Planner) -> Any:
    async def asks(request: Request) -> Response:
        return await desk.answered(request, planner)

    return asks
