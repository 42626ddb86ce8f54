"""What became of our writes, by what a CRM can show: a stamp, versions, modified-at, or only the value (R2, R3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lead_store.domain.landing import ignored_fields, judge_pending, look_for_overwritten, needs_history, settle
from lead_store.domain.link import LastWrite, Link, Overwritten, Pending, Refusal, WriteKind
from lead_store.domain.merge import Base
from lead_store.domain.observation import Present
from lead_store.domain.rules import Capabilities, Direction, FieldRule, Reading, Target, Version
from lead_store.domain.values import FieldType

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE = {"phone": Base("1", "1")}
HISTORY, BARE = Capabilities(), Capabilities(history=False)
STAMP, GUARDED = replace(BARE, write_stamp=True), Capabilities(guarded_writes=True)


def at(seconds: float) -> datetime:
    """A moment."""
    return T0 + timedelta(seconds=seconds)


def target(capabilities: Capabilities) -> Target:
    """An integration whose CRM can do this."""
    rules = {"company": FieldRule(), "phone": FieldRule(kind=FieldType.PHONE)}
    return Target("i", "t", "crm", "account", Direction.BIDIRECTIONAL, rules, capabilities=capabilities)


def pending(kind: WriteKind = WriteKind.UPDATE, value: str = "2") -> Pending:
    """A write of the phone, planned on the record of second 10."""
    basis = at(10) if kind is WriteKind.UPDATE else None
    return Pending("w", kind, "work", 1, at(60), {"phone": value}, basis, planned_at=at(10))


def record(phone: str, modified: float = 20, versions: tuple[Version, ...] | None = None, stamp: str = "") -> Present:
    """A record that holds this phone; with versions its history was read."""
    present = Present("1", at(modified), {"phone": Reading(phone, phone, versions or ())}, landed_write_id=stamp)
    return replace(present, with_history=True, history_of=frozenset({"phone"})) if versions is not None else present


def version(value: str, seconds: float, *, ours: bool = False) -> Version:
    """One version of the phone."""
    return Version(value, value, at(seconds), ours, "CRM_UI" if not ours else "")


def judged(
    seen: Present, can: Capabilities, write: Pending | None = None, *, marked: bool = False, link: Link | None = None
) -> tuple[Base | None, bool]:
    """The base of the phone after a reading, and whether nothing shows if the write landed."""
    write = write or pending()
    link = replace(link or Link("i", "crm", record_id="1", base=BEFORE), pending=write)
    after, unproven = judge_pending(link, write, seen, target(can), marked=marked)
    assert after.pending is None
    return after.base.get("phone"), "phone" in unproven


NOT_SENT = BEFORE["phone"], False


@pytest.mark.parametrize(("phone", "landed"), [("2", True), ("9", True), ("2", False), ("1", False)])
def test_r2_the_stamp_says_whether_a_write_landed_whoever_edited_since(phone: str, *, landed: bool) -> None:
    """It is asked first: neither the value nor modified-at counts where the record holds the id of our last write."""
    seen = record(phone, 10, stamp="w" if landed else "an older one")
    assert judged(seen, STAMP) == ((Base("2", "2"), False) if landed else NOT_SENT)


def test_r2_the_crms_spelling_of_a_stamped_write_is_taken_where_it_shows() -> None:
    """A value that was edited since is not the spelling of ours."""
    assert judged(record("(2)", stamp="w"), STAMP) == (Base("2", "(2)"), False)


def test_r2_an_older_version_of_ours_is_not_the_spelling_of_a_stamped_write() -> None:
    """It is the one that the write was planned on."""
    seen = record("9", versions=(version("0", 5, ours=True),), stamp="w")
    assert judged(seen, Capabilities(write_stamp=True)) == (Base("2", "2"), False)


def test_r2_a_stamp_that_the_crm_does_not_keep_says_nothing() -> None:
    """A CRM without stamps is judged by the value, whatever the field of the stamp holds."""
    assert judged(record("1", 10, stamp="w"), BARE) == NOT_SENT


def test_r2_versions_decide_for_the_fields_that_have_them() -> None:
    """A version of ours after the reading that the write was planned on is the write; an older one is not."""
    landed = (version("9", 15), version("2.", 12, ours=True), version("1", 0))
    assert judged(record("9", versions=landed), HISTORY) == (Base("2", "2."), False)
    assert judged(record("2", versions=(version("2", 12), version("1", 9, ours=True))), HISTORY) == NOT_SENT
    assert judged(record("2", versions=()), HISTORY) == NOT_SENT


def test_r2_a_record_that_was_not_modified_since_was_not_written() -> None:
    """Its modified-at is still the one that the write was planned on."""
    assert judged(record("2", 10), BARE) == NOT_SENT


def test_r2_a_record_that_holds_what_we_sent_was_written() -> None:
    """Two spellings of the value are equal (R10)."""
    assert judged(record("(2)"), BARE) == (Base("2", "(2)"), False)


def test_r2_where_nothing_shows_it_a_person_has_to_be_asked() -> None:
    """The record was modified, and holds neither the old value nor ours."""
    assert judged(record("9"), BARE) == (BEFORE["phone"], True)
    no_reading = replace(record("9"), readings={})
    assert judged(no_reading, BARE) == (BEFORE["phone"], True)


def test_r2_a_field_that_has_no_versions_is_judged_as_in_a_crm_without_history() -> None:
    """History was asked for, and there is none of this field: the question ends."""
    without = replace(record("2"), with_history=True)
    assert judged(without, HISTORY) == (Base("2", "2"), False)


def test_r2_each_field_is_judged_alone() -> None:
    """One that nothing shows does not keep the next one from being judged."""
    write = replace(pending(), values={"company": "ours", "phone": "2"})
    seen = replace(record("2"), readings={"phone": Reading("2", "2")})
    link, unproven = judge_pending(Link("i", "crm", pending=write), write, seen, target(BARE), marked=False)
    assert (dict(link.base), set(unproven)) == ({"phone": Base("2", "2")}, {"company"})


def test_r2_a_version_at_the_time_of_the_reading_is_not_the_write() -> None:
    """The write was planned on it."""
    assert judged(record("1", versions=(version("1", 10, ours=True),)), HISTORY) == NOT_SENT


@pytest.mark.parametrize(("seconds", "landed"), [(-49, True), (-50, False)])
def test_r6_a_create_is_found_by_its_version_though_clocks_are_apart(seconds: float, *, landed: bool) -> None:
    """The CRM's clock may be a minute behind. A record that the lead had before was not made by the create."""
    create, seen = pending(WriteKind.CREATE), record("2", versions=(version("2", seconds, ours=True),))
    link = Link("i", "crm", record_id="1")
    assert judged(seen, HISTORY, create, link=link)[0] == (Base("2", "2") if landed else None)
    assert judged(seen, HISTORY, create, link=replace(link, former_record_ids=("1",)))[0] is None


