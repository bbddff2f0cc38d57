"""What schemathesis cannot know: which rows there are. It loads this module (`hooks` in its configuration).

Of the ids in an address most are replaced by one that is there; ids of what a request made join those there are, so
that any request may work on what any other made, in every phase. Members do not join, and no other
id stands for one: the caller's own is left out, who would see nothing any more once taken off the project.
"""

import json
import os
import random
from pathlib import Path
from typing import Any

import schemathesis

REAL = 0.9  # share of the ids that are
_MADE = {
    "programs": "program",
    "incidents": "incident",
    "change-requests": "change",
    "policies": "policy",
    "calendars": "calendar",
}
_ids: dict[str, list[str]] = json.loads(Path(os.environ["FUZZ_IDS"]).read_text())
_chance = random.Random(1)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Name rows that are there, in the address and as its program."""
    for name in case.path_parameters or {}:
        if name in _ids and (name == "member" or _chance.random() < REAL):
            case.path_parameters[name] = _chance.choice(_ids[name])
    if case.headers and _chance.random() < REAL:
        case.headers.pop("Idempotency-Key", None)  # mostly the same short one, and then nothing is done
    if isinstance(case.query, dict) and "program" in case.query and _chance.random() < REAL:
        del case.query["program"]
    if isinstance(case.body, dict) and "program_id" in case.body and _chance.random() < REAL:
        case.body["program_id"] = _ids["program"][0]


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember what was made."""
    kind = _MADE.get(case.path.rsplit("/", 1)[-1])
    if kind and response.status_code == 201 and case.method == "POST":
        made = response.json()
        if isinstance(made, dict) and "id" in made:
            _ids[kind] = [*_ids[kind][-30:], str(made["id"])]
