"""What a person has to do about errors that only HubSpot has: reason → advice."""

FIXES = {
    "daily_limit": "Wait until midnight in the HubSpot account's time zone, or raise its API limit.",
    "oauth_not_configured": "Set HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET and restart crm-connector.",
    "developer_key_refused": "Set HUBSPOT_DEVELOPER_API_KEY to the key of the developer account that owns the app.",
}
