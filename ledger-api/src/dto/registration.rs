//! Signing in and joining.

use chrono::NaiveDate;
use pii_vault::auth::OtpCode;
use pii_vault::members::{FieldChange, ProfileChanges};
use pii_vault::personal::{BirthDate, City, Email, PersonName};
use pii_vault::phone::Phone;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ConsentGrant;
use crate::json::{self, Fields, Json};

/// Asks for a code.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendCode {
    /// In any common form.
    #[schema(value_type = String, example = "+7 900 000-00-00")]
    pub(crate) phone: Phone,
}

impl SendCode {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { phone: fields.required("phone", phone)? })
    }
}

/// A code that was typed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyCode {
    /// From the answer of `send-code`.
    pub(crate) code_id: Uuid,
    /// Six digits.
    #[schema(value_type = String, pattern = "^[0-9]{6}$", example = "000000")]
    pub(crate) code: OtpCode,
}

impl VerifyCode {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let code_id = fields.required("code_id", json::uuid);
        let code = fields.required("code", code);
        Some(Self { code_id: code_id?, code: code? })
    }
}

/// Joins the programme.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct Register {
    /// From the answer of `send-code`.
    code_id: Uuid,
    /// Six digits.
    #[schema(pattern = "^[0-9]{6}$")]
    code: String,
    /// Her first name.
    first_name: String,
    /// Her last name.
    last_name: String,
    /// Her e-mail address.
    #[schema(nullable = false)]
    email: Option<String>,
    /// `YYYY-MM-DD`.
    #[schema(format = Date, nullable = false)]
    birth_date: Option<String>,
    /// Where she lives.
    #[schema(nullable = false)]
    city: Option<String>,
    /// Of the member who invited her. Accepted and checked for its form; not used yet, and not kept.
    #[schema(max_length = 64, nullable = false)]
    referral_code: Option<String>,
    /// What she consents to; `personal_data` is required.
    consents: Vec<ConsentGrant>,
}

/// A registration as read.
pub(crate) struct Registering {
    /// Which code request.
    pub(crate) code_id: Uuid,
    /// The code.
    pub(crate) code: OtpCode,
    /// What she consents to.
    pub(crate) consents: Vec<ConsentGrant>,
    /// What the vault keeps.
    pub(crate) profile: ProfileChanges,
}

impl Registering {
    /// `today` is the Moscow day.
    pub(crate) fn read(fields: &mut Fields<'_, '_>, today: NaiveDate) -> Option<Self> {
        let code_id = fields.required("code_id", json::uuid);
        let code = fields.required("code", code);
        let first_name = fields.required("first_name", name);
        let last_name = fields.required("last_name", name);
        let email = fields.optional("email", email);
        let birth_date = fields.optional("birth_date", |json| birth_date(json, today));
        let city = fields.optional("city", city);
        fields.optional("referral_code", json::text(64));
        let consents =
            fields.json("consents").and_then(|json| ConsentGrant::list(json, "consents", fields.errors()));
        let profile = ProfileChanges {
            first_name: FieldChange::Set(first_name?),
            last_name: FieldChange::Set(last_name?),
            email: FieldChange::set_if_some(email),
            birth_date: FieldChange::set_if_some(birth_date),
            city: FieldChange::set_if_some(city),
        };
        Some(Self { code_id: code_id?, code: code?, consents: consents?, profile })
    }
}

/// A refresh token.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshToken {
    /// As it was given.
    pub(crate) refresh_token: String,
}

impl RefreshToken {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { refresh_token: fields.required("refresh_token", json::text(200))? })
    }
}

/// A phone in any common form.
pub(crate) fn phone(json: Json<'_>) -> Result<Phone, String> {
    let Json::Text(text) = json else { return Err("must be a text".to_owned()) };
    Phone::parse(&text).map_err(|error| error.to_string())
}

