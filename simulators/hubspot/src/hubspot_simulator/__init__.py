"""A simulator of HubSpot's CRM API and webhook sender, everything in memory.

`core` holds the state and the rules, without any I/O; `http` is the thin edge; `sender` posts the deliveries.
"""
