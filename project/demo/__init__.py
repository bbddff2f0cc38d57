"""The demo: three tenants, their people and three weeks of history, and what starts and shows them."""
