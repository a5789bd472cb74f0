"""Bases of any other causal decoder: transformers' own modelling code, with this engine's attention and adapters hooked into it."""
