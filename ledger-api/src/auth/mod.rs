//! Who calls: credentials are verified from memory, without a round trip.
//!
//! `keys.rs` holds all live API keys and follows their changes, `tokens.rs` signs and checks tokens of members and staff,
//! `sessions.rs` knows which sign-ins have been ended. What a role may do is the table in `rights.rs`; which right a call
//! needs is in `operations/table.rs`.

mod keys;
mod rights;
mod sessions;
mod tokens;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use ledger_core::ids::{BusinessId, MemberId};
use ledger_core::log::{Actor, ActorKind};
use pii_vault::access::Accessor;
use uuid::Uuid;

pub(crate) use keys::KeyRing;
pub(crate) use rights::{Permission, Role, Scope, Scopes};
pub(crate) use sessions::EndedSessions;
pub(crate) use tokens::{TokenKeys, Tokens};

use crate::app::App;
use crate::problem::ApiError;

/// Somebody whose credential is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    /// As what.
    pub(crate) role: Role,
    /// The key's or the member's id.
    pub(crate) credential: Uuid,
    /// The business of a machine or its staff.
    pub(crate) business: Option<BusinessId>,
    /// The sign-in that a token is from; none for a key.
    pub(crate) session: Option<Uuid>,
    /// What a key may do of what its role may.
    pub(crate) scopes: Scopes,
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
            Role::Business | Role::BusinessOwner | Role::BusinessManager | Role::BusinessStaff => {
                ActorKind::Business
            }
            Role::Support | Role::Analyst | Role::Admin | Role::Superadmin | Role::Auditor => {
                ActorKind::Admin
            }
        };
        Actor { kind, id: self.credential }
    }

    /// The actor in the vault's access log.
    pub(crate) fn accessor(&self) -> Accessor {
        match (self.role, self.business) {
            (Role::Member, _) => Accessor::Member(MemberId::from_uuid(self.credential)),
            (Role::Business, Some(business)) => Accessor::Business(business),
            (Role::BusinessOwner | Role::BusinessManager | Role::BusinessStaff, Some(business)) => {
                Accessor::BusinessStaff(business, self.credential)
            }
            _ => Accessor::Admin(self.credential),
        }
    }

    /// Whether it may do this: its role may, and its scopes have it.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.role.may(permission) && self.scopes.cover(permission)
    }

    /// True for who runs the programme.
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
        let caller = app.tokens.caller(credential, app.clock.now());
        let is_good = |caller: &Caller| {
            let is_gone = caller.role == Role::Member && app.gone.has(caller.credential);
            !is_gone && caller.session.is_none_or(|session| !app.ended.has(session))
        };
        caller.filter(is_good)
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
            scopes: Scopes::ALL,
        };
        let till = caller(Role::Business, 1, Some(7));
        assert_eq!(till.owner(), caller(Role::Business, 2, Some(7)).owner());
        assert_eq!(till.owner(), caller(Role::BusinessStaff, 3, Some(7)).owner());
        assert_ne!(till.owner(), caller(Role::Business, 1, Some(8)).owner());
        assert_ne!(caller(Role::Admin, 1, None).owner(), caller(Role::Admin, 2, None).owner());
        assert_eq!(till.actor().id, Uuid::from_u128(1), "the log still says which key it was");
    }

    #[test]
    fn compliance_p2_an_access_names_which_of_a_businesss_staff_it_was() {
        let business = BusinessId::from_uuid(Uuid::from_u128(7));
        let credential = Uuid::from_u128(3);
        let accessor = |role, business| {
            Caller { role, credential, business, session: None, scopes: Scopes::ALL }.accessor()
        };
        assert_eq!(accessor(Role::Business, Some(business)), Accessor::Business(business));
        for role in [Role::BusinessOwner, Role::BusinessManager, Role::BusinessStaff] {
            let expected = Accessor::BusinessStaff(business, credential);
            assert_eq!(accessor(role, Some(business)), expected, "{role:?}");
        }
        assert_eq!(accessor(Role::Admin, None), Accessor::Admin(credential));
    }
}
