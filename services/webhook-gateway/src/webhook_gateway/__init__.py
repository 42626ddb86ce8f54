"""webhook-gateway: keeps the webhooks of CRMs, and serves the HTTP API of leadsync."""
