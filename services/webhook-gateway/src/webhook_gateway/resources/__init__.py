"""What the HTTP API offers: one file per noun, with its JSON, its calls and its operations.

In JSON names are in camelCase; attributes are spelt as in the contracts. Times are UTC, written in RFC 3339. A blank
value is null in answers, never an empty text; in requests both clear a field. Docstrings of these types and operations
are the descriptions in `/openapi.json`.
"""
