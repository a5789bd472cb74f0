"""What a server's refusal means: one question's own fault, the user's, or the server's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from rung.engine.backend import ContextTooLong
from rung.engine.http.error_text import ErrorText, read_error
from rung.engine.http.signs import is_filtered, is_too_long
from rung.errors import RungError, UserError
from rung.sources.address import ServerAddress
from rung.types import REFUSED, WITHHELD


class NoAnswer(Exception):
    """A question came to no answer. Whether that is its own fault or the server's shows in what comes of others.

    error   what to raise where it is the server's
    reason  the Answer's finish_reason where it is its own: FAILED, REFUSED or WITHHELD, and `fault` in words
    lost    an answer was under way when the last attempt broke off, and may have been billed
    """

    def __init__(self, error: RungError, reason: str, fault: str, *, lost: bool = False) -> None:
        super().__init__(fault)
        self.error, self.reason, self.fault, self.lost = error, reason, fault, lost


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who was asked: what a refusal names."""

    address: ServerAddress
    model: str


def refused_for(status: int, text: str, asked: Asked) -> Exception:
    """What a refusal is: one question's own (NoAnswer, ContextTooLong), where it may be that, else the user's to mend."""
    said = read_error(text)
    if status in (200, 400, 403, 422, 451, 500) and is_filtered(said):
        return NoAnswer(_refusal(status, said, asked), WITHHELD, f"a filter withheld it ({said.words})")
    error = _refusal(status, said, asked)
    own = status in (400, 409, 413, 422) and not isinstance(error, ContextTooLong)
    return NoAnswer(error, REFUSED, f"the server refused it (HTTP {status}: {said.words})") if own else error


def complaint(text: str) -> str:
    """The server's own words, shortened."""
    return read_error(text).words


def _refusal(status: int, said: ErrorText, asked: Asked) -> UserError:
    where = str(asked.address)
    if is_too_long(status, said):
        return ContextTooLong({0: f"the question is longer than the model's context: {said.words}"}, where=where)
    if status in (401, 403, 407):
        return UserError(
            f"the server refuses the key (HTTP {status}): {said.words}",
            where=where,
            hint="Put a valid key into the environment variable RUNG_API_KEY (or OPENAI_API_KEY).",
        )
    if status in (404, 405):
        problem = f"the server knows no such address or model '{asked.model}': {said.words}"
        return UserError(problem, where=where, hint=where_else(asked))
    if status == 402:
        return UserError(f"the server wants to be paid first: {said.words}", where=where, hint="Top up the account of the key.")
    hint = ""
    if re.search(r"plain HTTP request was sent to HTTPS|HTTP request to an HTTPS", said.whole):
        hint = f"Write https://{asked.address.host}{asked.address.path}#{asked.model}."
    return UserError(f"the server refuses the request (HTTP {status}): {said.words}", where=where, hint=hint)


def where_else(asked: Asked) -> str:
    """What the address may lack."""
    address = asked.address
    if address.is_azure and "/openai" not in address.path:
        return f"Azure answers under https://{address.host}/openai/v1#deployment."
    if address.is_azure and "api-version" not in address.query and "/deployments/" in address.path:
        return "Azure wants to know its interface's version: write .../deployments/NAME?api-version=2024-10-21#NAME."
    if not address.path:
        return f"Most servers answer under /v1: write {address.scheme}://{address.host}/v1#{asked.model}."
    return "Check the address (it usually ends in /v1) and the model's name after '#'."


def sent_on(status: int, location: str, asked: Asked) -> UserError:
    """A redirect is not followed: the key is for the server that the task names."""
    to = urlsplit(urljoin(asked.address.completions, location))
    new = f"{to.scheme}://{to.netloc.rpartition('@')[2]}{to.path}".removesuffix("/chat/completions")
    place = f"to {new}" if location else "without saying where to"
    hint = f"If you trust that server with the key, write its address: {new}#{asked.model}." if location else ""
    return UserError(f"the server sends on {place} (HTTP {status})", where=str(asked.address), hint=hint)
