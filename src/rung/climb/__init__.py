"""The climb: from the cheapest rung up, one locked check, stop at the first pass."""
