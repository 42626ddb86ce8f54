"""What an administrator of HubSpot does to connect an account (HubSpot, "Private apps")."""

from webhook_gateway.providers.base import CredentialField, Setup, SetupStep

SCOPES = (
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
)


def setup(api_url: str) -> Setup:
    """Describe the way with a private app, which needs no other tool than a browser."""
    return Setup(
        summary="Contacts of HubSpot become leads, and leads become contacts.",
        steps=(
            SetupStep("In HubSpot, open Settings, then Integrations, then Private Apps, and create a private app."),
            SetupStep("On its tab Scopes, add these four:", SCOPES),
            SetupStep("On its tab Webhooks, set the target URL:", (f"{api_url}/api/v1/webhooks/hubspot",)),
            SetupStep("Create the app. Its tab Auth shows the access token: paste it here."),
        ),
        credential=(
            CredentialField(
                "accessToken", "Access token", "It begins with pat-. It is kept encrypted and never shown."
            ),
        ),
    )
