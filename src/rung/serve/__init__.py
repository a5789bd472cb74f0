"""One door: many Candidates on one base, behind the OpenAI API."""
