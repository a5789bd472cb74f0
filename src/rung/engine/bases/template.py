"""Whether a chat template can be read at all, before a conversation is rendered by it."""

from __future__ import annotations

from functools import cache
from typing import Any

from rung.errors import UserError


def check_syntax(text: Any, where: str) -> None:
    """Raises UserError for what Jinja, with what transformers adds to it, cannot compile."""
    from jinja2 import TemplateError

    hint = "Bring the model's chat_template.jinja as it was published."
    if not isinstance(text, str):
        raise UserError("the chat template is no text", where=where, hint=hint)
    try:
        _environment().from_string(text)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        told = f"{error} (its line {line})" if line else str(error)
        raise UserError(f"the chat template cannot be read: {told}", where=where, hint=hint) from error


@cache
def _environment() -> Any:
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """transformers' own block around what an assistant says."""

        def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    Generation.tags = {"generation"}
    return ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
