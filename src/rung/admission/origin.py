"""What an adapter that was trained here says of its origin, beside it in rung.json: digests, which a base must have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.admission.faults import Fault
from rung.errors import UserError
from rung.escapes import quoted
from rung.sources.base import BaseReference

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base

_OWN = "Name the base that it was trained on, with the files that it had then; or train it again on this one."


def origin_faults(adapter: Path, base: Base, beneath: Sequence[str] = ()) -> list[Fault]:
    """Where the digests of base, chat template, or adapters beneath are not those that it was made on. None where it says none."""
    from rung.engine.local.adapter import FACTS_FILE

    file = adapter / FACTS_FILE
    facts = json.loads(file.read_text("utf-8-sig")) if file.is_file() else {}
    if not isinstance(facts, dict):
        return [Fault(file=FACTS_FILE, said="not a JSON object")]
    said = [_base(facts, base), _template(facts, base), _beneath(facts, beneath)]
    return [Fault(file=FACTS_FILE, said=one, hint=_OWN) for one in said if one]


def _base(facts: dict[str, Any], base: Base) -> str:
    named = facts.get("base")
    try:
        pin = BaseReference.read(named).pin if isinstance(named, str) and named else ""
    except UserError as error:
        return f"it names a base that cannot be one: {error.problem}"
    if not pin or pin == base.digest:
        return ""
    its = f"sha256:{base.digest[:12]}..."
    return (
        f"it was made on a base of another content (weights, tokenizer or template): sha256:{pin[:12]}..., and this one has {its}"
    )


def _template(facts: dict[str, Any], base: Base) -> str:
    made_on = facts.get("template")
    if not isinstance(made_on, str) or not made_on or made_on == base.template_digest:
        return ""
    return (
        f"it was made with another chat template: sha256:{made_on[:12]}..., and the base has sha256:{base.template_digest[:12]}..."
    )


def _beneath(facts: dict[str, Any], beneath: Sequence[str]) -> str:
    made_on = facts.get("base_adapters") or []
    if not made_on or list(beneath) == made_on:
        return ""
    wanted = ", ".join(quoted(str(name)[:12]) for name in made_on) if isinstance(made_on, list) else quoted(str(made_on))
    found = ", ".join(quoted(name[:12]) for name in beneath) or "none"
    return f"it was made on top of other adapters: {wanted}, and here are {found} (base: name@version brings a version's own)"
