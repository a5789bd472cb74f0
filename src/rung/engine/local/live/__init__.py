"""One batch for all who ask of a model: questions of many threads join it and leave it, tenants take turns."""
