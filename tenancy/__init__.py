"""Tenants, the people who work in them, and the three mechanisms: deadline, delivery, event."""
