"""Data: files, packages and hub sets to Examples; duplicates, splits, digests, and the checks before anything is spent."""