@pytest.mark.parametrize(("marked", "former", "landed"), [(True, (), True), (True, ("1",), False), (False, (), False)])
def test_r6_a_create_landed_if_the_record_carries_our_mark(marked: bool, former: tuple[str, ...], landed: bool) -> None:
    """A record that the lead had before is older than the create."""
    link = Link("i", "crm", record_id="1", former_record_ids=former)
    expected = (Base("2", "2"), False) if landed else (None, False)
    assert judged(record("9"), BARE, pending(WriteKind.CREATE), marked=marked, link=link) == expected


def test_history_is_asked_for_only_where_it_could_answer() -> None:
    """A CRM without history is never asked, and an answer "there is none" ends the question."""
    left_over, written = Link("i", "crm", pending=pending()), Link("i", "crm", last_write=LastWrite(at(10), ("phone",)))
    for link in (left_over, written):
        assert needs_history(link, record("1"), target(HISTORY))
        assert not needs_history(link, record("1"), target(BARE))
        assert not needs_history(link, replace(record("1"), with_history=True), target(HISTORY))
    assert not needs_history(left_over, record("1"), target(replace(HISTORY, write_stamp=True)))
    assert needs_history(written, record("1"), target(replace(HISTORY, write_stamp=True)))
    assert not needs_history(Link("i", "crm"), record("1"), target(HISTORY))


@pytest.mark.parametrize(("can", "checks"), [(HISTORY, True), (BARE, False), (GUARDED, False)])
def test_r3_only_an_unguarded_write_may_have_replaced_something_unseen(can: Capabilities, *, checks: bool) -> None:
    """It is looked for where versions can show it."""
    link = settle(Link("i", "crm", record_id="1"), pending(), {}, at(11), target(can))
    assert link.base == {"phone": Base("2", "2")}
    assert link.last_write == (LastWrite(at(10), ("phone",)) if checks else None)
    seen = record("2", versions=(version("2", 11, ours=True),))
    again, _ = judge_pending(Link("i", "crm", pending=pending()), pending(), seen, target(can), marked=False)
    assert again.last_write == (LastWrite(at(10), ("phone",)) if checks else None)


