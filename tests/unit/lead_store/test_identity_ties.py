"""Which lead a record is, by what ties them: a link, the mark that we set, a merge, a lead that looked for it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from lead_store.domain.decision import Case
from lead_store.domain.fields import email_digest
from lead_store.domain.identity import Found, competing_leads, find_lead, holders, owned_keys
from lead_store.domain.lead import Lead, empty_lead
from lead_store.domain.link import Link
from lead_store.domain.match import CREATE_NEW, Candidate
from lead_store.domain.merge import Base
from lead_store.domain.observation import Observation, Present
from lead_store.domain.references import record_identities
from lead_store.domain.rules import Direction, MatchKey, Reading, Target
from lead_store.domain.work_item import Notes, WorkItem

T0 = datetime(2026, 1, 1, tzinfo=UTC)
TARGET = Target("i", "t", "hubspot", "1", Direction.BIDIRECTIONAL)
ADA = "ada@example.com"


def lead(name: str, *links: Link, email: str = ADA) -> Lead:
    """A lead with an e-mail and links."""
    return replace(empty_lead(name, "t", "jazzaam", T0).with_values({"email": email}, T0, "platform"), links=links)


def link(record_id: str, reason: str = "") -> Link:
    """A link of the integration, in use or detached for a reason."""
    return Link("i", "hubspot", "1", record_id, detached_reason=reason)


def earlier(record_id: str) -> Link:
    """A link of an earlier connection of the same account."""
    return replace(link(record_id), integration_id="before")


def gone(one: Lead) -> Lead:
    """The lead, deleted."""
    return replace(one, deleted_at=T0)


def case(
    email: str = "", absorbed: tuple[str, ...] = (), match_email: str = "", choice: str = "", **leads: Any
) -> Case:
    """A present reading of record 1, and leads around it."""
    present = Present("1", T0, {"email": Reading(email, email)}, merged_record_ids=absorbed, other_emails=("b@x.org",))
    work_item = WorkItem("i/record/1", "t", "i", "1", notes=Notes(match_email=match_email, choice=choice))
    seen = Observation(work_item.work_item_id, 1, present)
    around: dict[str, Any] = {"target": TARGET, **leads}
    return Case(work_item, seen, now=T0, platform="jazzaam", new_lead_id="", new_write_id="", **around)


def test_the_lead_that_is_linked_keeps_the_record() -> None:
    """Whoever else would match; the link may be one of an earlier connection of the same account."""
    own, other = lead("b", link("1")), lead("a")
    assert find_lead(case(ADA, lead=own, marked=other, similar=(other,))) == Found(own)
    former = lead("b", earlier("1"))
    assert find_lead(case(ADA, lead=former, similar=(other,))) == Found(former)
    moved_on = lead("b", link("9"), earlier("1"))
    assert find_lead(case(lead=moved_on)) == Found()


def test_a_deleted_lead_is_the_records_only_if_there_is_no_other() -> None:
    """A person who was deleted here is not imported again, but a new lead of that person is found."""
    deleted, other = gone(lead("a", link("1"))), lead("b")
    assert find_lead(case(lead=deleted)) == Found(deleted)
    assert find_lead(case(lead=gone(lead("a", link("9"))))) == Found()
    assert find_lead(case(ADA, lead=deleted, similar=(other,))) == Found(other, newly=True, by_key=True)
    two = (other, lead("c"))
    assert [one.lead_id for one in find_lead(case(ADA, lead=deleted, similar=two)).candidates] == ["b", "c"]
    assert find_lead(case(lead=deleted, choice=CREATE_NEW)) == Found(as_new=True)
    assert find_lead(case()) == Found()


def test_r15_of_the_leads_of_merged_records_the_marked_one_keeps_the_record() -> None:
    """Else the record's own, else the oldest; a lead whose own record was merged away has to be linked."""
    own, old, young = lead("c", link("1")), lead("a", link("8")), lead("b", link("9"))
    both = (young, old)
    assert holders(case(lead=own, merged=(own, *both))) == [own, young, old]
    assert holders(case(lead=lead("d"), merged=both)) == [young, old]
    assert find_lead(case(lead=own, merged=both, marked=young)) == Found(young, newly=True)
    assert find_lead(case(lead=own, merged=both)) == Found(own)
    assert find_lead(case(merged=both)) == Found(old, newly=True)
    assert find_lead(case(merged=(gone(old), young))) == Found(young, newly=True)
    assert find_lead(case(lead=own, merged=(own, *both), marked=lead("z"))) == Found(own)


