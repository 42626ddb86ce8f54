"""What becomes of links when leads end: properties that hold for any two leads."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from lead_store.domain.ending import end, fewer_links, merge
from lead_store.domain.lead import EndReason, Lead, empty_lead
from lead_store.domain.lead_fields import TenantFields
from lead_store.domain.link import Link, Pending, WriteKind
from lead_store.domain.merge import Base
from lead_store.domain.rules import Deletions, Direction, RecordPolicy, Target
from lead_store.domain.values import same

T0 = datetime(2026, 1, 1, tzinfo=UTC)
BIN = Deletions(record_policy=RecordPolicy.ARCHIVE)
INTEGRATIONS = "abc"
VALUES = st.dictionaries(st.sampled_from(["email", "phone", "company"]), st.sampled_from(["", "1", "2"]))
REASONS = st.sampled_from(["", "", "record_archived", "integration_removed", "duplicate_lead"])


@st.composite
def links(draw: st.DrawFn, lead: str) -> tuple[Link, ...]:
    """Up to one link per integration: being created, in use, or detached, perhaps with a write under way."""
    made = []
    for name in draw(st.sets(st.sampled_from(INTEGRATIONS))):
        reason, creating = draw(REASONS), draw(st.booleans())
        kind = WriteKind.CREATE if creating else WriteKind.UPDATE
        pending = Pending("w", kind, "work_item", 1, T0, draw(VALUES)) if creating or draw(st.booleans()) else None
        base = {field: Base(value, value) for field, value in draw(VALUES).items()}
        record = "" if creating else f"{lead}-{name}"
        duplicate = "z" if reason == "duplicate_lead" else ""
        made.append(
            Link(
                name,
                "hubspot",
                record_id=record,
                base=base,
                pending=pending,
                detached_reason=reason,
                duplicate_of=duplicate,
            )
        )
    return tuple(made)


@st.composite
def leads(draw: st.DrawFn, lead_id: str) -> Lead:
    """A lead with some values and links."""
    lead = empty_lead(lead_id, "tenant", "jazzaam", T0).with_values(draw(VALUES), T0, "platform")
    for link in draw(links(lead_id)):
        lead = lead.with_link(link)
    return lead


def in_use(lead: Lead) -> dict[str, str]:
    """The records that a lead's links are in use with."""
    return {link.integration_id: link.record_id for link in lead.links if link.attached}


@given(leads("loser"), leads("survivor"))
def test_l8_after_a_merge_every_record_in_use_is_the_survivors(loser: Lead, survivor: Lead) -> None:
    """The survivor keeps its own records and takes those that it has none of; the loser has none in use (L2, L8)."""
    gone, after = merge(loser, survivor, T0, TenantFields())
    assert in_use(gone) == {}
    assert in_use(after).items() >= in_use(survivor).items()
    assert in_use(after).keys() <= in_use(loser).keys() | in_use(survivor).keys()
    kept = {link.record_id for link in (*gone.links, *after.links)} | set(gone.record_ids) | set(after.record_ids)
    assert kept >= {*loser.record_ids, *survivor.record_ids}
    assert (gone.end_reason, gone.merged_into, after.values) == (EndReason.MERGED, "survivor", survivor.values)
    less = fewer_links([loser, survivor], [gone, after])
    assert len(in_use(loser)) + len(in_use(survivor)) - len(in_use(after)) == sum(less.values())


@given(leads("loser"), leads("survivor"))
def test_r7_a_base_is_inherited_only_where_the_survivor_has_the_value(loser: Lead, survivor: Lead) -> None:
    """No link that was taken over says that the survivor agreed on a value which it does not have."""
    _, after = merge(loser, survivor, T0, TenantFields())
    for link in after.links:
        if link != survivor.link(link.integration_id):
            assert all(
                same(TenantFields().type_of(n), survivor.values.get(n, ""), base.platform)
                for n, base in link.base.items()
            )
            assert link.pending is None or link.pending.inherited


@given(
    lead=leads("lead"),
    reason=st.sampled_from(list(EndReason)),
    bins=st.sets(st.sampled_from(INTEGRATIONS)),
    to_crm=st.booleans(),
)
def test_only_a_deletion_leaves_links_in_use_and_only_for_the_archive(
    lead: Lead, reason: EndReason, bins: set[str], *, to_crm: bool
) -> None:
    """Whatever else a lead ends by, all its links are detached; earlier reasons stay as they were."""
    direction = Direction.BIDIRECTIONAL if to_crm else Direction.FROM_CRM
    targets = [
        Target(name, "tenant", "hubspot", name, direction, deletions=BIN if name in bins else Deletions())
        for name in INTEGRATIONS
    ]
    after = end(lead, reason, targets, T0)
    waiting = {link.integration_id for link in after.links if not link.detached_reason}
    assert waiting <= (bins if to_crm and reason is EndReason.DELETED else set())
    for before, link in zip(lead.links, after.links, strict=True):
        assert not before.detached_reason or link == before
        assert link.record_id == before.record_id


def test_a_link_of_an_earlier_connection_is_not_handed_over_to_a_lead_that_has_another_record_there() -> None:
    """Where the survivor has a record in use in the account, the loser's former one stays with the loser."""
    former = Link("a", "hubspot", "1", record_id="7", detached_reason="integration_removed")
    loser = empty_lead("loser", "tenant", "jazzaam", T0).with_link(former)
    survivor = empty_lead("survivor", "tenant", "jazzaam", T0).with_link(Link("b", "hubspot", "1", record_id="8"))
    gone, after = merge(loser, survivor, T0, TenantFields())
    assert (gone.links, after) == ((former,), survivor)
    elsewhere = survivor.with_link(Link("b", "hubspot", "2", record_id="8"))
    assert merge(loser, elsewhere, T0, TenantFields())[1].link("a") is not None
