"""Fuzzing: whatever text a stranger or a CRM sends, each reader of it keeps its promises."""
