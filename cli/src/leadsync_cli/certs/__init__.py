"""Certificates by which the services know each other: a CA and a leaf for each of them."""

SERVICES = ("lead-store", "crm-connector", "webhook-gateway", "platform", "mongo")
FILES = {"CERT": "tls.crt", "KEY": "tls.key", "CA": "ca.crt"}  # of a service, by the end of the variable's name
