//! Administration: businesses, keys, members, policies, quarantine.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::business::event::Terms;
use ledger_core::category::{Category, Confidentiality};
use ledger_core::ids::Slug;
use ledger_core::rate::{Multiplier, Rate};
use ledger_core::time::Timestamp;
use pii_vault::personal::PersonName;
use pii_vault::phone::Phone;
use utoipa::ToSchema;

use super::ConsentGrant;
use super::registration::{name, phone};
use super::values::{Factor, Secrecy, categories, parameters};
use crate::auth::Scope;
use crate::json::{self, Fields, Json};

/// The longest name of a business or a key, in characters.
const NAME_CHARS_MAX: usize = 100;
/// The longest hold, in days: ten years.
const HOLD_DAYS_MAX: u32 = 3_650;
/// The most systems that report one business's purchases.
const SOURCES_MAX: usize = 20;

/// A new business with its first terms.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterBusiness {
    /// Its short name.
    #[schema(value_type = String, example = "mindal")]
    pub(crate) slug: Slug,
    /// Its name as members see it; the slug when absent.
    #[schema(max_length = 100, required = false)]
    pub(crate) name: String,
    /// What it does.
    #[schema(schema_with = categories)]
    pub(crate) category: Category,
    /// ordinary when absent.
    #[schema(value_type = Secrecy, required = false)]
    pub(crate) confidentiality: Confidentiality,
    /// Its multiplier outside of special periods.
    #[schema(value_type = Option<Factor>, nullable = false)]
    pub(crate) cashback_multiplier: Option<Multiplier>,
    /// Days until a lot is available; the policy's when absent.
    #[schema(maximum = 3650, nullable = false)]
    pub(crate) hold_days: Option<u32>,
    /// The largest share of a bill paid in bonuses; the policy's when absent.
    #[schema(value_type = Option<Factor>, nullable = false)]
    pub(crate) max_redeem_share: Option<Rate>,
    /// The systems that report its purchases.
    #[schema(max_items = 20, required = false)]
    pub(crate) purchase_sources: Vec<String>,
}

impl RegisterBusiness {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let slug: Option<Slug> = fields.required("slug", json::parsed);
        let name = fields.optional("name", json::text(NAME_CHARS_MAX));
        let category = fields.required("category", category);
        let confidentiality = fields.optional("confidentiality", confidentiality);
        let cashback_multiplier = fields.optional("cashback_multiplier", decimal);
        let hold_days = fields.optional("hold_days", json::integer(0, HOLD_DAYS_MAX));
        let max_redeem_share = fields.optional("max_redeem_share", decimal);
        let purchase_sources = fields.optional("purchase_sources", sources).unwrap_or_default();
        let slug = slug?;
        Some(Self {
            name: name.unwrap_or_else(|| slug.to_string()),
            slug,
            category: category?,
            confidentiality: confidentiality.unwrap_or(Confidentiality::Ordinary),
            cashback_multiplier,
            hold_days,
            max_redeem_share,
            purchase_sources,
        })
    }

    /// As the domain has them.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            cashback_multiplier: self.cashback_multiplier,
            hold_days: self.hold_days,
            max_redeem_share: self.max_redeem_share,
            purchase_sources: self.purchase_sources.clone(),
        }
    }
}

/// What changes of a business.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBusiness {
    /// A new name.
    #[schema(max_length = 100, nullable = false)]
    pub(crate) name: Option<String>,
    /// A new multiplier outside of special periods.
    #[schema(value_type = Option<Factor>, nullable = false)]
    pub(crate) cashback_multiplier: Option<Multiplier>,
    /// New days until a lot is available.
    #[schema(maximum = 3650, nullable = false)]
    pub(crate) hold_days: Option<u32>,
    /// A new largest share of a bill paid in bonuses.
    #[schema(value_type = Option<Factor>, nullable = false)]
    pub(crate) max_redeem_share: Option<Rate>,
    /// New systems that report its purchases.
    #[schema(max_items = 20, nullable = false)]
    pub(crate) purchase_sources: Option<Vec<String>>,
}

impl ChangeBusiness {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self {
            name: fields.optional("name", json::text(NAME_CHARS_MAX)),
            cashback_multiplier: fields.optional("cashback_multiplier", decimal),
            hold_days: fields.optional("hold_days", json::integer(0, HOLD_DAYS_MAX)),
            max_redeem_share: fields.optional("max_redeem_share", decimal),
            purchase_sources: fields.optional("purchase_sources", sources),
        })
    }
}

/// A multiplier for a period. Rule B3.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetMultiplier {
    /// The first moment.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Timestamp,
    /// The first moment after it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) to: Timestamp,
    /// The multiplier.
    #[schema(value_type = Factor)]
    pub(crate) value: Multiplier,
}

impl SetMultiplier {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let from = fields.required("from", json::moment);
        let to = fields.required("to", json::moment);
        let value = fields.required("value", decimal);
        Some(Self { from: from?, to: to?, value: value? })
    }
}

/// A new API key.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueKey {
    /// What it is for.
    #[schema(max_length = 100)]
    pub(crate) name: String,
    /// What it may do: purchases:write, purchases:read, redemptions, coupons, promotion, reports:read. Everything when absent.
    #[schema(value_type = Option<Vec<String>>, nullable = false, min_items = 1, max_items = 6)]
    pub(crate) scopes: Option<BTreeSet<Scope>>,
}

