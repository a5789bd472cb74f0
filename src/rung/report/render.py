"""Templates to HTML. What is put into a template is escaped and has nothing unseen in it, whoever wrote it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from rung.escapes import visible
from rung.report import facts, text

if TYPE_CHECKING:
    from jinja2 import Environment

# The functions of `text` that templates use, as filters.
WORDS = ("count", "cut", "listing", "moment", "percent", "plain", "plural", "seconds", "sentence", "small")


def render(name: str, **views: Any) -> str:
    """The template of that name, filled with `views`."""
    return _environment().get_template(name).render(**views)


@cache
def _environment() -> Environment:
    return environment("rung.report")


def environment(*packages: str) -> Environment:
    """Templates of these packages' folders `templates`, the first that has one of a name first, with what all of them may use."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {name: getattr(text, name) for name in WORDS} | {"anchor": facts.anchor}
    pages.globals |= {"state": facts.state, "shorten": text.shorten, "DASH": text.DASH}
    return pages


def _shown(value: Any) -> Any:
    """Words with nothing unseen in them; markup as it is."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
