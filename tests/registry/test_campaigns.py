from __future__ import annotations

import pytest
from sqlalchemy import delete, update

from rung.registry import tables
from rung.registry.home import Home


def test_what_was_said_last_counts_and_all_of_it_is_kept(registry: Home) -> None:
    registry.campaigns.begin("c1", {"base": "pip:llm"})
    registry.campaigns.begin("c1", {"base": "another"})
    registry.campaigns.put("c1", "entry/tone", {"old": "tone@1"})
    registry.campaigns.put("c1", "climbed/tone", {"status": "pass"})
    registry.campaigns.put("c1", "entry/tone", {"old": "tone@2"})
    registry.campaigns.put("c1", "entry/tone", {"old": "tone@2"})
    assert registry.campaigns.facts("c1") == {"entry/tone": {"old": "tone@2"}, "climbed/tone": {"status": "pass"}}
    assert registry.campaigns.facts("c2") == {}
    [record] = registry.campaigns.all()
    assert (record.campaign, record.asked) == ("c1", {"base": "pip:llm"}) and record.started <= record.updated
    with pytest.raises(RuntimeError, match="has not begun"):
        registry.campaigns.put("c2", "entry/tone", {})


@pytest.mark.parametrize("change", [delete(tables.campaign_facts), update(tables.campaigns).values(asked="{}")])
def test_nothing_of_it_is_changed(registry: Home, change: object) -> None:
    registry.campaigns.begin("c1", {})
    registry.campaigns.put("c1", "entry/tone", {})
    with pytest.raises(Exception, match="append-only"), registry._database.writing() as connection:
        connection.execute(change)  # type: ignore[call-overload]
    assert registry.campaigns.facts("c1") == {"entry/tone": {}}
