"""The one date that chat templates print: a rendering must not change overnight, nor between training and serving.

Templates ask for it by `strftime_now` (transformers gives it to them), Llama's by `date_string` too. Both get the date that Llama's
own template has where it is told none.
"""

from __future__ import annotations

from datetime import datetime

MOMENT = datetime(2024, 7, 26, 12, 0, 0)
DATE_STRING = MOMENT.strftime("%d %b %Y")
# What strftime knows; those with a dash (no leading zero) first, as one is part of the other.
_DIRECTIVES = [f"%-{letter}" for letter in "dmHIMSjy"] + [f"%{letter}" for letter in "aAwdbBmyYHIMSpfzZjUWcxXGuVeDFTRhn"]


def dated(template: str) -> str:
    """The template with its clock stopped at MOMENT."""
    return _MACRO + template if "strftime_now" in template else template


def _macro() -> str:
    """Jinja has no dates: each directive is replaced by what it says at that moment."""
    steps = "".join(f"|replace({directive!r}, {MOMENT.strftime(directive)!r})" for directive in _DIRECTIVES)
    return f"{{%- macro strftime_now(format) -%}}{{{{ format{steps} }}}}{{%- endmacro -%}}"


_MACRO = _macro()