impl IssueKey {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let name = fields.required("name", json::text(NAME_CHARS_MAX));
        let scopes = fields.optional("scopes", scopes);
        Some(Self { name: name?, scopes })
    }
}

fn scopes(json: Json<'_>) -> Result<BTreeSet<Scope>, String> {
    let wrong = || "must be a list of 1 to 6 scopes".to_owned();
    let Json::List(items) = json else { return Err(wrong()) };
    if items.is_empty() || items.len() > Scope::ALL.len() {
        return Err(wrong());
    }
    let read = |item| {
        let name = json::text(64)(item)?;
        Scope::of(&name).ok_or_else(|| "must have scopes alone, such as purchases:write".to_owned())
    };
    items.into_iter().map(read).collect()
}

/// A new member.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterMember {
    /// In any common form.
    #[schema(value_type = String)]
    pub(crate) phone: Phone,
    /// Her first name.
    #[schema(value_type = String)]
    pub(crate) first_name: PersonName,
    /// Her last name.
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) last_name: Option<PersonName>,
    /// Since when she is a member; now when absent.
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(crate) registered_at: Option<Timestamp>,
    /// What she consents to; `personal_data` alone when absent.
    #[schema(required = false)]
    pub(crate) consents: Vec<ConsentGrant>,
}

impl RegisterMember {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let phone = fields.required("phone", phone);
        let first_name = fields.required("first_name", name);
        let last_name = fields.optional("last_name", name);
        let registered_at = fields.optional("registered_at", json::moment);
        let consents = match fields.maybe_json("consents") {
            None => Some(Vec::from_iter(ConsentGrant::personal_data())),
            Some(json) => ConsentGrant::list(json, "consents", fields.errors()),
        };
        Some(Self { phone: phone?, first_name: first_name?, last_name, registered_at, consents: consents? })
    }
}

/// A new policy.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishPolicy {
    /// From when; at once when absent.
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(crate) effective_from: Option<Timestamp>,
    /// The parameters that change, by name; at least one.
    #[schema(schema_with = parameters)]
    pub(crate) parameters: BTreeMap<String, serde_json::Value>,
}

impl PublishPolicy {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let effective_from = fields.optional("effective_from", json::moment);
        let parameters = changed_parameters(fields);
        Some(Self { effective_from, parameters: parameters? })
    }
}

/// The parameters of a draft that change, by name.
pub(super) fn changed_parameters(fields: &mut Fields<'_, '_>) -> Option<BTreeMap<String, serde_json::Value>> {
    fields.required("parameters", |json| {
        let Json::Map(entries) = json else { return Err("must be an object".to_owned()) };
        if entries.is_empty() {
            return Err("must name a parameter that changes".to_owned());
        }
        Ok(entries.into_iter().map(|(name, value)| (name.into_owned(), to_value(value))).collect())
    })
}

/// The value as the domain reads parameters; a number that is no whole number stays a text, which no parameter takes
/// in place of a number.
fn to_value(json: Json<'_>) -> serde_json::Value {
    match json {
        Json::Null => serde_json::Value::Null,
        Json::Flag(flag) => flag.into(),
        Json::Number(digits) => digits.parse::<u64>().map_or(serde_json::Value::Null, Into::into),
        Json::Text(text) => text.into_owned().into(),
        Json::List(items) => items.into_iter().map(to_value).collect(),
        Json::Map(fields) => {
            fields.into_iter().map(|(name, value)| (name.into_owned(), to_value(value))).collect()
        }
    }
}

/// A decimal as a text or as a JSON number's own digits.
pub(super) fn decimal<T: std::str::FromStr<Err: std::fmt::Display>>(json: Json<'_>) -> Result<T, String> {
    match json {
        Json::Number(digits) => digits.parse().map_err(|error: T::Err| error.to_string()),
        other => json::parsed(other),
    }
}

fn category(json: Json<'_>) -> Result<Category, String> {
    let wrong = || {
        let names: Vec<&str> = Category::ALL.iter().map(|category| category.as_str()).collect();
        format!("must be one of {}", names.join(", "))
    };
    let Json::Text(text) = json else { return Err(wrong()) };
    Category::ALL.into_iter().find(|category| category.as_str() == text).ok_or_else(wrong)
}

fn confidentiality(json: Json<'_>) -> Result<Confidentiality, String> {
    match json {
        Json::Text(text) if text == "ordinary" => Ok(Confidentiality::Ordinary),
        Json::Text(text) if text == "medical" => Ok(Confidentiality::Medical),
        _ => Err("must be ordinary or medical".to_owned()),
    }
}

fn sources(json: Json<'_>) -> Result<Vec<String>, String> {
    let wrong = || format!("must be a list of at most {SOURCES_MAX} texts of 1 to 32 characters");
    let Json::List(items) = json else { return Err(wrong()) };
    if items.len() > SOURCES_MAX {
        return Err(wrong());
    }
    items.into_iter().map(|item| json::text(32)(item).map_err(|_| wrong())).collect()
}