pub(super) fn code(json: Json<'_>) -> Result<OtpCode, String> {
    let Json::Text(text) = json else { return Err("must be a text".to_owned()) };
    OtpCode::parse(&text).ok_or_else(|| "must be six digits".to_owned())
}

fn checked<T, E: std::fmt::Display>(
    json: Json<'_>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    let Json::Text(text) = json else { return Err("must be a text".to_owned()) };
    parse(&text).map_err(|error| error.to_string())
}

/// A first or last name.
pub(crate) fn name(json: Json<'_>) -> Result<PersonName, String> {
    checked(json, PersonName::parse)
}

/// An e-mail address.
pub(crate) fn email(json: Json<'_>) -> Result<Email, String> {
    checked(json, Email::parse)
}

/// A city.
pub(crate) fn city(json: Json<'_>) -> Result<City, String> {
    checked(json, City::parse)
}

/// A date of birth up to `today`.
pub(crate) fn birth_date(json: Json<'_>, today: NaiveDate) -> Result<BirthDate, String> {
    checked(json, |text| BirthDate::parse(text, today))
}

/// A code is on its way; the same answer for every phone.
#[derive(Serialize, ToSchema)]
pub(crate) struct CodeSent {
    /// To be sent back with the code.
    pub(crate) code_id: Uuid,
    /// Seconds the code is good.
    pub(crate) expires_in: u32,
}

/// A member is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedIn {
    /// Who she is.
    pub(crate) member_id: Uuid,
    /// Her status, after a registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'static str>,
    /// For `Authorization: Bearer`.
    pub(crate) access_token: String,
    /// For the next pair; good once.
    pub(crate) refresh_token: String,
    /// Seconds the access token is good.
    pub(crate) expires_in: i64,
}

/// Done; there is nothing to say.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    /// Always true.
    pub(crate) done: bool,
}

/// Public keys of tokens (RFC 7517).
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the answer, which is written as RFC 7517 wants it")]
pub(crate) struct Jwks {
    /// The keys.
    keys: Vec<Jwk>,
}

/// One public key.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the answer, which is written as RFC 7517 wants it")]
pub(crate) struct Jwk {
    /// `RSA`.
    kty: String,
    /// `sig`.
    #[schema(rename = "use")]
    usage: String,
    /// `RS256`.
    alg: String,
    /// Names the key.
    kid: String,
    /// The modulus.
    n: String,
    /// The exponent.
    e: String,
}

/// What a member may change of her profile; `null` removes what is optional.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct ProfileChange {
    /// Her first name.
    #[schema(nullable = false)]
    first_name: Option<String>,
    /// Her last name.
    #[schema(nullable = false)]
    last_name: Option<String>,
    /// Her e-mail address, or null.
    email: Option<String>,
    /// `YYYY-MM-DD`, or null.
    #[schema(format = Date)]
    birth_date: Option<String>,
    /// Where she lives, or null.
    city: Option<String>,
}

impl ProfileChange {
    /// `today` is the Moscow day.
    pub(crate) fn read(fields: &mut Fields<'_, '_>, today: NaiveDate) -> Option<ProfileChanges> {
        Some(ProfileChanges {
            first_name: FieldChange::set_if_some(fields.optional("first_name", name)),
            last_name: FieldChange::set_if_some(fields.optional("last_name", name)),
            email: clearable(fields, "email", email),
            birth_date: clearable(fields, "birth_date", |json| birth_date(json, today)),
            city: clearable(fields, "city", city),
        })
    }
}

fn clearable<'a, T>(
    fields: &mut Fields<'a, '_>,
    name: &str,
    read: impl FnOnce(Json<'a>) -> Result<T, String>,
) -> FieldChange<T> {
    match fields.maybe_json(name) {
        None => FieldChange::Keep,
        Some(Json::Null) => FieldChange::Clear,
        Some(json) => match read(json) {
            Ok(value) => FieldChange::Set(value),
            Err(message) => {
                fields.wrong(name, message);
                FieldChange::Keep
            }
        },
    }
}
