"""The API as its schema says it is: schemathesis against the running server."""
