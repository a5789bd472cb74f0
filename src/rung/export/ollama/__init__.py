"""Ollama's Modelfile of a Candidate, and its template in the language of Go's text/template."""
