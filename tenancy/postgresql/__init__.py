"""django_tenants' database backend, which knows when the search path is right already."""
