"""A form as a browser sends it: of bounded length, urlencoded, each name once unless several are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from rung.errors import UserError

if TYPE_CHECKING:
    from starlette.requests import Request

LONGEST_BYTES = 256_000
MOST_FIELDS = 64
KIND = "application/x-www-form-urlencoded"


class TooLong(UserError):
    """More than a form of the dashboard can hold."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """The fields of a form, in their order."""

    pairs: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """A field without the blanks around it; "" where there is none."""
        return next((value.strip() for key, value in self.pairs if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Every field of this name, each value once."""
        return tuple(dict.fromkeys(value.strip() for key, value in self.pairs if key == name and value.strip()))

    def number(self, name: str, *, least: float, most: float) -> float | None:
        """A field as a number within bounds; None where it is empty. Raises UserError for anything else."""
        text = self.get(name)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise UserError(f"'{text[:40]}' is no number from {least:g} to {most:g}", where=name.replace("_", " "))
        return value


async def read_form(request: Request) -> Form:
    """The form of a request. Raises TooLong, and UserError where it is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != KIND:
        raise UserError("this is not a form", hint="Send it as a browser does.")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BYTES:
            raise TooLong(f"the form is longer than {LONGEST_BYTES // 1000:,} KB", hint="Send less at once.")
    return Form(pairs=tuple(_pairs(body)))


def _pairs(body: bytes) -> Iterable[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("ascii", "strict"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError:
        raise UserError("this form cannot be read", hint="Go back and send it again.") from None
