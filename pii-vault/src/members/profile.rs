//! Reading and changing a member's profile. Each field is sealed and stored by itself.

use ledger_core::ids::MemberId;
use sqlx::PgConnection;

use super::{Members, write_fields};
use crate::access::{self, Access, Action, Outcome};
use crate::cipher::{Field, MemberCipher};
use crate::error::VaultError;
use crate::personal::{BirthDate, City, Email, PersonName};
use crate::phone::Phone;

/// What the vault knows of a member. Masked in `Debug`, not serialisable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Phone.
    pub phone: Phone,
    /// First name; a member imported by phone has none until she gives it.
    pub first_name: Option<PersonName>,
    /// Last name.
    pub last_name: Option<PersonName>,
    /// E-mail address.
    pub email: Option<Email>,
    /// Date of birth.
    pub birth_date: Option<BirthDate>,
    /// City.
    pub city: Option<City>,
}

/// What to do with one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FieldChange<T> {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Store this value.
    Set(T),
    /// Remove what is stored.
    Clear,
}

impl<T> FieldChange<T> {
    /// `Set` for a value, `Keep` for none.
    pub fn set_if_some(value: Option<T>) -> Self {
        value.map_or(Self::Keep, Self::Set)
    }
}

/// Changes of a profile. The phone is not among them: it is what makes her one person ([`Members::change_phone`]).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileChanges {
    /// First name.
    pub first_name: FieldChange<PersonName>,
    /// Last name.
    pub last_name: FieldChange<PersonName>,
    /// E-mail address.
    pub email: FieldChange<Email>,
    /// Date of birth.
    pub birth_date: FieldChange<BirthDate>,
    /// City.
    pub city: FieldChange<City>,
}

impl ProfileChanges {
    fn each(&self) -> [(Field, FieldChange<String>); 5] {
        [
            (Field::FirstName, self.first_name.to_text(|name| name.expose().to_owned())),
            (Field::LastName, self.last_name.to_text(|name| name.expose().to_owned())),
            (Field::Email, self.email.to_text(|email| email.expose().to_owned())),
            (Field::BirthDate, self.birth_date.to_text(|date| date.to_stored())),
            (Field::City, self.city.to_text(|city| city.expose().to_owned())),
        ]
    }

    /// What is to be stored, in plain form, on its way to being sealed.
    pub(super) fn values(&self) -> Vec<(Field, String)> {
        let set = |(field, change)| match change {
            FieldChange::Set(text) => Some((field, text)),
            FieldChange::Keep | FieldChange::Clear => None,
        };
        self.each().into_iter().filter_map(set).collect()
    }

    fn cleared(&self) -> Vec<Field> {
        let all = self.each();
        all.iter().filter(|(_, change)| *change == FieldChange::Clear).map(|(field, _)| *field).collect()
    }
}

impl<T> FieldChange<T> {
    fn to_text(&self, text: impl Fn(&T) -> String) -> FieldChange<String> {
        match self {
            Self::Keep => FieldChange::Keep,
            Self::Set(value) => FieldChange::Set(text(value)),
            Self::Clear => FieldChange::Clear,
        }
    }
}

impl Members {
    /// An active member's profile. The access is logged before anything is handed out, also when it fails.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`]; [`VaultError::Unreadable`] when a field does not open with her key.
    pub async fn profile(&self, member: MemberId, access: &Access) -> Result<Profile, VaultError> {
        let mut transaction = self.pool.begin().await?;
        let rows = sqlx::query!(
            r#"SELECT one.field AS "field?", one.sealed AS "sealed?", key.kek_id AS "kek_id?", key.wrapped AS "wrapped?"
               FROM vault.members AS member
               LEFT JOIN vault.member_fields AS one USING (member_id)
               LEFT JOIN vault_keys.member_keys AS key USING (member_id)
               WHERE member.member_id = $1 AND member.state = 'active'"#,
            member.as_uuid()
        )
        .fetch_all(&mut *transaction)
        .await?;
        let mut key = None;
        let mut sealed = Vec::new();
        for row in rows {
            key = key.or(row.kek_id.zip(row.wrapped));
            sealed.push((row.field.unwrap_or_default(), row.sealed.unwrap_or_default()));
        }
        let profile = if sealed.is_empty() {
            Err(VaultError::UnknownMember)
        } else {
            self.open_profile(member, key, &sealed).await
        };
        let outcome = match &profile {
            Ok(_) => Outcome::Done,
            Err(VaultError::UnknownMember) => Outcome::NotFound,
            Err(_) => Outcome::Failed,
        };
        access::record(&mut transaction, access, Action::Read, &Field::ALL, &[(Some(member), outcome)])
            .await?;
        transaction.commit().await?;
        profile
    }

