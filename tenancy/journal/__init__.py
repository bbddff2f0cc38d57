"""The tenant's own journal."""