def test_r3_a_write_that_was_never_sent_replaced_nothing() -> None:
    """What an earlier write may have replaced is still to be looked for."""
    earlier = LastWrite(at(1), ("phone",))
    for last in (None, earlier):
        link = Link("i", "crm", record_id="1", pending=pending(), last_write=last)
        after, _ = judge_pending(link, pending(), record("1", versions=()), target(HISTORY), marked=False)
        assert after.last_write == last


def test_r7_a_settled_write_becomes_the_base_as_each_side_spells_it() -> None:
    """The CRM's spelling is its answer, or what was sent. What had been refused before is refused no more."""
    refused = {"phone": Refusal("2", "invalid_value"), "company": Refusal("x", "invalid_value")}
    link = Link("i", "crm", record_id="1", base=BEFORE, pending=pending(), refused=refused, seen=at(10))
    answered = settle(link, pending(), {"phone": Reading("(2)", "(2)")}, at(12), target(HISTORY))
    assert (answered.base, answered.pending, answered.seen) == ({"phone": Base("2", "(2)")}, None, at(12))
    assert answered.refused == {"company": refused["company"]}
    assert settle(link, pending(), {}, None, target(HISTORY)).base == {"phone": Base("2", "2")}


def found(*versions: Version, fields: tuple[str, ...] = ("phone",)) -> dict[str, Overwritten]:
    """What the write of second 13, planned on the reading of second 10, has replaced unseen."""
    link = Link("i", "crm", last_write=LastWrite(at(10), fields))
    after = look_for_overwritten(link, {"phone": Reading("2", "2", versions)}, target(HISTORY))
    assert after.last_write is None
    return dict(after.overwritten)


OURS, READ = version("2", 13, ours=True), version("1", 5)


def test_r3_a_value_between_our_reading_and_our_write_is_found() -> None:
    """By whom and when is shown, also where nothing was there before."""
    lost = {"phone": Overwritten("9", at(12), "CRM_UI")}
    assert found(OURS, version("9", 12), READ) == lost
    assert found(OURS, version("9", 12)) == lost
    assert found(OURS, version("9", 12), READ, fields=("company", "phone")) == lost


@pytest.mark.parametrize(
    "versions",
    [
        (),
        (OURS, READ),
        (OURS, version("(1)", 12), READ),
        (OURS, version("(2)", 12), READ),
        (OURS, version("(1)", 12), version("1", 10)),
        (OURS, version("9", 10), READ),
        (OURS, version("9", 10), version("8", 10), READ),
        (OURS, version("9", 13), READ),
        (OURS, version("8", 12, ours=True), READ),
        (version("9", 12), version("2", 10, ours=True), READ),
    ],
)
def test_r3_what_was_seen_or_written_is_no_loss(versions: tuple[Version, ...]) -> None:
    """Without versions, in another spelling, as old as the reading, as new as the write, or ours."""
    assert found(*versions) == {}


@pytest.mark.parametrize(
    ("kind", "before", "answered", "ignored"),
    [
        (WriteKind.UPDATE, "1", "1", True),
        (WriteKind.UPDATE, "(1)", "1", True),  # another spelling of the old value
        (WriteKind.UPDATE, "1", "2", False),
        (WriteKind.UPDATE, "1", "(2)", False),  # another spelling of what was sent
        (WriteKind.UPDATE, "1", "3", False),  # what the CRM makes of the value that was sent
        (WriteKind.UPDATE, "(2)", "(2)", False),  # what was sent is another spelling of the old value
        (WriteKind.UPDATE, "", "", True),
        (WriteKind.CREATE, None, "", True),  # a new record held nothing before
        (WriteKind.CREATE, None, "2", False),
        (WriteKind.UPDATE, None, "1", False),  # written by an older version, which did not note what it replaced
        (WriteKind.UPDATE, "1", None, False),  # the answer omits it
    ],
)
def test_r21_an_answer_equal_to_the_value_before_the_write_is_a_refusal(
    kind: WriteKind, before: str | None, answered: str | None, ignored: bool
) -> None:
    """The CRM has taken the write and kept its value; values are compared by type."""
    write = replace(pending(kind), replaces={} if before is None else {"phone": before})
    answer = {} if answered is None else {"phone": Reading(answered, answered)}

    assert ignored_fields(write, answer, target(HISTORY)) == (("phone",) if ignored else ())
