"""What a version answers with, beside weights, in the forms of others: prompts, indexes, tools, linear models."""
