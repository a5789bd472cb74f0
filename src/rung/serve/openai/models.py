"""/v1/models: what a tenant may ask for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rung.serve.door import Door
from rung.serve.names import Listed
from rung.serve.types import Tenant


def models_body(door: Door, tenant: Tenant) -> dict[str, Any]:
    """All of them."""
    return {"object": "list", "data": [_model(one) for one in door.names.listed(tenant)]}


def model_body(door: Door, tenant: Tenant, word: str) -> dict[str, Any]:
    """One, by any word that a question may use. Raises Refused (404)."""
    served = door.names.resolve(word, tenant)
    made = next((one.created for one in door.names.listed(tenant) if one.id in (word, served.ref)), "")
    return _model(Listed(id=word, created=made))


def _model(listed: Listed) -> dict[str, Any]:
    created = int(datetime.fromisoformat(listed.created).timestamp()) if listed.created else 0
    return {"id": listed.id, "object": "model", "created": created, "owned_by": "rung"}
