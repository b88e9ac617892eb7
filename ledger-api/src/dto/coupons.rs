//! Coupons. Rules C.

use ledger_core::category::Confidentiality;
use ledger_core::member::coupon::FundedBy;
use ledger_core::member::event::{CouponBenefit, CouponConditions};
use ledger_core::member::status::Status;
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::rate::Percent;
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::purchase_documents::MemberSelector;
use super::purchases::{Form, Member, member};
use super::values::{Amount, CouponValue, moment};
use crate::json::{self, Fields, Json};

/// The longest text on a coupon, in characters.
pub(super) const TEXT_CHARS_MAX: usize = 500;
/// Ways of giving, by their names on the wire.
const TYPES: [&str; 4] = CouponBenefit::KINDS;
const STATUSES: [Status; 4] = Status::ALL;

/// What a coupon gives.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents a value")]
pub(crate) enum CouponType {
    DiscountFixed,
    DiscountPercent,
    Bonus,
    Gift,
}

/// Who bears a coupon.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents a value")]
pub(crate) enum CouponFunder {
    Business,
    Coalition,
}

/// A status.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents a value")]
pub(crate) enum StatusName {
    Insider,
    Vip,
    Elite,
    InnerCircle,
}

/// Give a member a coupon. Rules C1, C3, C4.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct IssueCoupon {
    member: MemberSelector,
    /// Only from an admin, who must: id or slug.
    #[schema(max_length = 64, nullable = false)]
    business_id: Option<String>,
    #[schema(rename = "type")]
    r#type: CouponType,
    value: CouponValue,
    /// At most so much off; only with a percentage.
    #[schema(nullable = false)]
    cap: Option<Amount>,
    /// The smallest bill.
    #[schema(nullable = false)]
    min_bill: Option<Amount>,
    /// Only for who has bought nothing there; false when absent.
    #[schema(nullable = false)]
    new_customers_only: Option<bool>,
    /// Only for members of these statuses.
    #[schema(min_items = 1, max_items = 4, nullable = false)]
    statuses: Option<Vec<StatusName>>,
    /// Whether the purchase may be paid in bonuses, too; true when absent.
    #[schema(nullable = false)]
    with_bonuses: Option<bool>,
    /// From when; at once when absent.
    #[schema(schema_with = moment, required = false)]
    valid_from: String,
    /// The last moment at which it is good.
    #[schema(schema_with = moment)]
    expires_at: String,
    /// In words; kept in the vault. Required but of a medical business, which may not send it.
    #[schema(max_length = 500, min_length = 1, nullable = false)]
    description: Option<String>,
    /// `coalition` only from an admin.
    funded_by: CouponFunder,
}

/// A coupon as asked for.
pub(crate) struct CouponWanted {
    /// Whose.
    pub(crate) member: Member,
    /// What it gives.
    pub(crate) gives: CouponBenefit,
    /// What a gift is, in words.
    pub(crate) gift: Option<String>,
    /// With which purchases.
    pub(crate) conditions: CouponConditions,
    /// The last moment at which it is good.
    pub(crate) expires_at: Timestamp,
    /// In words.
    pub(crate) description: Option<String>,
    /// Who bears it.
    pub(crate) funded_by: FundedBy,
}

