"""What differs from CRM to CRM in webhooks: a folder for each CRM, and the registry that lists them."""
