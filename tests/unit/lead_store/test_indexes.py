"""The table of indexes against the design: each collection can be sharded by its `_id`."""

from lead_store.mongo.indexes import INDEXES, WITHOUT_INDEXES

# Small ones, which stay on one shard. There a rule of uniqueness may be an index.
UNSHARDED = {
    "targets": "one document per integration; one integration per account is a unique index",
    "lead_fields": "one document per tenant",
    "processes": "one document per process",
    "keys": "one document",
    "data_version": "one document",
}


def test_every_collection_of_the_design_is_made_at_the_start() -> None:
    """A sharded cluster makes none in a transaction."""
    designed = {"targets", "leads", "deliveries", "work_items", "decisions", "identities", "tombstones"}
    assert designed <= {*INDEXES, *WITHOUT_INDEXES}
    assert not set(INDEXES) & set(WITHOUT_INDEXES)


def test_no_unique_index_stands_against_sharding() -> None:
    """A unique index of a sharded collection has to begin with the shard key, which is `_id`."""
    for name, models in INDEXES.items():
        for model in models:
            document = model.document
            assert not document.get("unique") or name in UNSHARDED or next(iter(document["key"])) == "_id", name
