"""Code that came with a base: it runs with its user's leave alone."""

from __future__ import annotations

import os
from pathlib import Path

from rung.engine.bases.checkpoint import read_json
from rung.errors import UserError

VARIABLE = "RUNG_TRUST_REMOTE_CODE"


def runs_own_code(folder: Path) -> bool:
    """Whether the base is computed by code of its own. What transformers computes is, whatever code lies beside it.

    Raises UserError where it is and nobody gave leave, or where the code lies somewhere else, so that no digest covers it.
    """
    raw, where = read_json(folder / "config.json"), str(folder / "config.json")
    named = str((raw.get("auto_map") or {}).get("AutoModelForCausalLM") or "")
    if not named or _known(raw.get("model_type")):
        return False
    elsewhere, _, own = named.rpartition("--")
    told = f"the architecture '{raw.get('model_type')}' is computed by code that came with the model"
    serve = "or serve this model elsewhere and name its OpenAI-compatible address."
    if elsewhere:
        hint = f"Copy that code into the folder and name it without '{elsewhere}--' in auto_map; {serve}"
        raise UserError(f"{told}, and lies in another place ({elsewhere})", where=where, hint=hint)
    if not leave_is_given():
        file = f"{own.partition('.')[0]}.py"
        hint = f"Read {file}, then set {VARIABLE}=1 in the environment; {serve}"
        raise UserError(f"{told} ({file}), and code of strangers does not run unasked", where=where, hint=hint)
    return True


def leave_is_given() -> bool:
    """Whether RUNG_TRUST_REMOTE_CODE says so. Raises UserError for a value that says neither."""
    said = os.environ.get(VARIABLE, "").strip().lower()
    if said in ("1", "true", "yes"):
        return True
    if said in ("", "0", "false", "no"):
        return False
    raise UserError(f"{VARIABLE} is '{said}'", hint="Set it to 1 where code that came with a base may run; else unset it.")


def _known(model_type: object) -> bool:
    from transformers import CONFIG_MAPPING

    return model_type in CONFIG_MAPPING
