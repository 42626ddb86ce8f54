"""Streams of events that are pulled, on a CRM in memory."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from crm_connector.domain.capabilities import EventMode
from crm_connector.domain.changes import Changes
from crm_connector.domain.integration import Integration
from crm_connector.mongo.cursors import StreamPosition
from crm_connector.usecases.check import CheckState
from crm_connector.usecases.webhooks import WebhookState
from integration.connector.builders import TENANT
from integration.connector.conftest import Wire
from integration.connector.crms import kinds
from integration.connector.crms.provider import MemoryProvider
from integration.connector.crms.stream import Events
from integration.connector.lead_store_double import StoreDouble
from integration.connector.processes import wait_until
from integration.connector.rig import Parts
from lead_store_calls import LeadStore
from leadsync.inbox.v1 import inbox_service_pb2


@pytest.fixture
def provider() -> MemoryProvider:
    """A CRM whose events are pulled."""
    return kinds.streaming()


@pytest.fixture
def parts(wire: Wire, provider: MemoryProvider) -> Iterator[Parts]:
    """The use cases; all reads end with the test."""
    parts = wire(provider)
    yield parts
    parts.stop.set()
    parts.streams.close()


@pytest.fixture
def made(parts: Parts) -> Integration:
    """A connected account whose stream is read from now on."""
    return reading(parts)


def reading(parts: Parts) -> Integration:
    """Connect the account and read its stream."""
    made = parts.connect(provider="memory")
    parts.webhooks.enable(TENANT, made.integration_id)
    parts.streams.turn()
    wait_until(lambda: status(parts, made).connected)
    return parts.integrations.get(TENANT, made.integration_id)


def status(parts: Parts, made: Integration) -> WebhookState:
    """How changes reach the integration."""
    return parts.webhooks.status(TENANT, made.integration_id)


def position(parts: Parts, made: Integration) -> str:
    """Where the stream is read next."""
    found = parts.cursors.stream(made.integration_id)
    return found.position if found else ""


def turned(parts: Parts, readers: int) -> bool:
    """Whether so many streams are read after a turn."""
    parts.streams.turn()
    return len(parts.streams._readers) == readers


def stop_reading(parts: Parts) -> None:
    """End the reader, so that a test can read by itself."""
    parts.streams.close()
    wait_until(lambda: not any(reader.is_alive() for reader in parts.streams._readers.values()))


def test_events_go_into_the_inbox_and_then_the_position_moves(
    parts: Parts, made: Integration, provider: MemoryProvider, double: StoreDouble
) -> None:
    """A delivery holds the events as they were, what they touch, and the account."""
    record_id = provider.account.create({"name": "Ann"})
    wait_until(lambda: position(parts, made) == "1")

    (delivery,) = double.deliveries
    assert (delivery.provider, delivery.account_id) == ("memory", "acme")
    assert delivery.events == f'[{{"number":1,"id":"{record_id}"}}]'.encode()
    (touch,) = delivery.touches
    assert (touch.record_id, touch.kind) == (record_id, inbox_service_pb2.TOUCH_KIND_CREATED)
    state = status(parts, made)
    assert (state.mode, state.enabled, state.connected, state.url) == (EventMode.STREAM, True, True, "")


def test_nothing_is_lost_while_lead_store_is_away(
    parts: Parts, made: Integration, provider: MemoryProvider, double: StoreDouble
) -> None:
    """L10: the position stays until lead-store has answered that it keeps the events, each of them once."""
    double.unavailable = 3
    ids = [provider.account.create({"name": str(number)}) for number in range(5)]

    wait_until(lambda: position(parts, made) == "5")

    assert [touch.record_id for delivery in double.deliveries for touch in delivery.touches] == ids


def test_what_was_read_twice_is_kept_once(
    parts: Parts, made: Integration, provider: MemoryProvider, double: StoreDouble
) -> None:
    """L10: a process that died between the answer and the position reads the same part again."""
    stop_reading(parts)
    stream = Events(provider.account)
    before = StreamPosition(stream.topic, position(parts, made), made.created_at)
    provider.account.create({"name": "Ann"})

    for _ in range(2):
        parts.cursors.put_stream(made.integration_id, before)
        parts.streams.read(made, stream)

    assert len(double.deliveries) == 1


def test_a_gap_makes_a_sweep_due(
    parts: Parts, made: Integration, provider: MemoryProvider, double: StoreDouble
) -> None:
    """Events that the CRM no longer has are found by what they were about; later ones go on."""
    stop_reading(parts)
    for name in ("a", "b", "c"):
        provider.account.create({"name": name})
    provider.account.forgotten = 2

    parts.streams.read(made, Events(provider.account))

    assert parts.swept_soon == [made.integration_id]
    assert [delivery.event_count for delivery in double.deliveries] == [1]
    assert position(parts, made) == "3"


def test_another_topic_starts_again_and_makes_a_sweep_due(
    parts: Parts, made: Integration, provider: MemoryProvider
) -> None:
    """A position belongs to its topic: what happened between the two is found by the sweep."""
    stop_reading(parts)

    parts.streams.read(made, Events(provider.account, topic="/others"))

    assert parts.swept_soon == [made.integration_id]


def test_a_sweep_that_is_due_soon_comes_at_the_next_turn(parts: Parts, made: Integration) -> None:
    """Though its turn would come much later."""
    sweep = parts.sweep()
    assert sweep.turn(3_000.0) > 1
    sweep.soon(made.integration_id)

    sweep.turn(3_000.0)

    assert parts.cursors.swept_at(made.integration_id) is not None


def test_a_stream_that_fails_is_seen_and_read_again(parts: Parts, made: Integration, provider: MemoryProvider) -> None:
    """The status and the doctor say that it is not read; once it can be, it goes on where it was."""
    provider.account.stream_fails = True
    wait_until(lambda: not status(parts, made).connected)
    checks = {check.name: check for check in parts.doctor().check(TENANT, made.integration_id)}
    assert (checks["subscriptions"].state, parts.streams.disconnected()) == (CheckState.FAILED, 1)

    provider.account.create({"name": "Ann"})
    provider.account.stream_fails = False

    wait_until(lambda: position(parts, made) == "1")
    checks = {check.name: check for check in parts.doctor().check(TENANT, made.integration_id)}
    assert (checks["subscriptions"].state, parts.streams.disconnected()) == (CheckState.OK, 0)


def test_the_age_of_the_position_is_shown(parts: Parts, made: Integration) -> None:
    """A position that nobody stored for long means that no process reads the stream, though none has failed."""
    stop_reading(parts)
    at = parts.cursors.stream(made.integration_id)
    assert at is not None
    parts.cursors.put_stream(made.integration_id, replace(at, at=made.created_at.replace(year=2020)))

    state = status(parts, made)

    assert (state.connected, state.position_age_seconds > 86_400) == (False, True)


def test_only_one_process_reads_a_stream(
    parts: Parts, made: Integration, provider: MemoryProvider, double: StoreDouble
) -> None:
    """While another process works the integration, this one waits, and that is no failure."""
    double.busy = True
    double.refusals = 0
    wait_until(lambda: double.refusals >= 2)
    provider.account.create({"name": "Ann"})
    assert double.deliveries == []

    double.busy = False

    wait_until(lambda: len(double.deliveries) == 1)
    assert status(parts, made).connected


def test_a_stream_is_read_while_its_webhooks_are_enabled(parts: Parts, made: Integration) -> None:
    """Disabling, pausing and deleting end it; enabling begins it again."""
    key = (TENANT, made.integration_id)
    assert turned(parts, 1)

    parts.webhooks.disable(*key)
    wait_until(lambda: turned(parts, 0))
    assert not status(parts, made).connected
    parts.webhooks.enable(*key)
    assert turned(parts, 1)

    parts.integrations.update(*key, Changes(paused=True), "")
    wait_until(lambda: turned(parts, 0))
    parts.integrations.update(*key, Changes(paused=False), "")
    assert turned(parts, 1)

    parts.integrations.delete(*key)
    wait_until(lambda: turned(parts, 0))


def test_events_of_a_stream_become_leads(wire_real: Wire, inside: LeadStore, provider: MemoryProvider) -> None:
    """With a real lead-store: an event makes its record's work due, like a webhook."""
    parts = wire_real(provider)
    reading(parts)

    provider.account.create({"email": "ann@example.com", "name": "Ann"})
    wait_until(inside.work)
    stop_reading(parts)
    parts.work_off()

    (lead,) = inside.all_leads()
    assert (lead.email, lead.first_name) == ("ann@example.com", "Ann")
