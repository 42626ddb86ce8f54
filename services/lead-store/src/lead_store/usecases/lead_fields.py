"""Declaring the fields of a tenant's leads, and knowing their types wherever values are compared."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lead_store.domain.errors import NotFound, StaleEtag
from lead_store.domain.lead_fields import LeadField, TenantFields, check_custom
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session

FRESH_SECONDS = 2.0
MOST_TENANTS = 64  # whose fields are remembered; a tenant's options may take some megabytes


def nothing_to_apply(tenant_id: str, revision: int) -> None:
    """Stand in where no target depends on types."""


@dataclass(slots=True)
class LeadFields:
    """The use cases of LeadFieldService.

    `apply_types(tenant_id, revision)` has to make a changed type reach the tenant's targets: a base that was made under
    another type is not used, and the work items become due (R19). It is called after each put and removal, also when
    nothing has changed, because a caller repeats what broke off. So it has to compare, and may be called twice.
    """

    store: Store
    apply_types: Callable[[str, int], None] = nothing_to_apply
    steady: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _remembered: dict[str, tuple[TenantFields, float]] = field(default_factory=dict)

    def in_order(self, tenant_id: str) -> list[LeadField]:
        """Standard fields first, then those that the tenant declared, by name."""
        return self._read(tenant_id).in_order()

    def get(self, tenant_id: str, name: str) -> LeadField:
        """A field that is standard or declared. Raises NotFound."""
        found = self._read(tenant_id).get(name)
        if found is None:
            raise NotFound("lead_field_not_found", "no such field is declared in this tenant: its values are text")
        return found

    def put(self, tenant_id: str, declared: LeadField, etag: str = "") -> LeadField:
        """Store a declaration that `declare` has checked. One that is there already keeps its etag.

        Raises StaleEtag if `etag` is given and is not the field's, NotAllowed if a limit of the tenant is passed.
        """

        def change(before: TenantFields) -> TenantFields:
            known = before.declared.get(declared.name)
            if etag and (known is None or etag != str(known.revision)):
                raise StaleEtag("the field has changed since it was read: read it again and repeat")
            return before.with_field(declared)

        return self._change(tenant_id, change).declared[declared.name]

    def remove(self, tenant_id: str, name: str) -> None:
        """Forget a declaration: the field is text again, its values stay. Repeating it is harmless."""
        check_custom(name)
        self._change(tenant_id, lambda before: before.without(name))

    def of_tenant(self, tenant_id: str) -> TenantFields:
        """The fields of a tenant, for those who ask often.

        A change that this process made is seen at once, one of another process at most 2 s later.
        """
        with self._lock:
            fields, read_at = self._remembered.get(tenant_id, (None, 0.0))
        if fields is not None and self.steady() - read_at < FRESH_SECONDS:
            return fields
        return self._read(tenant_id)

    def _change(self, tenant_id: str, change: Callable[[TenantFields], TenantFields]) -> TenantFields:
        def work(session: Session) -> TenantFields:
            before = self.store.lead_fields.get(tenant_id, session)
            after = change(before)
            if after is not before and not self.store.lead_fields.replace(tenant_id, before, after, session):
                raise Contended
            return after

        after = self.store.transact(work, tries=10)
        self._read(tenant_id)  # a reading that began later than any that is under way
        self.apply_types(tenant_id, after.revision)
        return after

    def _read(self, tenant_id: str) -> TenantFields:
        """Read the fields, and remember them unless a reading that began later is remembered already."""
        read_at = self.steady()
        fields = self.store.lead_fields.get(tenant_id)
        with self._lock:
            known, known_at = self._remembered.pop(tenant_id, (fields, read_at))
            self._remembered[tenant_id] = (known, known_at) if known_at > read_at else (fields, read_at)
            if len(self._remembered) > MOST_TENANTS:
                del self._remembered[next(iter(self._remembered))]
        return fields
