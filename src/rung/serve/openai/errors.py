"""Refusals as responses: OpenAI's error body, and headers that say whether trying again would help."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rung.serve.openai.streams import dumps
from rung.serve.types import Refused

if TYPE_CHECKING:
    from starlette.responses import Response


def response_of(refused: Refused) -> Response:
    """OpenAI's client tries 408, 409, 429 and 5xx again by itself unless it is told not to."""
    from starlette.responses import Response

    headers = {"x-should-retry": "true" if refused.retry_after_s is not None else "false"}
    if refused.retry_after_s is not None:
        headers["retry-after"] = str(max(1, math.ceil(refused.retry_after_s)))
    if refused.status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(dumps(refused.body), status_code=refused.status, media_type="application/json", headers=headers)
