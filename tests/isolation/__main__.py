"""`python -m tests.isolation`: the walk in its long form, every combination, nothing thinned out.

Wants servers as the suite does: put `python -m project.embedded --root .data/test --volatile --` before it. Ends as
pytest does.
"""

import os
import sys

import pytest

os.environ["ISOLATION_WHOLE"] = "1"
sys.exit(
    pytest.main(["tests/isolation", "-n", "0", "-p", "no:cacheprovider", "--timeout", "0", *sys.argv[1:]])
)
