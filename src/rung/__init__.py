"""Rung finds the cheapest change to a language model's behaviour that passes its user's check."""

__version__ = "0.1.0"
