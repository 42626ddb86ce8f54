"""How far the searches go: each is exhaustive within its bounds, and together they reach each bound.

Tests search `SMALL` and `QUICK`, full tests `LARGE` for `SMALL`; `DEEP` is what `make prove` adds: it takes long.
"""

from lead_store.domain.rules import BlankRule, MergeRule
from proof.protocol.world import (
    GUARD_ALONE,
    GUARDED,
    GUARDED_NO_HISTORY,
    HISTORY,
    STAMPED,
    WHOLE_SECONDS,
    Budget,
    Setup,
    Without,
)

THREE = (True, True)  # the platform and two CRMs
NEW, ONE_NEW, BOTH_NEW = (False,), (True, False), (False, False)
BLANKS = ("0", "1", "")
NO_HISTORY, SECONDS, ALONE = (GUARDED_NO_HISTORY,), (WHOLE_SECONDS,), (GUARD_ALONE,)
MIXED = (HISTORY, GUARDED_NO_HISTORY)

Scopes = dict[str, tuple[Setup, Budget]]

SMALL: Scopes = {
    "three edits, a lost or repeated event": (Setup(), Budget(edits=3, lose=1)),
    "two fields: three edits": (Setup(fields=2), Budget(edits=3)),
    "three sides, one worker: two edits": (Setup(THREE, workers=1), Budget(edits=2)),
    "three sides: an edit, a crash": (Setup(THREE), Budget(edits=1, crash=1)),
    "the CRM wins: two edits, a crash": (Setup(rule=MergeRule.CRM), Budget(edits=2, crash=1)),
    "a create, an edit, a crash": (Setup(NEW), Budget(edits=1, crash=1)),
    "three sides: an edit, a lost or repeated event": (Setup(THREE), Budget(edits=1, lose=1)),
    "no history: two edits, a crash": (Setup(kinds=NO_HISTORY), Budget(edits=2, crash=1)),
    "three sides: an edit, a stale reading": (Setup(THREE), Budget(edits=1, stale=1)),
    "three sides, two fields: an edit": (Setup(THREE, fields=2), Budget(edits=1)),
    "three sides, one without history: an edit, a lost event": (
        Setup(THREE, kinds=MIXED),
        Budget(edits=1, lose=1),
    ),
}

LARGE: Scopes = {
    "four edits, a lost or repeated event": (Setup(), Budget(edits=4, lose=1)),
    "two fields: four edits": (Setup(fields=2), Budget(edits=4)),
    "three sides, one worker: three edits": (Setup(THREE, workers=1), Budget(edits=3)),
    "three sides: two edits, a crash": (Setup(THREE), Budget(edits=2, crash=1)),
    "the CRM wins: three edits, a crash": (Setup(rule=MergeRule.CRM), Budget(edits=3, crash=1)),
    "a create, two edits, a crash": (Setup(NEW), Budget(edits=2, crash=1)),
    "three sides: two edits, a lost or repeated event": (Setup(THREE), Budget(edits=2, lose=1)),
    "no history: three edits, a crash": (Setup(kinds=NO_HISTORY), Budget(edits=3, crash=1)),
    "three edits, a crash": (Setup(), Budget(edits=3, crash=1)),
    "three sides: two edits, a stale reading": (Setup(THREE), Budget(edits=2, stale=1)),
    "three sides, two fields: two edits": (Setup(THREE, fields=2), Budget(edits=2)),
    "three sides: a create, an edit, a crash": (Setup(ONE_NEW), Budget(edits=1, crash=1)),
    "whole seconds: two edits, a crash, a stale reading": (Setup(kinds=SECONDS), Budget(edits=2, crash=1, stale=1)),
    "three sides, one without history, one worker: two edits, a lost event": (
        Setup(THREE, kinds=MIXED, workers=1),
        Budget(edits=2, lose=1),
    ),
}

