"""Certificates by which the services know each other: a CA and a leaf for each of them."""
