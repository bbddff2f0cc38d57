"""What the system says about itself, for programs: a tenant's own on its host, all of it for us on the public one."""