def test_r15_of_the_leads_of_merged_records_the_primarys_keeps_a_record_with_a_new_id() -> None:
    """It is known by the e-mail that its record had; that of the lead may be another one by now. A mark goes first."""

    def had(record_id: str, email: str) -> Link:
        return replace(link(record_id), base={"email": Base(email, email)})

    old, primary = lead("a", had("8", "old@x.org")), lead("b", had("9", "Ada@Example.com"), email="new@x.org")
    both = (old, primary)
    assert find_lead(case(ADA, merged=both)) == Found(primary, newly=True)
    assert find_lead(case(ADA, merged=both, marked=old)) == Found(old, newly=True)
    assert find_lead(case(ADA, merged=(old, gone(primary)))) == Found(old, newly=True)
    blank = lead("b", had("9", ""))
    assert find_lead(case(merged=(old, blank))) == Found(old, newly=True)


def test_the_mark_names_the_lead() -> None:
    """A free lead is linked without asking; one that has another record, or had this one, is not mistaken."""
    free = lead("a")
    assert find_lead(case(marked=free)) == Found(free, newly=True)
    assert find_lead(case(ADA, marked=lead("a", link("9")))).candidates == (Candidate("a"),)  # by the mark alone
    detached = lead("a", link("9", "record_gone"))
    assert find_lead(case(marked=detached)) == Found(detached, newly=True)
    absorbed = lead("a", link("9"))
    assert find_lead(case(absorbed=("9",), marked=absorbed)) == Found(absorbed, newly=True)
    linked = lead("a", link("1"))
    assert find_lead(case(marked=linked)) == Found(linked)
    assert find_lead(case(marked=gone(free))) == Found()


def test_a_lead_that_found_the_record_by_its_email_gets_it() -> None:
    """As long as that e-mail is still its own; a deleted marked lead is no hindrance."""
    seeker, digest = lead("a"), email_digest({"email": ADA})
    by_key = Found(seeker, newly=True, by_key=True)
    assert find_lead(case(match_email=digest, finder=seeker)) == by_key
    assert find_lead(case(match_email=digest, finder=seeker, marked=gone(lead("b")))) == by_key
    assert find_lead(case(finder=seeker)) == by_key  # the CRM itself named the record
    assert find_lead(case(match_email=digest, finder=lead("a", email="new@x.org"))) == Found()
    changed = lead("a", email="new@x.org")
    assert find_lead(case(match_email=digest, finder=changed, marked=changed)) == Found(
        changed, newly=True, by_key=True
    )
    marked = lead("b", email="other@x.org")
    assert find_lead(case(match_email=digest, finder=seeker, marked=marked)) == Found(marked, newly=True)


def test_a_seeker_that_has_another_record_by_now_waits_for_a_person() -> None:
    """With what it has in common with the record, so that the person can judge."""
    seeker = lead("a", link("9"))
    waits = find_lead(case(ADA, match_email=email_digest(seeker.values), finder=seeker))
    assert waits.candidates == (Candidate("a", (MatchKey.EMAIL,)),)