QUICK: Scopes = {
    # two sides
    "two edits, two crashes": (Setup(), Budget(edits=2, crash=2)),
    "two edits, a crash, a stale reading, a lost event": (Setup(), Budget(edits=2, crash=1, stale=1, lose=1)),
    "two edits, a choice, a crash": (Setup(), Budget(edits=2, choose=1, crash=1)),
    "the platform wins: two edits, a crash": (Setup(rule=MergeRule.PLATFORM), Budget(edits=2, crash=1)),
    "the newest wins: three edits, a stale reading": (Setup(rule=MergeRule.NEWEST), Budget(edits=3, stale=1)),
    "values and blanks: three edits": (Setup(values=BLANKS, blank=BlankRule.CLEAR), Budget(edits=3)),
    "blanks follow: three edits": (Setup(values=BLANKS, blank=BlankRule.FOLLOW), Budget(edits=3)),
    "blanks follow: two edits, a crash": (Setup(values=BLANKS, blank=BlankRule.FOLLOW), Budget(edits=2, crash=1)),
    "a create, an edit, two crashes": (Setup(NEW), Budget(edits=1, crash=2)),
    "a create, an edit, a crash, a stale reading, a lost event": (Setup(NEW), Budget(1, crash=1, stale=1, lose=1)),
    # two fields
    "two fields: two edits, a crash, a lost event": (Setup(fields=2), Budget(edits=2, crash=1, lose=1)),
    # three sides
    "three sides: two creates, a crash": (Setup(BOTH_NEW), Budget(crash=1)),
    # CRMs that can do other things
    "history on demand: two edits, a crash": (Setup(on_demand=True), Budget(edits=2, crash=1)),
    "a stamp, history on demand: two edits, a crash": (
        Setup(kinds=(STAMPED,), on_demand=True),
        Budget(edits=2, crash=1),
    ),
    "guarded, the newest wins: three edits, a stale reading": (
        Setup(kinds=(GUARDED,), rule=MergeRule.NEWEST),
        Budget(edits=3, stale=1),
    ),
    "no history: two edits, two crashes": (Setup(kinds=NO_HISTORY), Budget(edits=2, crash=2)),
    "no history: two edits, a crash, a stale reading, a lost event": (
        Setup(kinds=NO_HISTORY),
        Budget(edits=2, crash=1, stale=1, lose=1),
    ),
    "no history: two edits, a choice, a crash": (Setup(kinds=NO_HISTORY), Budget(edits=2, choose=1, crash=1)),
    "no history, the newest wins: three edits, a stale reading": (
        Setup(kinds=NO_HISTORY, rule=MergeRule.NEWEST),
        Budget(edits=3, stale=1),
    ),
    "no history: a create, an edit, two crashes": (Setup(NEW, kinds=NO_HISTORY), Budget(edits=1, crash=2)),
    "no history, two fields: two edits, a crash, a lost event": (
        Setup(fields=2, kinds=NO_HISTORY),
        Budget(edits=2, crash=1, lose=1),
    ),
    "whole seconds: three edits": (Setup(kinds=SECONDS), Budget(edits=3)),
    "whole seconds: two edits, a stale reading, a lost event": (Setup(kinds=SECONDS), Budget(edits=2, stale=1, lose=1)),
    "whole seconds: a create, an edit, a crash": (Setup(NEW, kinds=SECONDS), Budget(edits=1, crash=1)),
    "a guard alone: two edits, a crash": (Setup(kinds=ALONE), Budget(edits=2, crash=1)),
    "a guard alone: a create, an edit, a crash": (Setup(NEW, kinds=ALONE), Budget(edits=1, crash=1)),
}

