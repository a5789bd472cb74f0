"""Tenants of a server: who asks, what they may take, what they were answered and what they said of it; and the admin plane."""