/// What a medical business may not say about a coupon: it has no words (`compliance.md` M1).
pub(crate) fn forbidden_on_coupon(json: &Json<'_>, confidentiality: Confidentiality) -> Vec<&'static str> {
    const ALLOWED: [&str; 11] = [
        "member",
        "type",
        "value",
        "cap",
        "min_bill",
        "new_customers_only",
        "statuses",
        "with_bonuses",
        "valid_from",
        "expires_at",
        "funded_by",
    ];
    let Json::Map(fields) = json else { return Vec::new() };
    if confidentiality == Confidentiality::Ordinary {
        return Vec::new();
    }
    let mut forbidden = Vec::new();
    for (name, value) in fields {
        match (name.as_ref(), value) {
            ("type", Json::Text(kind)) if kind == "gift" => forbidden.push("value"),
            ("description", _) => forbidden.push("description"),
            (name, _) if !ALLOWED.contains(&name) => forbidden.push("(unnamed)"),
            _ => {}
        }
    }
    forbidden.sort_unstable();
    forbidden.dedup();
    forbidden
}

/// What it gives, and a gift's words: `type`, `value` and `cap`.
pub(super) fn gives(fields: &mut Fields<'_, '_>) -> Option<(CouponBenefit, Option<String>)> {
    let kind = fields.required("type", |json| one_of(json, &TYPES.map(|name| (name, name))));
    // Without a type nobody can say what the value should be.
    let given = fields.required("value", |json| kind.map(|kind| benefit(kind, json)).transpose());
    let cap = fields.optional("cap", json::money);
    if cap.is_some() && kind.is_some_and(|kind| kind != "discount_percent") {
        fields.wrong("cap", "is for discount_percent alone");
    }
    let (gives, gift) = given??;
    let gives = match gives {
        CouponBenefit::DiscountPercent { value, .. } => CouponBenefit::DiscountPercent { value, cap },
        other => other,
    };
    Some((gives, gift))
}

fn benefit(kind: &str, json: Json<'_>) -> Result<(CouponBenefit, Option<String>), String> {
    match kind {
        "discount_fixed" => Ok((CouponBenefit::DiscountFixed { value: json::money(json)? }, None)),
        "discount_percent" => Ok((CouponBenefit::DiscountPercent { value: percent(json)?, cap: None }, None)),
        "bonus" => {
            let value = Bonuses::from_kopecks(json::money(json)?.kopecks());
            Ok((CouponBenefit::Bonus { value }, None))
        }
        _ => Ok((CouponBenefit::Gift {}, Some(json::text(TEXT_CHARS_MAX)(json)?))),
    }
}

fn percent(json: Json<'_>) -> Result<Percent, String> {
    let wrong = || "must be a percentage above 0 and up to 100 with at most two decimals".to_owned();
    let text = match &json {
        Json::Text(text) => text.as_ref(),
        Json::Number(digits) => digits,
        _ => return Err(wrong()),
    };
    let percent: Percent = text.parse().map_err(|_| wrong())?;
    if percent.to_decimal().is_zero() { Err(wrong()) } else { Ok(percent) }
}

pub(super) fn one_of<T: Copy>(json: Json<'_>, known: &[(&str, T)]) -> Result<T, String> {
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let wrong = || format!("must be one of {}", names.join(", "));
    let Json::Text(text) = json else { return Err(wrong()) };
    known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(wrong)
}

pub(super) fn statuses(json: Json<'_>) -> Result<Vec<Status>, String> {
    let wrong = || "must be a list of one to four different statuses".to_owned();
    let Json::List(items) = json else { return Err(wrong()) };
    if items.is_empty() || items.len() > STATUSES.len() {
        return Err(wrong());
    }
    let known = STATUSES.map(|status| (status.as_str(), status));
    let mut statuses = items.into_iter().map(|item| one_of(item, &known)).collect::<Result<Vec<_>, _>>()?;
    let named = statuses.len();
    statuses.sort_unstable();
    statuses.dedup();
    if statuses.len() == named { Ok(statuses) } else { Err(wrong()) }
}

impl CouponWanted {
    /// Reads a body whose `business_id` was taken before.
    pub(crate) fn read(fields: &mut Fields<'_, '_>, confidentiality: Confidentiality) -> Option<Self> {
        let member = member(fields, Form::Single);
        let given = gives(fields);
        let min_bill = fields.optional("min_bill", json::money);
        let new_customers_only = fields.optional("new_customers_only", json::flag).unwrap_or(false);
        let statuses = fields.optional("statuses", statuses).unwrap_or_default();
        let with_bonuses = fields.optional("with_bonuses", json::flag).unwrap_or(true);
        let valid_from = fields.optional("valid_from", json::moment);
        let expires_at = fields.required("expires_at", json::moment);
        let description = match confidentiality {
            Confidentiality::Ordinary => fields.required("description", json::text(TEXT_CHARS_MAX)).map(Some),
            Confidentiality::Medical => Some(None),
        };
        let funders = [("business", FundedBy::Business), ("coalition", FundedBy::Coalition)];
        let funded_by = fields.required("funded_by", |json| one_of(json, &funders));
        let (gives, gift) = given?;
        let conditions =
            CouponConditions { min_bill, new_customers_only, statuses, with_bonuses, valid_from };
        let (member, _) = member?;
        Some(Self {
            member,
            gives,
            gift,
            conditions,
            expires_at: expires_at?,
            description: description?,
            funded_by: funded_by?,
        })
    }
}

/// A coupon is given.
#[derive(Serialize, ToSchema)]
pub(crate) struct CouponIssuedAnswer {
    /// The coupon.
    pub(crate) coupon_id: Uuid,
    /// Whose it is.
    pub(crate) member_id: Uuid,
    /// Present and true when the same request came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// Take a coupon away.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeCoupon {
    /// Why; kept in the vault.
    #[schema(max_length = 500)]
    pub(crate) reason: String,
}

impl RevokeCoupon {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { reason: fields.required("reason", json::text(TEXT_CHARS_MAX))? })
    }
}

