"""The only modules that know documents: one per collection, and the transaction that commits decisions."""
