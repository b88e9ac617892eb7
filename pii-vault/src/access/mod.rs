//! Who did what to whose personal data, which fields, and why (compliance C1, P2). Never a value.
//!
//! Why it is right: entries are written in the transaction that reads or changes the data, before the answer leaves; so
//! there is no access without its entry. The table is insert-only by trigger and by grant. Reads of many rows write
//! their entries in the same statement. A sealer makes a chain of it afterwards ([`AccessSeal`]), so that the owner of the
//! database cannot change it unseen either.

mod log;
mod seal;

use chrono::{DateTime, Utc};
use ledger_core::ids::{BusinessId, MemberId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::cipher::Field;
use crate::error::VaultError;

pub use log::{AccessLog, AccessQuestion, AccessRecord};
pub use seal::{AccessCheck, AccessSeal, SEAL_BYTES};

/// Why personal data is touched. A closed list: what has no purpose has no business here (compliance C1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Making a member.
    Registration,
    /// Signing a member in by phone.
    SignIn,
    /// Finding the member of a purchase or a redemption.
    Attribution,
    /// The member's own profile.
    OwnProfile,
    /// Work of the programme's staff on a member's request.
    Support,
    /// A member's coupons.
    Coupons,
    /// Chains of cross-promotion.
    Chains,
    /// Offers.
    Offers,
    /// Making or keeping the `phone_hash` index of a partner she consented to.
    PartnerIndex,
    /// Forgetting a member.
    Erasure,
    /// Bringing vault and log into agreement after a crash.
    Recovery,
    /// Telling a member all that is known of her (152-ФЗ art. 14 part 7).
    SubjectAccess,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Registration,
        Self::SignIn,
        Self::Attribution,
        Self::OwnProfile,
        Self::Support,
        Self::Coupons,
        Self::Chains,
        Self::Offers,
        Self::PartnerIndex,
        Self::Erasure,
        Self::Recovery,
        Self::SubjectAccess,
    ];

    /// Name in the access log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::SignIn => "sign_in",
            Self::Attribution => "attribution",
            Self::OwnProfile => "own_profile",
            Self::Support => "support",
            Self::Coupons => "coupons",
            Self::Chains => "chains",
            Self::Offers => "offers",
            Self::PartnerIndex => "partner_index",
            Self::Erasure => "erasure",
            Self::Recovery => "recovery",
            Self::SubjectAccess => "subject_access",
        }
    }
}

/// On whose behalf personal data is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accessor {
    /// The member herself (or one who is about to register).
    Member(MemberId),
    /// Somebody who proved a phone by this code request and has no id yet.
    CodeHolder(Uuid),
    /// A partner's key.
    Business(BusinessId),
    /// One of a partner's staff, by her account's id.
    BusinessStaff(BusinessId, Uuid),
    /// An administrator's key, by its id.
    Admin(Uuid),
    /// A process of ours.
    System,
}

impl Accessor {
    /// What an accessor can be, as the access log names it.
    pub const KINDS: [&'static str; 5] = ["member", "code_holder", "business", "admin", "system"];

    /// One of [`Self::KINDS`].
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Member(_) => "member",
            Self::CodeHolder(_) => "code_holder",
            Self::Business(_) | Self::BusinessStaff(..) => "business",
            Self::Admin(_) => "admin",
            Self::System => "system",
        }
    }

    pub(crate) fn id(self) -> String {
        match self {
            Self::Member(id) => id.to_string(),
            Self::Business(id) | Self::BusinessStaff(id, _) => id.to_string(),
            Self::CodeHolder(id) | Self::Admin(id) => id.to_string(),
            Self::System => String::new(),
        }
    }

    /// Which of a business's staff it is.
    pub(crate) fn staff(self) -> Option<Uuid> {
        match self {
            Self::BusinessStaff(_, staff_id) => Some(staff_id),
            Self::Member(_) | Self::CodeHolder(_) | Self::Business(_) | Self::Admin(_) | Self::System => None,
        }
    }
}

/// One call's reason and origin; goes with every access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// On whose behalf.
    pub by: Accessor,
    /// Why.
    pub purpose: Purpose,
    /// The request it belongs to.
    pub request_id: Option<Uuid>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Somebody was looked for.
    LookUp,
    /// Something was read.
    Read,
    /// Something was written.
    Write,
    /// Something was removed.
    Delete,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::LookUp, Self::Read, Self::Write, Self::Delete];

    /// Name in the access log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LookUp => "look_up",
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Done,
    /// Nothing, or nobody, was there.
    NotFound,
    /// What is there cannot be read.
    Failed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Done, Self::NotFound, Self::Failed];

    /// Name in the access log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotFound => "not_found",
            Self::Failed => "failed",
        }
    }
}

/// Writes one entry per member (`None`: nobody was found) within the caller's transaction.
pub(crate) async fn record(
    connection: &mut PgConnection,
    access: &Access,
    action: Action,
    fields: &[Field],
    outcomes: &[(Option<MemberId>, Outcome)],
) -> Result<(), VaultError> {
    let members: Vec<Option<Uuid>> =
        outcomes.iter().map(|(member, _)| member.map(|id| id.as_uuid())).collect();
    let results: Vec<&str> = outcomes.iter().map(|(_, outcome)| outcome.as_str()).collect();
    let fields: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
    sqlx::query(
        "INSERT INTO vault.access_log
             (at, actor_kind, actor_id, staff_id, member_id, action, fields, purpose, result, request_id)
         SELECT $1, $2, $3, $4, one.member_id, $5, $6, $7, one.result, $8
         FROM UNNEST($9::uuid[], $10::text[]) AS one (member_id, result)",
    )
    .bind(access.at)
    .bind(access.by.kind())
    .bind(access.by.id())
    .bind(access.by.staff())
    .bind(action.as_str())
    .bind(fields)
    .bind(access.purpose.as_str())
    .bind(access.request_id)
    .bind(members)
    .bind(results)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_touches_data_is_of_a_known_kind() {
        let id = Uuid::nil();
        let business = BusinessId::from_uuid(id);
        let all = [
            Accessor::Member(MemberId::from_uuid(id)),
            Accessor::CodeHolder(id),
            Accessor::Business(business),
            Accessor::BusinessStaff(business, id),
            Accessor::Admin(id),
            Accessor::System,
        ];
        let mut kinds: Vec<&str> = all.iter().map(|accessor| accessor.kind()).collect();
        kinds.dedup();
        assert_eq!(kinds, Accessor::KINDS);
    }
}
