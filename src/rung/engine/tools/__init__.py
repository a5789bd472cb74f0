"""Tools that a model may call: declared, described, contained, and let through at one place."""
