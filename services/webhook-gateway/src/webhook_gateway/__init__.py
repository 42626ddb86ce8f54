"""webhook-gateway, the ear: keeps what CRMs say happened, and is the only HTTP door of leadsync."""
