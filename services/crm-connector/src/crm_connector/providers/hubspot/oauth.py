"""OAuth tokens, and which account a credential belongs to."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from crm_connector.crm import Tokens
from crm_connector.domain.errors import (
    AuthFailedError,
    CrmError,
    CrmRejectedError,
    InvalidError,
    MissingScopesError,
    PreconditionError,
)
from crm_connector.domain.integration import Account, Credential, CredentialKind
from crm_connector.providers.hubspot.client import Answer, HubSpotClient
from crm_connector.providers.hubspot.errors import error_of
from crm_connector.providers.hubspot.paths import Paths
from crm_connector.providers.hubspot.transport import Transport
from crm_connector.providers.hubspot.wire import AccountDetails, OAuthInfo, OAuthTokens, TokenInfo

READ_CONTACTS, WRITE_CONTACTS = "crm.objects.contacts.read", "crm.objects.contacts.write"
READ_PROPERTIES = "crm.schemas.contacts.read"
# What a token needs: connecting and the doctor look at it.
SCOPES = (READ_CONTACTS, WRITE_CONTACTS, READ_PROPERTIES, "crm.schemas.contacts.write")


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """Our app at HubSpot: it exchanges codes and refresh tokens."""

    transport: Transport
    paths: Paths
    client_id: str
    client_secret: str = field(repr=False)

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """Turn the code of a redirect into tokens."""
        return self._token({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri})

    def authenticate(self, credential: Credential) -> Tokens:
        """Give the access token of a credential; HubSpot may hand out another refresh token with a new one."""
        match credential.kind:
            case CredentialKind.ACCESS_TOKEN:
                return Tokens(credential.secrets["access_token"])
            case CredentialKind.OAUTH:
                token = credential.secrets["refresh_token"]
                return self._token({"grant_type": "refresh_token", "refresh_token": token})
            case _:
                message = "HubSpot takes an access token, a refresh token or an authorization code."
                raise InvalidError("credential_not_supported", message, field=credential.kind.value)

    def _token(self, grant: dict[str, str]) -> Tokens:
        """Ask the token endpoint.

        Raises:
            AuthFailedError: if HubSpot refuses the code, the token or our secret.
            PreconditionError: `oauth_not_configured`.

        """
        if not (self.client_id and self.client_secret):
            message = "Set HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET to connect accounts by OAuth."
            raise PreconditionError("oauth_not_configured", message)
        form = grant | {"client_id": self.client_id, "client_secret": self.client_secret}
        status, body, headers = self.transport.send("POST", self.paths.token(), form=form)
        if status >= 300:
            error = error_of(status, body, headers)
            raise _refused() if isinstance(error, CrmRejectedError) else error
        tokens = Answer(status, body).as_(OAuthTokens)
        return Tokens(tokens.access_token, tokens.refresh_token, tokens.expires_in)


def missing_scopes(granted: Sequence[str], *, writes: bool) -> tuple[str, ...]:
    """Give the scopes that are missing; none if HubSpot does not say which there are.

    A token that may read contacts may read their properties (HubSpot's public API specs). Without `writes` it need not
    be allowed to write.
    """
    not_needed = {READ_PROPERTIES} if READ_CONTACTS in granted else set()
    not_needed |= set() if writes else {WRITE_CONTACTS}
    return tuple(scope for scope in SCOPES if scope not in {*granted, *not_needed}) if granted else ()


def read_account(client: HubSpotClient, kind: CredentialKind, token: str, *, writes: bool) -> Account:
    """Ask HubSpot which account this token belongs to.

    Raises:
        AuthFailedError: if it belongs to none.

    """
    try:
        if kind is CredentialKind.OAUTH:
            info = client.call("GET", f"/oauth/v1/access-tokens/{quote(token, safe='')}").as_(OAuthInfo)
            hub_id, app_id, scopes = info.hub_id, info.app_id, info.scopes
        else:
            path = "/oauth/v2/private-apps/get/access-token-info"
            private = client.call("POST", path, json={"tokenKey": token}).as_(TokenInfo)
            hub_id, app_id, scopes = private.hub_id, private.app_id, private.scopes
    except (CrmRejectedError, MissingScopesError):
        raise _refused() from None
    return Account(str(hub_id), str(app_id or ""), missing_scopes(scopes, writes=writes), _time_zone(client))


def _time_zone(client: HubSpotClient) -> str:
    """Read the time zone of the account. It only serves to guess when the next day, and its quota, begins."""
    deadline = time.monotonic() + 5.0
    try:
        return client.call("GET", "/account-info/v3/details", send_by=deadline).as_(AccountDetails).time_zone
    except CrmError:
        return "UTC"


def _refused() -> AuthFailedError:
    return AuthFailedError("crm_auth_failed", "HubSpot refuses this credential. Make a new one and set it.")
