"""The arms of leadsync: integrations, and every call to a CRM."""
