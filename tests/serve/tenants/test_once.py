"""Keys are asked for from the first tenant on, also where the server runs already."""

from __future__ import annotations

import pytest

from rung.serve.idle import ANYONE, Freely
from rung.serve.tenants import once
from rung.serve.tenants.once import OnceThereAreTenants
from rung.serve.types import Refused, Tenant


def test_from_the_first_tenant_on_a_key_is_asked_for(monkeypatch):
    there = []

    class Parts:
        def tenant(self, authorization, address):
            raise Refused(401, "no key")

        def admit(self, tenant, **_asked):
            raise Refused(429, "nothing left")

    moment = [0.0]
    monkeypatch.setattr(once.time, "monotonic", lambda: moment[0])
    both = OnceThereAreTenants(lambda: bool(there), Parts(), Parts())
    assert both.tenant(None, "") is ANYONE and isinstance(
        both.admit(Tenant(id="x", name="x"), prompt_tokens=1, max_tokens=1), Freely
    )
    there.append("anna")
    moment[0] = 1.5
    with pytest.raises(Refused) as caught:
        both.tenant(None, "")
    assert caught.value.status == 401 and both.asks
    there.clear()
    moment[0] = 9.0
    with pytest.raises(Refused):
        both.admit(ANYONE, prompt_tokens=1, max_tokens=1)
