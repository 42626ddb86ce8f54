"""How far the searches go: each is exhaustive within its bounds, and together they reach each bound.

`QUICK` belongs to the tests; `DEEP` is what `make prove` adds, which takes long.
"""

from lead_store.domain.rules import BlankRule, MergeRule
from proof.protocol.world import Budget, Setup, Without

THREE = (True, True)  # the platform and two CRMs
NEW, ONE_NEW, BOTH_NEW = (False,), (True, False), (False, False)
BLANKS = ("0", "1", "")

QUICK: dict[str, tuple[Setup, Budget]] = {
    # two sides
    "four edits, a lost or repeated event": (Setup(), Budget(edits=4, lose=1)),
    "three edits, a crash": (Setup(), Budget(edits=3, crash=1)),
    "two edits, two crashes": (Setup(), Budget(edits=2, crash=2)),
    "two edits, a crash, a stale reading, a lost event": (Setup(), Budget(edits=2, crash=1, stale=1, lose=1)),
    "two edits, a choice, a crash": (Setup(), Budget(edits=2, choose=1, crash=1)),
    "the CRM wins: three edits, a crash": (Setup(rule=MergeRule.CRM), Budget(edits=3, crash=1)),
    "the platform wins: two edits, a crash": (Setup(rule=MergeRule.PLATFORM), Budget(edits=2, crash=1)),
    "the newest wins: three edits, a stale reading": (Setup(rule=MergeRule.NEWEST), Budget(edits=3, stale=1)),
    "values and blanks: three edits": (Setup(values=BLANKS, blank=BlankRule.CLEAR), Budget(edits=3)),
    "a create, two edits, a crash": (Setup(NEW), Budget(edits=2, crash=1)),
    "a create, an edit, two crashes": (Setup(NEW), Budget(edits=1, crash=2)),
    "a create, an edit, a crash, a stale reading, a lost event": (Setup(NEW), Budget(1, crash=1, stale=1, lose=1)),
    # two fields
    "two fields: four edits": (Setup(fields=2), Budget(edits=4)),
    "two fields: two edits, a crash, a lost event": (Setup(fields=2), Budget(edits=2, crash=1, lose=1)),
    # three sides
    "three sides, one worker: three edits": (Setup(THREE, workers=1), Budget(edits=3)),
    "three sides: two edits, a crash": (Setup(THREE), Budget(edits=2, crash=1)),
    "three sides: two edits, a lost or repeated event": (Setup(THREE), Budget(edits=2, lose=1)),
    "three sides: two edits, a stale reading": (Setup(THREE), Budget(edits=2, stale=1)),
    "three sides, two fields: two edits": (Setup(THREE, fields=2), Budget(edits=2)),
    "three sides: a create, an edit, a crash": (Setup(ONE_NEW), Budget(edits=1, crash=1)),
    "three sides: two creates, a crash": (Setup(BOTH_NEW), Budget(crash=1)),
}

DEEP: dict[str, tuple[Setup, Budget]] = {
    "four edits, a crash": (Setup(), Budget(edits=4, crash=1)),
    "three edits, two crashes": (Setup(), Budget(edits=3, crash=2)),
    "three edits, a crash, a stale reading": (Setup(), Budget(edits=3, crash=1, stale=1)),
    "three edits, a choice, a crash": (Setup(), Budget(edits=3, choose=1, crash=1)),
    "the platform wins: three edits, a crash": (Setup(rule=MergeRule.PLATFORM), Budget(edits=3, crash=1)),
    "the CRM wins: four edits, a crash": (Setup(rule=MergeRule.CRM), Budget(edits=4, crash=1)),
    "the newest wins: three edits, a crash": (Setup(rule=MergeRule.NEWEST), Budget(edits=3, crash=1)),
    "values and blanks: four edits, a crash": (
        Setup(values=BLANKS, blank=BlankRule.CLEAR),
        Budget(edits=4, crash=1),
    ),
    "a create, three edits, a crash": (Setup(NEW), Budget(edits=3, crash=1)),
    "a create, two edits, two crashes": (Setup(NEW), Budget(edits=2, crash=2)),
    "a create, two edits, a crash, a stale reading, a lost event": (Setup(NEW), Budget(2, crash=1, stale=1, lose=1)),
    "two fields: three edits, a crash": (Setup(fields=2), Budget(edits=3, crash=1)),
    "two fields: four edits, a lost or repeated event": (Setup(fields=2), Budget(edits=4, lose=1)),
    "three sides: two edits, a stale reading, a lost event": (Setup(THREE), Budget(edits=2, stale=1, lose=1)),
    "three sides, the CRM wins: three edits": (Setup(THREE, rule=MergeRule.CRM), Budget(edits=3)),
    "three sides, two fields: three edits": (Setup(THREE, fields=2), Budget(edits=3)),
    "three sides: three edits": (Setup(THREE), Budget(edits=3)),
    "three sides: three edits, a crash": (Setup(THREE), Budget(edits=3, crash=1)),
    "three sides: a create, two edits, a crash": (Setup(ONE_NEW), Budget(edits=2, crash=1)),
    "three sides: two creates, an edit, a crash": (Setup(BOTH_NEW), Budget(edits=1, crash=1)),
    "three sides, one worker: four edits": (Setup(THREE, workers=1), Budget(edits=4)),
}

REMOVALS: list[tuple[Setup, Budget]] = [
    (Setup(without=Without(base=True)), Budget(edits=1)),
    (Setup(without=Without(pending=True)), Budget(edits=2)),
    (Setup(without=Without(fence=True)), Budget(edits=3, crash=1)),
    (Setup(without=Without(revision=True)), Budget(edits=3)),
    (Setup(without=Without(sweep=True)), Budget(edits=1, lose=1)),
    (Setup(without=Without(seen=True)), Budget(edits=2, stale=1)),
    (Setup(without=Without(lag=True)), Budget(edits=3, crash=1)),
    (Setup(NEW, without=Without(read_first=True)), Budget(edits=1, crash=2)),
    (Setup(NEW, without=Without(read_first=True, upsert=True)), Budget(edits=1, crash=2)),
    (Setup(THREE, without=Without(others=True)), Budget(edits=1)),
]
