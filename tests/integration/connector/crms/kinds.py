"""Three kinds of CRMs that HubSpot is not."""

from datetime import timedelta

from crm_connector.bootstrap import now
from crm_connector.domain.capabilities import Capabilities, EventMode
from integration.connector.crms.account import Account
from integration.connector.crms.provider import MemoryProvider


def without_history(late_landing: float = 10.0) -> MemoryProvider:
    """A CRM of which nobody can say what a property was before, found by sweeps alone."""
    can = Capabilities(
        objects=("record",),
        events=EventMode.SWEEP,
        history=False,
        guarded_writes=False,
        write_stamp=False,
        erasure_events=False,
        overlap=120.0,
        unread_within=2.0,
        late_landing=late_landing,
    )
    return MemoryProvider(can)


def guarded() -> MemoryProvider:
    """A CRM that refuses a write to a newer record, and keeps the id of our last write in the record."""
    can = Capabilities(
        objects=("record",),
        events=EventMode.WEBHOOK,
        history=False,
        guarded_writes=True,
        write_stamp=True,
        erasure_events=False,
        overlap=300.0,
        unread_within=2.0,
        late_landing=600.0,
    )
    # No write is planned on a reading of what was modified a moment ago, so its clock is behind ours.
    return MemoryProvider(can, Account(lambda: now() - timedelta(seconds=10)))


def streaming() -> MemoryProvider:
    """A CRM whose events are pulled."""
    can = Capabilities(
        objects=("record",),
        events=EventMode.STREAM,
        history=True,
        guarded_writes=False,
        write_stamp=False,
        erasure_events=True,
        overlap=60.0,
        unread_within=0.0,
        late_landing=10.0,
    )
    return MemoryProvider(can)
