"""When certificates end, as Prometheus asks each service."""

import urllib.request
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import certificates
import crm_connector.metrics
import crm_connector.tls
import pytest
import webhook_gateway.metrics
import webhook_gateway.tls
from cryptography import x509
from integration.tls.conftest import Served
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

ENDS = "leadsync_tls_certificate_ends_timestamp_seconds"


def end_in(text: bytes) -> float:
    """The end that the metrics of a service show."""
    families = text_string_to_metric_families(text.decode())
    (value,) = [family.samples[0].value for family in families if family.name == ENDS]
    return value


def end_of(folder: Path, service: str) -> float:
    """The end of the certificate in a service's folder."""
    read = x509.load_pem_x509_certificate((folder / service / "tls.crt").read_bytes())
    return read.not_valid_after_utc.timestamp()


def test_lead_store_shows_the_end_of_its_certificate(served: Served) -> None:
    """Beside its other metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{served.metrics_port}/metrics", timeout=60) as answer:
        assert end_in(answer.read()) == end_of(served.folder, "lead-store")


def of_connector(tls: Any) -> Callable[[], bytes]:
    """What renders the metrics of crm-connector."""
    metrics = crm_connector.metrics.Metrics()
    metrics.watch_certificate(tls)
    return lambda: generate_latest(metrics.registry)


def of_gateway(tls: Any) -> Callable[[], bytes]:
    """What renders the metrics of webhook-gateway."""
    metrics = webhook_gateway.metrics.Metrics()
    metrics.watch_certificate(tls)
    return metrics.text


@pytest.mark.parametrize(
    ("service", "tls", "rendered"),
    [
        ("crm-connector", crm_connector.tls, of_connector),
        ("webhook-gateway", webhook_gateway.tls, of_gateway),
    ],
)
def test_the_end_moves_with_a_renewal(service: str, tls: Any, rendered: Any, tmp_path: Path) -> None:
    """Nobody has to call the service meanwhile: asking for the metrics is enough."""
    folder, faults = certificates.make(tmp_path, service), list[str]()
    files = tls.read_tls(certificates.variables(folder, service), service, faults)
    text = rendered(tls.Renewed(files, count(step=tls.LOOK_SECONDS).__next__))
    first = end_of(folder, service)
    assert end_in(text()) == first

    certificates.make_last(folder, service, days=200)

    assert end_in(text()) == end_of(folder, service) > first
