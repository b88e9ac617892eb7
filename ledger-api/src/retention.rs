//! Every category of personal data this installation has: what for, on what ground, for how long, and what happens at the end.
//! Compliance E6, O5. One table: the timers of `housekeeping.rs` take their terms from here.

use chrono::TimeDelta;
use serde::Serialize;
use utoipa::ToSchema;

/// A category and its term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Category {
    /// Its name.
    pub(crate) category: &'static str,
    /// Where it lies.
    pub(crate) place: &'static str,
    /// What for.
    pub(crate) purpose: &'static str,
    /// On what ground.
    pub(crate) ground: &'static str,
    /// From when the term runs.
    pub(crate) starts: &'static str,
    /// How many days it lasts; none where something else than time ends it.
    pub(crate) days: Option<i64>,
    /// What happens at the end, and by what.
    pub(crate) at_end: &'static str,
}

/// The account: profile, consents to partners, words, codes of coupons.
const PROFILE: Category = Category {
    category: "profile",
    place: "vault.members, vault.member_fields, vault.registrations, vault.registration_fields, vault.partner_members, \
            vault.reasons, vault.coupon_codes, vault_keys.member_keys",
    purpose: "taking part in the programme",
    ground: "consent (art. 6 part 1 item 1), contract (item 5)",
    starts: "registration",
    days: None,
    at_end: "destroyed with the member's key when she is forgotten",
};
/// Confirming codes.
pub(crate) const CODES: Category = Category {
    category: "confirming_codes",
    place: "auth.otp_requests",
    purpose: "proving a phone",
    ground: "contract (art. 6 part 1 item 5)",
    starts: "the end of the code's life",
    days: Some(1),
    at_end: "deleted every hour",
};
/// Sign-ins.
pub(crate) const SESSIONS: Category = Category {
    category: "sessions",
    place: "auth.refresh_families, auth.refresh_tokens (members' and staff's)",
    purpose: "staying signed in",
    ground: "contract (art. 6 part 1 item 5)",
    starts: "the end of the newest token's life",
    days: Some(1),
    at_end: "deleted every hour; ended at once when she is forgotten",
};
/// Scanned QR codes.
pub(crate) const SCANS: Category = Category {
    category: "qr_scans",
    place: "auth.qr_used",
    purpose: "single use of a QR code",
    ground: "contract (art. 6 part 1 item 5)",
    starts: "the end of the code's life",
    days: Some(1),
    at_end: "deleted every hour",
};
/// Counters of the sending limits.
pub(crate) const LIMITS: Category = Category {
    category: "sending_limits",
    place: "auth.send_windows (keyed values of phones, logins and addresses)",
    purpose: "limits on messages and on tries to get in",
    ground: "legitimate interest (art. 6 part 1 item 7)",
    starts: "the window's beginning",
    days: Some(2),
    at_end: "deleted every hour",
};
/// Codes of coupons after their life.
pub(crate) const COUPON_CODES: Category = Category {
    category: "coupon_codes",
    place: "vault.coupon_codes",
    purpose: "using a coupon; repeating the answer that had the code",
    ground: "contract (art. 6 part 1 item 5)",
    starts: "the end of the code's life",
    days: Some(31),
    at_end: "deleted every hour; with the member when she is forgotten",
};
/// Extracts and acts.
pub(crate) const PAPERS: Category = Category {
    category: "destruction_papers",
    place: "vault.erasures, vault.erased_members (ids alone)",
    purpose: "showing that data were destroyed",
    ground: "order of Roskomnadzor 179 of 28.10.2022, item 8",
    starts: "the destruction",
    days: Some(3 * 366),
    at_end: "deleted every hour",
};
/// What the log holds of purchases and bonuses: about an id, of which nobody knows any more whose it was.
const ACCOUNTING: Category = Category {
    category: "accounting_records",
    place: "ledger.events, read models, ClickHouse: amounts, times, partner, keyed receipt number, member id",
    purpose: "accounts between partners, taxes",
    ground: "402-ФЗ art. 29, НК art. 23 part 1 item 8: five years",
    starts: "the end of the year",
    days: None,
    at_end: "stays: after the erasure it is about nobody",
};
/// That she consented, and to what.
const CONSENTS: Category = Category {
    category: "consent_evidence",
    place: "ledger.events: purpose, version, time, channel, number of the code request",
    purpose: "proving that the processing was lawful (art. 9 part 3)",
    ground: "law (art. 6 part 1 item 2)",
    starts: "the consent",
    days: None,
    at_end: "stays: after the erasure it is about nobody",
};
/// Who looked at what.
const ACCESS_LOG: Category = Category {
    category: "access_log",
    place: "vault.access_log: who, whose (an id), which fields, why; no values",
    purpose: "registration of every action (art. 19 part 2 item 8)",
    ground: "law (art. 6 part 1 item 2)",
    starts: "the action",
    days: None,
    at_end: "insert-only; after the erasure it is about nobody",
};

