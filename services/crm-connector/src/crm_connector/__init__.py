"""crm-connector: owns integrations, and makes every call to a CRM."""
