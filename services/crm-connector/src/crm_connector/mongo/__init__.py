"""Where integrations, subscriptions and cursors are kept; documents never leave this folder."""
