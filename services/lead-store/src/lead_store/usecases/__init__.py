"""What lead-store does: leads, inbox, work, targets, status."""