/// A coupon is taken away.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevokedAnswer {
    /// The coupon.
    pub(crate) coupon_id: Uuid,
    /// revoked.
    #[schema(value_type = String)]
    pub(crate) state: &'static str,
    /// Present and true when the same request came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A code to use a coupon with.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActivationAnswer {
    /// Six characters, to show or tell at the till.
    pub(crate) activation_code: String,
    /// The last moment at which it is good.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) valid_until: Timestamp,
    /// Present and true when the same request came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// What a coupon gives, and with which purchases.
#[derive(Serialize, ToSchema)]
pub(crate) struct CouponTerms {
    /// The coupon.
    pub(crate) coupon_id: Uuid,
    /// Where it can be used; null for a medical business in a member's own list.
    pub(crate) business_id: Option<Uuid>,
    /// discount_fixed, discount_percent, bonus or gift.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Roubles, per cent or bonuses; of a gift what it is, in words.
    pub(crate) value: Option<String>,
    /// At most so much off.
    #[schema(value_type = Option<String>)]
    pub(crate) cap: Option<Roubles>,
    /// The smallest bill.
    #[schema(value_type = Option<String>)]
    pub(crate) min_bill: Option<Roubles>,
    /// Only for who has bought nothing there.
    pub(crate) new_customers_only: bool,
    /// Only for members of these statuses; of any when empty.
    pub(crate) statuses: Vec<String>,
    /// Whether the purchase may be paid in bonuses, too.
    pub(crate) with_bonuses: bool,
    /// From when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) valid_from: Option<Timestamp>,
    /// The last moment at which it is good.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
    /// In words.
    pub(crate) description: Option<String>,
    /// issued, activated, redeemed, expired or revoked, as of now.
    #[schema(value_type = String)]
    pub(crate) state: &'static str,
}

/// A coupon as its business sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Coupon {
    /// What it gives, and with which purchases.
    #[serde(flatten)]
    pub(crate) terms: CouponTerms,
    /// Whose it is.
    pub(crate) member_id: Uuid,
    /// business or coalition.
    #[schema(value_type = String)]
    pub(crate) funded_by: &'static str,
    /// The purchase that used it.
    pub(crate) transaction_id: Option<Uuid>,
    /// What came off its bill, net of refunds.
    #[schema(value_type = String)]
    pub(crate) discount: Roubles,
    /// The bonuses it gave.
    #[schema(value_type = String)]
    pub(crate) bonuses: Bonuses,
}

/// A member's coupons.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnCoupons {
    /// Newest first.
    pub(crate) items: Vec<OwnCoupon>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}

/// A coupon as she sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnCoupon {
    /// What it gives, and with which purchases.
    #[serde(flatten)]
    pub(crate) terms: CouponTerms,
    /// The name of the business; null for a medical one.
    pub(crate) business_name: Option<String>,
    /// Her code, while one is good.
    pub(crate) activation_code: Option<String>,
    /// The last moment at which it is.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) valid_until: Option<Timestamp>,
}
