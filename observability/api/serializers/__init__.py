"""The shapes of the API, by subject."""
