"""The alert rules name metrics that exist, and chapters of the runbook that are there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml
from crm_connector.metrics import Metrics as ConnectorMetrics
from lead_store.metrics import GAUGES
from lead_store.tls import ENDS_METRIC
from webhook_gateway.metrics import Metrics as GatewayMetrics

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
RUNBOOK = ROOT / "docs" / "runbook.md"


def _rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        yield from cast("list[dict[str, Any]]", group["rules"])


def _exposed() -> set[str]:
    connector = ConnectorMetrics()
    connector.watch(lambda: (0, 0.0))
    connector.watch_loops([], lambda _: 0.0)
    names = {name for name, _ in (*GAUGES.values(), ENDS_METRIC)}
    for registry in (connector.registry, GatewayMetrics().registry):
        for family in registry.collect():
            suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
            names |= {family.name + suffix for suffix in suffixes}
    return names


def test_alerts_ask_for_metrics_that_exist() -> None:
    """No alert sleeps for ever since a metric was renamed."""
    asked = {name for rule in _rules() for name in re.findall(r"leadsync_[a-z_]+", rule["expr"])}
    assert asked
    assert asked - _exposed() == set()


def test_each_alert_has_a_chapter_in_the_runbook() -> None:
    """Whoever is paged finds what to do."""
    headings = re.findall(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    for rule in _rules():
        path, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (path, anchor in anchors) == ("docs/runbook.md", True), rule["alert"]
