"""Answers that somebody waits for: handed on as they come, given up when nobody waits any more."""
