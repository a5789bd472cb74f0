"""The routes of OpenAI's API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rung.serve.openai import chat
from rung.serve.openai.asking import Desk
from rung.serve.openai.bodies import address_of
from rung.serve.openai.models import model_body, models_body
from rung.serve.openai.plan import Planner
from rung.serve.openai.streams import dumps

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response

QUESTIONS: dict[str, Planner] = {"/v1/chat/completions": chat.plan}


def router(desk: Desk) -> APIRouter:
    """Questions, and the models that may be asked."""
    from fastapi import APIRouter
    from starlette.responses import Response

    routes = APIRouter()
    for path, planner in QUESTIONS.items():
        routes.add_route(path, _asks(desk, planner), methods=["POST"])

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


def _asks(desk: Desk, planner: Planner) -> Any:
    async def asks(request: Request) -> Response:
        return await desk.answered(request, planner)

    return asks
