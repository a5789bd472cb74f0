"""What each campaign has found, name by name, so that one that was killed goes on where it was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from rung.json_form import canonical_json
from rung.registry import tables
from rung.registry.db import Database
from rung.registry.facts import Facts
from rung.registry.leases import Leases


@dataclass(frozen=True, kw_only=True)
class CampaignRecord:
    """A campaign: its id, what was asked for (JSON), when it began, and when the last fact of it was written (ISO 8601, UTC)."""

    campaign: str
    asked: Any
    started: str
    updated: str


class Campaigns:
    """The campaigns of one RUNG_HOME."""

    def __init__(self, database: Database, leases: Leases) -> None:
        self._database = database
        self._facts = Facts(database, leases, tables.campaigns, tables.campaign_facts, "campaign")

    def begin(self, campaign: str, asked: Any) -> None:
        """Enters a campaign, before its first fact; one that is known is left as it is."""
        self._database.append(tables.campaigns, {"campaign": campaign, "asked": canonical_json(asked)})

    def put(self, campaign: str, key: str, payload: Any) -> None:
        """Writes down what a campaign has found; as `Facts.put`."""
        self._facts.put(campaign, key, payload)

    def facts(self, campaign: str) -> dict[str, Any]:
        """A campaign's facts by key, in the order in which the keys were first written."""
        return self._facts.all(campaign)

    def all(self) -> list[CampaignRecord]:
        """Every campaign that has begun; the last one begun is last."""
        begun, facts = tables.campaigns.c, tables.campaign_facts.c
        updated = select(func.max(facts.created)).where(facts.campaign == begun.campaign).scalar_subquery()
        wanted = select(begun.campaign, begun.asked, begun.created, updated.label("updated")).order_by(begun.seq)
        return [
            CampaignRecord(
                campaign=row.campaign, asked=json.loads(row.asked), started=row.created, updated=row.updated or row.created
            )
            for row in self._database.rows(wanted)
        ]
