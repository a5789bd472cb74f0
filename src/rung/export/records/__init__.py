"""What the registry knows of a version, told in the forms of others: model card, bill of materials, statements, MLflow."""
