"""What lies ahead: what a climb would take, what more labels would bring, when a dearer rung pays for itself."""
