"""Several touches of one work item, and touches that it need not be given."""

from collections.abc import Iterable
from dataclasses import replace

from lead_store.domain.work_item import WorkItem, WorkItemTouch


def joined(touches: Iterable[WorkItemTouch]) -> list[WorkItemTouch]:
    """One touch per work item, with everything that its touches say."""
    by_work_item: dict[str, WorkItemTouch] = {}
    for touch in touches:
        seen = by_work_item.get(touch.work_item_id)
        by_work_item[touch.work_item_id] = touch if seen is None else _both(touch, seen)
    return list(by_work_item.values())


def says_nothing_new(touch: WorkItemTouch, waiting: WorkItem) -> bool:
    """Whether a touch may be left out, since a work item that waits for its lease will do all that it asks for.

    That work item reads the record later, so it sees whatever the touch is about. It must be live work, though.
    """
    if waiting.failed_at is not None or waiting.run_id or waiting.swept:
        return False
    known = WorkItemTouch(
        touch.tenant_id,
        touch.integration_id,
        touch.record_id,
        created=waiting.notes.created,
        event_source=waiting.notes.event_source,
    )
    return touch in (known, replace(known, created=False))


def _both(touch: WorkItemTouch, seen: WorkItemTouch) -> WorkItemTouch:
    """What two touches of one work item say together. It is a run's, late or quiet only if both are."""
    finder = touch if touch.match_lead_id else seen  # a lead belongs to the e-mail that it found the record by
    return replace(
        touch,
        lead_id=touch.lead_id or seen.lead_id,
        created=touch.created or seen.created,
        deleted=touch.deleted or seen.deleted,
        erased=touch.erased or seen.erased,
        push=touch.push or seen.push,
        quiet=touch.quiet and seen.quiet,
        delay=min(touch.delay, seen.delay),
        run_id=touch.run_id and seen.run_id,
        match_lead_id=finder.match_lead_id,
        match_email=finder.match_email,
        event_source=touch.event_source or seen.event_source,
        choice=touch.choice or seen.choice,
        chooser=touch.chooser or seen.chooser,
    )
