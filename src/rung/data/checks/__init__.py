"""Checks on data, one a file: `check(examples, config) -> list[Finding]`."""