    async fn open_profile(
        &self,
        member: MemberId,
        key: Option<(String, Vec<u8>)>,
        sealed: &[(String, Vec<u8>)],
    ) -> Result<Profile, VaultError> {
        let (kek_id, bytes) = key.ok_or(VaultError::Unreadable { member, field: Field::Phone })?;
        let cipher = self.unwrap_cipher(member, &crate::keys::WrappedKey { kek_id, bytes }).await?;
        let opened = |field| open_field(&cipher, member, field, sealed);
        let bad = |field| VaultError::Unreadable { member, field };
        let phone = opened(Field::Phone)?.and_then(|text| Phone::parse(&text).ok());
        let name = |field| -> Result<Option<PersonName>, VaultError> {
            opened(field)?.map(|text| PersonName::parse(&text).map_err(|_| bad(field))).transpose()
        };
        Ok(Profile {
            phone: phone.ok_or_else(|| bad(Field::Phone))?,
            first_name: name(Field::FirstName)?,
            last_name: name(Field::LastName)?,
            email: opened(Field::Email)?
                .map(|text| Email::parse(&text).map_err(|_| bad(Field::Email)))
                .transpose()?,
            birth_date: opened(Field::BirthDate)?
                .map(|text| BirthDate::from_stored(&text).ok_or_else(|| bad(Field::BirthDate)))
                .transpose()?,
            city: opened(Field::City)?
                .map(|text| City::parse(&text).map_err(|_| bad(Field::City)))
                .transpose()?,
        })
    }

    /// Changes the named fields of an active member, all or none, and logs which.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`]; [`VaultError::Unreadable`] when her key is gone.
    pub async fn update_profile(
        &self,
        member: MemberId,
        changes: &ProfileChanges,
        access: &Access,
    ) -> Result<(), VaultError> {
        let (values, cleared) = (changes.values(), changes.cleared());
        if values.is_empty() && cleared.is_empty() {
            return if self.is_active(member).await? { Ok(()) } else { Err(VaultError::UnknownMember) };
        }
        let mut transaction = self.pool.begin().await?;
        let touched: Vec<Field> =
            values.iter().map(|(field, _)| *field).chain(cleared.iter().copied()).collect();
        let outcome = if lock_active(&mut transaction, member).await? {
            let cipher = self.stored_cipher(&mut transaction, member).await?;
            let cipher = cipher.ok_or(VaultError::Unreadable { member, field: Field::Phone })?;
            write_fields(&mut transaction, &cipher, member, &values, access.at).await?;
            clear_fields(&mut transaction, member, &cleared).await?;
            Outcome::Done
        } else {
            Outcome::NotFound
        };
        access::record(&mut transaction, access, Action::Write, &touched, &[(Some(member), outcome)]).await?;
        transaction.commit().await?;
        if outcome == Outcome::Done { Ok(()) } else { Err(VaultError::UnknownMember) }
    }
}

fn open_field(
    cipher: &MemberCipher,
    member: MemberId,
    field: Field,
    sealed: &[(String, Vec<u8>)],
) -> Result<Option<String>, VaultError> {
    let Some((_, sealed)) = sealed.iter().find(|(name, _)| name == field.as_str()) else { return Ok(None) };
    let plain = cipher.open(field, sealed).ok().and_then(|plain| String::from_utf8(plain).ok());
    plain.map(Some).ok_or(VaultError::Unreadable { member, field })
}

/// Locks an active member's row, so that nothing is written for one who is being removed.
pub(super) async fn lock_active(connection: &mut PgConnection, member: MemberId) -> Result<bool, VaultError> {
    let row = sqlx::query_scalar!(
        "SELECT member_id FROM vault.members WHERE member_id = $1 AND state = 'active' FOR NO KEY UPDATE",
        member.as_uuid()
    );
    Ok(row.fetch_optional(connection).await?.is_some())
}

async fn clear_fields(
    connection: &mut PgConnection,
    member: MemberId,
    fields: &[Field],
) -> Result<(), VaultError> {
    let names: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
    sqlx::query!(
        "DELETE FROM vault.member_fields WHERE member_id = $1 AND field = ANY($2)",
        member.as_uuid(),
        &names as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(())
}
