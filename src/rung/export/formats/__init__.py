"""Formats of `rung export`: a file each; its stem is the name, its docstring's first line the help."""
