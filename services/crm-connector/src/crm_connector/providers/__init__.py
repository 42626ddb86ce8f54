"""One folder for each CRM, and the registry that lists them."""
