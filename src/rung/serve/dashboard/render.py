"""Templates to pages: those of the dashboard, and the parts of the report that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from rung.report import text
from rung.report.facts import State
from rung.report.render import environment
from rung.serve.dashboard.visits import local

if TYPE_CHECKING:
    from jinja2 import Environment

STATIC: Mapping[str, tuple[str, str, str]] = {
    "dash.css": ("rung.serve.dashboard", "static/dash.css", "text/css; charset=utf-8"),
    "dash.js": ("rung.serve.dashboard", "static/dash.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("rung.serve.dashboard", "static/icon.svg", "image/svg+xml"),
    "report.css": ("rung.report", "templates/style.css", "text/css; charset=utf-8"),
}

ENDINGS: Mapping[str, State] = {
    "": State(word="being answered", mark="–", tone="going"),
    "answered": State(word="answered", mark="✓", tone="pass"),
    "fallback": State(word="by a fallback", mark="✓", tone="undecided"),
    "withheld": State(word="withheld", mark="?", tone="undecided"),
    "held": State(word="held", mark="?", tone="undecided"),
    "refused": State(word="refused", mark="✗", tone="undecided"),
    "late": State(word="too late", mark="✗", tone="fail"),
    "gone": State(word="asker left", mark="–", tone="quiet"),
    "failed": State(word="failed", mark="✗", tone="fail"),
    "died": State(word="server died", mark="✗", tone="fail"),
}


def render(template: str, views: Mapping[str, Any]) -> str:
    """The template of that name, filled."""
    return _pages().get_template(template).render(**views)


@cache
def static(name: str) -> tuple[bytes, str]:
    """A file that pages load, with its kind. Raises KeyError where there is none."""
    package, path, kind = STATIC[name]
    return files(package).joinpath(path).read_bytes(), kind


@cache
def static_address(name: str) -> str:
    """Where a page loads it from: another address for other bytes."""
    return f"/static/{name}?v={sha256(static(name)[0]).hexdigest()[:12]}"


@cache
def _pages() -> Environment:
    pages = environment("rung.serve.dashboard", "rung.report")
    pages.filters |= {name: getattr(text, name) for name in ("dollars", "figure", "points", "size", "whole_percent")}
    pages.filters |= {"clock": clock, "day": day, "ago": ago, "short": short, "rate": rate}
    pages.globals |= {"local": local, "static": static_address, "query": query, "endings_of": ending, "tone_of": tone_of}
    return pages


def ending(word: str) -> State:
    """How an answer ended, as pages tell it."""
    return ENDINGS.get(word, State(word=word, mark="–", tone="quiet"))


def tone_of(word: str, tone: str) -> State:
    """A state by its own word, in a tone."""
    return State(word=word, mark={"pass": "✓", "fail": "✗", "undecided": "?"}.get(tone, "–"), tone=tone)


def rate(value: float) -> str:
    """`0.017`, `3.4`, `1,200`: so many a minute."""
    return text.count(round(value)) if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.1f}"


def query(path: str, **fields: Any) -> str:
    """An address with those of the fields that say something."""
    said = {name: value for name, value in fields.items() if value not in ("", None)}
    return f"{path}?{urlencode(said)}" if said else path


def clock(moment: Any) -> str:
    """`26 Nov 14:03:07`: a moment of the journal, UTC."""
    when = _read(moment)
    return f"{when.day} {when:%b %H:%M:%S}" if when else text.plain(moment) if moment else text.DASH


def day(moment: Any) -> str:
    """`26 Nov 2026, 14:03`: a moment of the registry, UTC."""
    when = _read(moment)
    return f"{when.day} {when:%b %Y, %H:%M}" if when else text.plain(moment) if moment else text.DASH


def ago(moment: Any) -> str:
    """`3 min ago`; of one that is yet to come by this clock, `in 3 min`."""
    when = _read(moment)
    if when is None:
        return text.DASH
    seconds = (datetime.now(UTC) - when).total_seconds()
    for name, length in (("day", 86_400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= length:
            count = int(abs(seconds) // length)
            said = text.plural(count, name) if name == "day" else f"{count} {name}"
            return f"{said} ago" if seconds > 0 else f"in {said}"
    return "just now" if seconds > -1 else f"in {-seconds:.0f} s"


def short(digest: Any, length: int = 12) -> str:
    """The beginning of a digest."""
    return str(digest)[:length] if digest else text.DASH


def _read(moment: Any) -> datetime | None:
    try:
        when = datetime.fromisoformat(str(moment))
    except ValueError:
        return None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