def test_the_record_of_a_lead_that_was_merged_away_goes_to_its_heir() -> None:
    """Only if the record was that lead's; a lead that merely is the work item's hands nothing on."""
    survivor = lead("b")
    assert find_lead(case(lead=gone(lead("a", link("1"))), survivor=survivor)) == Found(survivor, newly=True)
    assert find_lead(case(lead=gone(lead("a", link("9"))), survivor=survivor)) == Found()
    assert find_lead(case(survivor=survivor)) == Found()
    waiting = lead("c")
    after_merge = case(lead=gone(lead("a", link("1"))), survivor=gone(survivor), finder=waiting)
    assert find_lead(after_merge) == Found(waiting, newly=True, by_key=True)


def test_a_record_that_a_lead_had_through_an_earlier_connection_is_still_its_own() -> None:
    """It goes before leads that share a key; a deleted one gives it to nobody else by a key."""
    had, shares = lead("b", earlier("1"), email="other@x.org"), lead("a")
    assert find_lead(case(ADA, similar=(shares, had))) == Found(had)
    assert find_lead(case(ADA, similar=(shares, gone(had)))) == Found()
    elsewhere = lead("b", earlier("1"), link("9"), email="other@x.org")
    assert [one.lead_id for one in find_lead(case(ADA, similar=(shares, elsewhere))).candidates] == ["b"]


def test_a_detached_match_is_linked_again_and_keys_import_nothing_one_way() -> None:
    """Where the CRM's changes may not flow in, a key makes no link."""
    one = lead("a", link("1", "record_gone"))
    assert find_lead(case(ADA, similar=(one,))) == Found(one)
    to_crm = replace(TARGET, direction=Direction.TO_CRM)
    assert find_lead(case(ADA, similar=(lead("a"),), target=to_crm)) == Found()
    assert find_lead(case("new@x.org", similar=(lead("a"),))) == Found()


@pytest.mark.parametrize(
    ("other", "competes"),
    [
        (lead("b"), True),
        (lead("b", email="other@x.org"), False),
        (lead("b", link("9")), False),
        (lead("b", link("9", "record_gone")), False),
        (gone(lead("b")), False),
        (lead("a"), False),
    ],
)
def test_a_lead_without_a_record_that_shares_the_email_competes(other: Lead, *, competes: bool) -> None:
    """One that lives, is another lead than the one that got the record, and has none itself."""
    assert competing_leads(case(ADA, similar=(other,)), lead("a")) == ([other] if competes else [])


@pytest.mark.parametrize(
    ("seeker", "competes"),
    [
        (lead("b", email="other@x.org"), True),
        (lead("b", link("9", "record_gone"), email="other@x.org"), True),
        (lead("b", link("9", "duplicate_lead")), False),
        (lead("b", link("9")), False),
        (gone(lead("b")), False),
        (lead("a"), False),
    ],
)
def test_a_lead_that_looked_for_the_record_competes(seeker: Lead, *, competes: bool) -> None:
    """Also when its e-mail is another one by now; not once it has a record or was set aside as a duplicate."""
    assert competing_leads(case(ADA, finder=seeker), lead("a")) == ([seeker] if competes else [])


def test_r13_a_duplicate_whose_own_work_item_led_here_is_a_rival_again() -> None:
    """A person pushed it: its e-mail led to the record, or the record has its mark. Else it is known as one already."""
    duplicate = lead("b", link("9", "duplicate_lead"))
    assert competing_leads(case(ADA, finder=duplicate, match_email="digest"), lead("a")) == [duplicate]
    assert competing_leads(case(ADA, finder=duplicate, marked=duplicate), lead("a")) == [duplicate]
    assert competing_leads(case(ADA, finder=duplicate, marked=lead("c")), lead("a")) == []
    assert competing_leads(case(ADA, similar=(duplicate,), marked=duplicate, match_email="digest"), lead("a")) == []


def test_r16_a_record_owns_all_that_others_could_find_it_by() -> None:
    """Its e-mail, its further addresses and what else the integration matches by."""
    assert owned_keys(case(ADA)) == record_identities({"email": ADA}, ("b@x.org",), TARGET)
    assert {ADA, "b@x.org"} <= owned_keys(case(ADA))
