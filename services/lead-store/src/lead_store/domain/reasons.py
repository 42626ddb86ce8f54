"""Why work waits or has failed: a closed list of reasons, each with its cause and what people can do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What a reason means; `remedy` is empty where nothing has to be done."""

    cause: str
    remedy: str = ""


_CREDENTIAL = "Give the integration a new credential."
_SERVICES = "Nothing, unless it lasts: then the services' logs say more."
_CORRECT = "Correct the value on either side; other fields of the record flow meanwhile where the CRM names the field."
# Reasons that lie in the credential, so that a new one is worth another try at once.
OF_CREDENTIAL = ("crm_auth_failed", "crm_auth_expired", "credential_unreadable", "missing_scopes", "read_refused")
UNLISTED = Advice("A reason that this version does not know.", "See the troubleshooting guide of the newest version.")

ADVICE = {
    # Waiting: the work goes on by itself.
    "pair_busy": Advice("A write on the same lead and record is under way."),
    "stale_reading": Advice("The CRM answered with an older state than it had shown before; the record is read again."),
    "just_modified": Advice("The record was changed a moment ago; it is read again before it is written."),
    "write_stale": Advice("The record was changed before a write reached it; it is read again."),
    "deletion_grace": Advice("The record is gone, and the grace period is not over."),
    "field_paused": Advice(
        "Both sides keep replacing each other's value of a field; only that field is paused.",
        "See who the other writer is with `leadsync why`; a push of the lead ends the pause.",
    ),
    "contended": Advice("Others changed the same lead first."),
    "lease_too_short": Advice("Too little time was left to send a write."),
    "not_sent": Advice("A write did not reach the CRM."),
    "rate_limited": Advice("The CRM's quota is used up for the moment."),
    "daily_limit": Advice("The CRM's quota of the day is used up.", "Wait for midnight there, or buy a larger quota."),
    "daily_reserve": Advice(
        "What is left of the CRM's quota of the day is kept for live work.", "Wait for midnight there."
    ),
    "crm_unavailable": Advice("The CRM cannot be reached."),
    "crm_timeout": Advice("The CRM did not answer in time."),
    "crm_error": Advice("The CRM answered with an error of its own."),
    "crm_locked": Advice("The CRM has locked the record for a moment."),
    "crm_migrating": Advice("The CRM is moving the account to another data centre."),
    "crm_answer_unreadable": Advice("The CRM's answer is not what it documents.", _SERVICES),
    "crm_answer_too_large": Advice("The CRM's answer is too large to be read.", "Shorten the record's longest values."),
    "store_unavailable": Advice("The database or lead-store did not answer."),
    "disk_full": Advice("The disk of the database is nearly full.", "Make room on it; then the work goes on."),
    "paused": Advice("The integration is paused.", "Resume it when the work is to go on."),
    "integration_busy": Advice("Another process works the integration."),
    "integration_not_found": Advice("The integration has been disconnected."),
    "undecided": Advice("The record kept changing while it was read.", _SERVICES),
    "connector_error": Advice("An unexpected error; it is tried again for a day.", _SERVICES),
    "record_found": Advice("The CRM named the record that has the lead's e-mail; the work goes on there."),
    "record_merged": Advice("The record was merged into another one; the work goes on there."),
    # Decided on purpose. Seen on work that has become due again since.
    "originated_on_platform": Advice("The platform made the record."),
    "direction": Advice("The integration's direction does not let it flow."),
    "no_name": Advice("Nothing in it names a person."),
    "lead_deleted": Advice("The lead was deleted on the platform."),
    "lead_converted": Advice("The lead became something else on the platform; its record stays."),
    "lead_merged": Advice("The lead was merged into another one."),
    "duplicate_lead": Advice(
        "The lead was merged into one that has another record.",
        "Merge the records in the CRM; `leadsync duplicates` lists them.",
    ),
    "deletion_ignored": Advice("Deletions in the CRM are ignored, by the integration's policy."),
    "record_gone": Advice("The record is gone."),
    "record_archived": Advice("The record is in the CRM's archive."),
    "erased": Advice("The person's data was erased for privacy."),
    # Needs a person who looks at the account.
    "crm_auth_failed": Advice("The CRM does not accept the credential.", _CREDENTIAL),
    "crm_auth_expired": Advice("The credential has expired.", _CREDENTIAL),
    "credential_unreadable": Advice(
        "The stored credential was sealed with a key that is not configured.",
        "Put the old key second in LEADSYNC_SECRET_KEY, or give a new credential.",
    ),
    "missing_scopes": Advice("The credential may not do this.", "Add the scopes to the app and authorise it again."),
    "read_refused": Advice("The CRM refuses to show the record.", "Check the app's scopes and the user's rights."),
    # Failed: needs a person who looks at the record.
    "ambiguous_match": Advice(
        "Several leads match the record, or several records the lead, or the only match is linked elsewhere, or all "
        "that both have in common is a mailbox such as info@, which several people may use.",
        "See `leadsync matches`, and pick the lead that it belongs to; merge records in the CRM.",
    ),
    "record_missing": Advice(
        "The record was not found twice, though nothing said that it was deleted.",
        "Look in the CRM; delete the lead, or redrive the work if the record is there.",
    ),
    "delete_cap": Advice(
        "More deletions in an hour than the cap allows.", "If they are wanted, redrive the work: that is the consent."
    ),
    "clear_cap": Advice(
        "More leads lose the value of a field in an hour than the cap of deletions allows.",
        "If the field was cleared on purpose, redrive the work: that is the consent.",
    ),
    "invalid_value": Advice("The CRM refuses a value.", _CORRECT),
    "invalid_email": Advice("The CRM does not take the e-mail address.", _CORRECT),
    "invalid_option": Advice("The value is none of the property's options.", _CORRECT),
    "property_missing": Advice("The CRM has no such property.", "Create it there, or map another one."),
    "write_ignored": Advice(
        "The CRM took the write and kept the value that it had.",
        "Set the value in the CRM, or let the field flow from the CRM only.",
    ),
    "read_only": Advice("The property cannot be written.", "Map another one, or let the field flow from the CRM only."),
    "crm_refused": Advice("The CRM refuses the write as a whole.", "Look at the record in the CRM, then redrive it."),
    "conflict": Advice("Another record holds a value that must be unique.", "Change the value on either side."),
    "email_taken": Advice(
        "Another record has the e-mail; only the e-mail waits.",
        "Change it on either side, or push the lead once the other record has given it up. To swap the e-mails of two"
        " leads, set one of them to a third e-mail, push the other lead, and then set the first one again.",
    ),
    "cannot_be_stored": Advice(
        "The record cannot be kept, for instance since it is too large.",
        "Shorten the values; lead-store's log says what kind of error it was.",
    ),
    "crash_loop": Advice(
        "Each time that the record was worked on, the process ended.",
        "Report it with the services' logs; redrive the record after an update.",
    ),
}


def advice(reason: str) -> Advice:
    """What a reason means. Empty for no reason."""
    if not reason:
        return Advice("")
    if reason.startswith("lead_store_"):  # followed by the gRPC status that lead-store gave the connector
        return Advice("lead-store refuses the connector's call.", "Update the services together.")
    return ADVICE.get(reason, UNLISTED)
