"""Bytes to rows: files, formats, filters, and rows from the user's own function."""
