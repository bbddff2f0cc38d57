"""How one signs in: our pages and allauth's steps for programs in a browser, a second factor, locks, mailed links.

allauth keeps what was given already (a password, a code) and asks for the next; who may come in at all is decided by
`tenancy.backends` and `tenancy.access`.
"""
