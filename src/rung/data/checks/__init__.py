"""Checks on data, one a file: `check(examples, config) -> list[Finding]`.

A check says of itself on which ROWS it runs (`raw`: as they were read; `split`: without duplicates, in their splits), and the
SEVERITY of what it finds unless a finding says otherwise. ALLOWED_BY, where it has one, is the key of `data` that makes its errors
warnings.
"""
