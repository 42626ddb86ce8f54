"""SyncService, made of the services that serve its calls."""

from typing import Any

from lead_store.rpc.conflict_service import ConflictService
from lead_store.rpc.match_service import MatchService
from lead_store.rpc.plan_service import PlanService
from lead_store.rpc.work_service import WorkService


class SyncService:
    """One service for the contract."""

    def __init__(self, *parts: WorkService | PlanService | ConflictService | MatchService) -> None:
        self.parts = parts

    def __getattr__(self, name: str) -> Any:
        """The call of this name, from the part that has it."""
        part = next((part for part in self.parts if hasattr(type(part), name)), None)
        if part is None:
            raise AttributeError(name)
        return getattr(part, name)
