//! Who calls: credentials are verified from memory, without a round trip.
//!
//! `keys.rs` holds all live API keys and follows their changes, `tokens.rs` signs and checks members' tokens. What a
//! role may do is the table in `operations/table.rs`.

mod keys;
mod tokens;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use ledger_core::ids::{BusinessId, MemberId};
use ledger_core::log::{Actor, ActorKind};
use pii_vault::access::Accessor;
use uuid::Uuid;

pub(crate) use keys::KeyRing;
pub(crate) use tokens::{TokenKeys, Tokens};

use crate::app::App;
use crate::problem::ApiError;

/// What a credential acts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// A member, on her own account.
    Member,
    /// A business's machine.
    Business,
    /// A business's staff.
    BusinessStaff,
    /// The programme's staff.
    Admin,
    /// May also change rights.
    Superadmin,
    /// Reads the proof.
    Auditor,
}

/// Somebody whose credential is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    /// As what.
    pub(crate) role: Role,
    /// The key's or the member's id.
    pub(crate) credential: Uuid,
    /// The business of a machine or its staff.
    pub(crate) business: Option<BusinessId>,
    /// The session that a token is of; none for a key.
    pub(crate) session: Option<Uuid>,
}

impl Caller {
    /// Whose credential it is: the scope of an idempotency key (design L4). All keys of a business have one owner, so a
    /// retry may come with a new key; a member is her own, and so is each admin's key.
    pub(crate) fn owner(&self) -> Uuid {
        self.business.map_or(self.credential, |business| business.as_uuid())
    }

    /// The actor on the log. Design L5.
    pub(crate) fn actor(&self) -> Actor {
        let kind = match self.role {
            Role::Member => ActorKind::Member,
            Role::Business | Role::BusinessStaff => ActorKind::Business,
            Role::Admin | Role::Superadmin | Role::Auditor => ActorKind::Admin,
        };
        Actor { kind, id: self.credential }
    }

    /// The actor in the vault's access log.
    pub(crate) fn accessor(&self) -> Accessor {
        match (self.role, self.business) {
            (Role::Member, _) => Accessor::Member(MemberId::from_uuid(self.credential)),
            (Role::Business | Role::BusinessStaff, Some(business)) => Accessor::Business(business),
            _ => Accessor::Admin(self.credential),
        }
    }

    /// True for the programme's own staff.
    pub(crate) fn is_admin(&self) -> bool {
        matches!(self.role, Role::Admin | Role::Superadmin)
    }
}

/// The longest credential that is looked at.
const CREDENTIAL_BYTES_MAX: usize = 4_096;

/// The caller of a request; one answer for every kind of bad credential.
pub(crate) fn authenticate(app: &App, http: &HttpRequest) -> Result<Caller, ApiError> {
    let mut headers = http.headers().get_all(AUTHORIZATION);
    let (Some(value), None) = (headers.next(), headers.next()) else { return Err(ApiError::Unauthenticated) };
    let text = value.to_str().map_err(|_| ApiError::Unauthenticated)?;
    if text.len() > CREDENTIAL_BYTES_MAX {
        return Err(ApiError::Unauthenticated);
    }
    let (scheme, credential) = text.split_once(' ').ok_or(ApiError::Unauthenticated)?;
    let caller = if scheme.eq_ignore_ascii_case("ApiKey") {
        app.keys.caller(credential)
    } else if scheme.eq_ignore_ascii_case("Bearer") {
        app.tokens.caller(credential, app.clock.now())
    } else {
        None
    };
    caller.ok_or(ApiError::Unauthenticated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn design_l4_two_keys_of_a_business_have_one_owner_and_two_admins_have_two() {
        let caller = |role, credential, business: Option<u128>| Caller {
            role,
            credential: Uuid::from_u128(credential),
            business: business.map(|id| BusinessId::from_uuid(Uuid::from_u128(id))),
            session: None,
        };
        let till = caller(Role::Business, 1, Some(7));
        assert_eq!(till.owner(), caller(Role::Business, 2, Some(7)).owner());
        assert_eq!(till.owner(), caller(Role::BusinessStaff, 3, Some(7)).owner());
        assert_ne!(till.owner(), caller(Role::Business, 1, Some(8)).owner());
        assert_ne!(caller(Role::Admin, 1, None).owner(), caller(Role::Admin, 2, None).owner());
        assert_eq!(till.actor().id, Uuid::from_u128(1), "the log still says which key it was");
    }
}
