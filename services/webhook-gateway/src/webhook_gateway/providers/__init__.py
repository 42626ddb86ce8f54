"""What differs from CRM to CRM at the webhook door: how a request is proved and what its events say."""
