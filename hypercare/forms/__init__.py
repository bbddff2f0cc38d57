"""What the verbs of the tenant's console ask for."""
