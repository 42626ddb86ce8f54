"""The nouns that HTTP shows and takes, as plain data: attributes are spelt as in the contracts, JSON in camelCase.

Times are UTC, written in RFC 3339. A blank value is null on the way out, never an empty string; on the way in both mean
"clear it". The descriptions of these types are those of `/openapi.json`.
"""
