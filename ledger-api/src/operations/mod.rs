//! What the table of calls (`table.rs`) says of each, and what is made of it.
//!
//! Routing, the check of rights, `Allow` and the OpenAPI document all come from there, so none of them can forget a call.

#[macro_use]
mod described;
mod table;

use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::auth::Permission;
#[cfg(test)]
use crate::auth::Role;
pub(crate) use table::Operation;

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody, without a credential.
    Open,
    /// Who has this permission (`auth/rights.rs`).
    Needs(Permission),
}

#[cfg(test)]
impl Access {
    /// The roles that may; none for what is open to anybody.
    pub(crate) const fn roles(self) -> &'static [Role] {
        match self {
            Self::Open => &[],
            Self::Needs(permission) => permission.roles(),
        }
    }
}

/// What makes a call happen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Once {
    /// It writes nothing to the log, or may be repeated as it is.
    Free,
    /// The header `Idempotency-Key` is required.
    Header,
    /// The document's own number. Rule D1.
    Natural,
}

/// In which installations a call exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exists {
    /// Everywhere.
    Everywhere,
    /// In the `dev` profile alone.
    DevOnly,
}

/// A type of a body or an answer as the OpenAPI document names it.
pub(crate) struct Shape {
    /// A reference to it, or itself when it has no name of its own; `None` for nothing.
    pub(crate) schema: Option<RefOr<Schema>>,
    /// Every named type it needs.
    pub(crate) needs: Vec<(String, RefOr<Schema>)>,
}

fn shape<T: ToSchema + PartialSchema + 'static>() -> Shape {
    if std::any::TypeId::of::<T>() == std::any::TypeId::of::<()>() {
        return Shape { schema: None, needs: Vec::new() };
    }
    let mut needs = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut needs);
    Shape { schema: Some(RefOr::Ref(Ref::from_schema_name(T::name()))), needs }
}
