"""How dates and times are written where the console shows them raw: as everywhere else in the product."""
