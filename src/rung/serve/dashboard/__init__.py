"""The dashboard: pages at `/` of the admin plane, for whoever has its key."""
