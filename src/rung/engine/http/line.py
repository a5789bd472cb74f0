"""A line to a server: questions go out with the key, and what comes back is read for what it is, whatever its status says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from rung.engine.http.completion import has_message, json_object
from rung.engine.http.error_text import is_web_page, read_error
from rung.engine.http.key import headers, masked
from rung.engine.http.refusals import Asked, sent_on, where_else
from rung.engine.http.route import Route, certificates
from rung.engine.http.signs import is_filtered, is_too_long
from rung.errors import UserError
from rung.sources.address import FORM

_REFUSED, _TOO_LONG = 400, 413


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came back. `status_code` is what it should have come with: servers send errors with 200, and lasting ones with 500."""

    status_code: int
    text: str
    headers: Mapping[str, str]


def way_to(asked: Asked) -> tuple[Any, ...]:
    """What the environment says of the way to a server: an open line serves as long as it says the same."""
    return Route.of(asked.address), headers(asked.address), certificates()


class Line:
    """An open line to one server; close it, or use it in a `with`."""

    def __init__(self, asked: Asked, timeout: Any, most: int = 16) -> None:
        """`timeout` as httpx takes it, `most` how many connections are kept open.

        Raises UserError and BrokenEnvironment for a key, a proxy or certificates that are none.
        """
        self._asked = asked
        self._route = Route.of(asked.address)
        self._client = self._route.client(headers(asked.address), timeout, most)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def post(self, body: Mapping[str, Any]) -> Response:
        """One question. Raises httpx.TransportError for what may pass.

        Raises UserError and BrokenEnvironment for what would be the same the next time: a redirect, a web page, a proxy that is not
        there, a certificate that is not trusted.
        """
        return self._sent("POST", self._asked.address.completions, json=body)

    def get(self, end: str, *, root: bool = False) -> Response:
        """What stands beside the chat completions, `/models` for one, or at the `root` above their /v1. Raises as `post` does."""
        address = self._asked.address
        return self._sent("GET", (replace(address, path=address.path.removesuffix("/v1")) if root else address).to(end))

    def call(self, method: str, end: str, **sent: Any) -> Response:
        """Anything else that is asked of the server: what came back, as it came. Raises as `post` does."""
        return self._sent(method, self._asked.address.to(end), is_question=False, **sent)

    def _sent(self, method: str, url: str, *, is_question: bool = True, **sent: Any) -> Response:
        import httpx

        try:
            response = self._client.request(method, url, **sent)
        except httpx.TransportError as error:
            if (lasting := self._route.lasting(error)) is not None:
                raise lasting from None
            raise type(error)(masked(str(error))) from None
        except (httpx.InvalidURL, UnicodeError) as error:
            raise UserError(f"the address is none that can be asked: {error}", where=url, hint=FORM) from None
        if 300 <= response.status_code < 400:
            raise sent_on(response.status_code, response.headers.get("location", ""), self._asked)
        text = decoded(response.content, response.charset_encoding)
        status = response.status_code
        if method == "POST" and is_question:
            status = read_status(self._asked, status, text)
        return Response(status_code=status, text=text, headers=response.headers)


def read_status(asked: Asked, status: int, text: str) -> int:
    """What a reply to a question should have come with. Raises UserError for a web page."""
    if status == 200:
        return _status_of_good(asked, text)
    if status not in (429, 500, 502, 503):
        return status
    said = read_error(text)
    if is_too_long(status, said):
        return _TOO_LONG
    return _REFUSED if status == 500 and is_filtered(said) else status


def _status_of_good(asked: Asked, text: str) -> int:
    content = json_object(text)
    if has_message(content):
        return 200
    if is_web_page(text):
        words = read_error(text).words[:80]
        raise UserError(
            f"what answers there is a web page, no chat completion: {words}", where=str(asked.address), hint=where_else(asked)
        )
    said = read_error(text)
    if said.status:
        return said.status
    return _REFUSED if is_filtered(said) else 200


def decoded(content: bytes, charset: str | None = None) -> str:
    """JSON is UTF-8, whatever its headers say (RFC 8259, 8.1); what is none is read by its `charset`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode(charset or "utf-8", "replace")
        except LookupError:
            text = content.decode("utf-8", "replace")
    return re.sub(r"\A[\s\x00]+", "", text)
