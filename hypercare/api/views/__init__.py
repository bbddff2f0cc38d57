"""Declarations: which verb each address is, who may ask, what goes in and out. Times are taken here."""
