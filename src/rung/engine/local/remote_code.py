"""Code that came with a base: it runs with its user's leave alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rung.errors import UserError

VARIABLE = "RUNG_TRUST_REMOTE_CODE"


def runs_own_code(folder: Path) -> bool:
    """Whether the base is computed by code of its own. What transformers computes is, whatever code lies beside it.

    Raises UserError where it is, and nobody gave leave.
    """
    raw = json.loads((folder / "config.json").read_text("utf-8"))
    own = raw.get("auto_map") or {}
    if _known(raw.get("model_type")) or "AutoModelForCausalLM" not in own:
        return False
    if os.environ.get(VARIABLE, "").strip().lower() in ("1", "true", "yes"):
        return True
    file = f"{str(own['AutoModelForCausalLM']).rpartition('--')[2].partition('.')[0]}.py"
    raise UserError(
        f"the architecture '{raw.get('model_type')}' is computed by code that came with the model ({file}), "
        "and code of strangers does not run unasked",
        where=str(folder / "config.json"),
        hint=f"Read it, then set {VARIABLE}=1; or serve this model elsewhere and name its OpenAI-compatible address.",
    )


def _known(model_type: object) -> bool:
    from transformers import CONFIG_MAPPING

    return model_type in CONFIG_MAPPING
