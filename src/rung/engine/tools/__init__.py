"""Tools that a model may call: declared, described, contained, and let through one gate."""
