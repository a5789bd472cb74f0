"""Adapters that are added up for a request or a session."""