/// Messages of the `dev` profile.
const DEV_OUTBOX: Category = Category {
    category: "dev_messages",
    place: "auth.dev_outbox (the dev profile alone)",
    purpose: "development: it stands for the SMS",
    ground: "none needed: no person is in a dev installation",
    starts: "the message",
    days: None,
    at_end: "deleted when she is forgotten; production never writes any",
};
/// Staff of partners and of the programme.
const STAFF: Category = Category {
    category: "staff",
    place: "auth.staff, auth.staff_recovery_codes (logins and secrets, sealed)",
    purpose: "letting staff in",
    ground: "contract (art. 6 part 1 item 5)",
    starts: "the invitation",
    days: None,
    at_end: "an account is closed, not removed: the log and the security log name its id",
};
/// Keys of machines, with the names that they were given.
const API_KEYS: Category = Category {
    category: "api_keys",
    place: "auth.api_keys (a name that whoever asked for the key chose, and a hash)",
    purpose: "letting machines in",
    ground: "contract (art. 6 part 1 item 5)",
    starts: "the issue",
    days: None,
    at_end: "a key is revoked, not removed: the log names its id",
};
/// What waits for a second person.
const APPROVALS: Category = Category {
    category: "approvals",
    place: "auth.approvals (what was asked, sealed; why: vault.reasons, under her key)",
    purpose: "a second person decides on much",
    ground: "legitimate interest (art. 6 part 1 item 7)",
    starts: "the asking",
    days: None,
    at_end: "an admin's words about a member are destroyed when she is forgotten; who asked and who decided stays",
};
/// What partners wrote of chains and offers.
const WORDS: Category = Category {
    category: "partner_words",
    place: "vault.words (sealed)",
    purpose: "names and conditions of chains, offers and coupons",
    ground: "contract (art. 6 part 1 item 5)",
    starts: "the writing",
    days: None,
    at_end: "kept with what they are about; those that no request took up are deleted",
};
/// Sign-ins and codes that failed, changes of rights, approvals.
const SECURITY_LOG: Category = Category {
    category: "security_log",
    place: "auth.security_events: who, what, about whom (ids); no values",
    purpose: "finding attempts on the installation (art. 19 part 2)",
    ground: "law (art. 6 part 1 item 2)",
    starts: "the event",
    days: None,
    at_end: "insert-only; after the erasure it is about nobody",
};

const SUBJECT_REQUESTS: Category = Category {
    category: "subject_requests",
    place: "ledger.events, statuses.requests: what, which way, when, the answer; no words",
    purpose: "answering her demands in time, and proving it (arts. 14, 20, 21)",
    ground: "law (art. 6 part 1 item 2)",
    starts: "the demand",
    days: None,
    at_end: "insert-only; after the erasure it is about nobody",
};

/// All of them.
pub(crate) const CATEGORIES: [Category; 17] = [
    PROFILE,
    CODES,
    SESSIONS,
    SCANS,
    LIMITS,
    COUPON_CODES,
    DEV_OUTBOX,
    STAFF,
    API_KEYS,
    APPROVALS,
    WORDS,
    PAPERS,
    ACCOUNTING,
    CONSENTS,
    ACCESS_LOG,
    SECURITY_LOG,
    SUBJECT_REQUESTS,
];

impl Category {
    /// The term; of one that time does not end, nothing.
    pub(crate) fn term(&self) -> TimeDelta {
        TimeDelta::days(self.days.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e6_every_category_has_a_purpose_a_ground_and_an_end_and_stands_once() {
        for category in CATEGORIES {
            let texts = [category.place, category.purpose, category.ground, category.starts, category.at_end];
            assert!(texts.iter().all(|text| !text.is_empty()), "{}", category.category);
            let same = CATEGORIES.iter().filter(|other| other.category == category.category);
            assert_eq!(same.count(), 1, "{}", category.category);
            assert!(category.days.is_none_or(|days| days > 0), "{}", category.category);
        }
    }
}