DEEP: Scopes = {
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
    # CRMs that can do other things
    "a stamp, history on demand: three edits, a crash": (
        Setup(kinds=(STAMPED,), on_demand=True),
        Budget(edits=3, crash=1),
    ),
    "a stamp and history: three edits, two crashes": (Setup(kinds=(STAMPED,)), Budget(edits=3, crash=2)),
    "guarded, the newest wins: three edits, a crash, a stale reading": (
        Setup(kinds=(GUARDED,), rule=MergeRule.NEWEST),
        Budget(edits=3, crash=1, stale=1),
    ),
    "no history: four edits, a crash": (Setup(kinds=NO_HISTORY), Budget(edits=4, crash=1)),
    "no history: three edits, two crashes": (Setup(kinds=NO_HISTORY), Budget(edits=3, crash=2)),
    "no history: a create, two edits, two crashes": (Setup(NEW, kinds=NO_HISTORY), Budget(edits=2, crash=2)),
    "no history, two fields: three edits, a crash": (Setup(fields=2, kinds=NO_HISTORY), Budget(edits=3, crash=1)),
    "whole seconds: three edits, a crash": (Setup(kinds=SECONDS), Budget(edits=3, crash=1)),
    "whole seconds: two edits, a crash, a stale reading, a lost event": (
        Setup(kinds=SECONDS),
        Budget(edits=2, crash=1, stale=1, lose=1),
    ),
    "whole seconds: a create, two edits, a crash": (Setup(NEW, kinds=SECONDS), Budget(edits=2, crash=1)),
    "a guard alone: three edits, two crashes": (Setup(kinds=ALONE), Budget(edits=3, crash=2)),
    "a guard alone: a create, two edits, a crash": (Setup(NEW, kinds=ALONE), Budget(edits=2, crash=1)),
    "three sides, one without history: two edits, a crash": (Setup(THREE, kinds=MIXED), Budget(edits=2, crash=1)),
    "three sides, one with a guard alone: two edits, a crash": (
        Setup(THREE, kinds=(HISTORY, GUARD_ALONE)),
        Budget(edits=2, crash=1),
    ),
}

REMOVALS: dict[str, tuple[Setup, Budget]] = {
    "base": (Setup(without=Without(base=True)), Budget(edits=1)),
    "pending": (Setup(without=Without(pending=True)), Budget(edits=2)),
    "fence": (Setup(without=Without(fence=True)), Budget(edits=3, crash=1)),
    "revision": (Setup(without=Without(revision=True)), Budget(edits=3)),
    "sweep": (Setup(without=Without(sweep=True)), Budget(edits=1, lose=1)),
    "seen": (Setup(without=Without(seen=True)), Budget(edits=2, stale=1)),
    "lag": (Setup(without=Without(lag=True)), Budget(edits=3, crash=1)),
    "read_first": (Setup(NEW, without=Without(read_first=True)), Budget(edits=1, crash=2)),
    "read_first and upsert": (Setup(NEW, without=Without(read_first=True, upsert=True)), Budget(edits=1, crash=2)),
    "others": (Setup(THREE, without=Without(others=True)), Budget(edits=1)),
    "guard": (Setup(kinds=NO_HISTORY, without=Without(guard=True)), Budget(edits=2)),
    "stale": (Setup(kinds=NO_HISTORY, without=Without(stale=True)), Budget(edits=3, stale=1)),
    "stamp": (Setup(kinds=NO_HISTORY, without=Without(stamp=True)), Budget(edits=2, crash=1)),
    "seconds": (Setup(kinds=SECONDS, without=Without(seconds=True)), Budget(edits=3)),
    "unread": (Setup(kinds=SECONDS, without=Without(unread=True)), Budget(edits=2, lose=1)),
    # A guard knows nothing of edits to the lead, so it does not make up for the lag.
    "lag before a guarded write": (Setup(kinds=NO_HISTORY, without=Without(lag=True)), Budget(edits=2, crash=1)),
    # Either of these would do alone.
    "never asked and answered": (
        Setup(kinds=NO_HISTORY, rule=MergeRule.NEWEST, without=Without(never_asked=True, answered=True)),
        Budget(edits=2),
    ),
}
