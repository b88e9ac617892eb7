//! Purchase documents: two request types, for ordinary and for medical businesses.
//!
//! A medical business's document is checked against its list of fields before anything else in it is looked at, and a
//! field beyond the list is refused without being repeated (`compliance.md` M1). An ordinary one may carry a description,
//! which is read and dropped.

use ledger_core::category::Confidentiality;
use ledger_core::ids::{MemberId, RedemptionId};
use ledger_core::member::event::PurchaseSource;
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;
use pii_vault::index::PhoneHash;
use pii_vault::phone::Phone;

use super::registration::phone;
use crate::json::{self, Fields, Json};
use crate::natural_key::DEFAULT_SOURCE;

/// What kind of document is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `POST /transactions`, or an item of a batch.
    Single,
    /// `POST /transactions/scan`.
    Scan,
    /// A line of an import.
    Import,
}

/// How the member was named.
#[derive(Debug)]
pub(crate) enum Member {
    /// By id.
    Id(MemberId),
    /// By phone.
    Phone(Phone),
    /// By a scanned code.
    Qr(String),
    /// By the hash of her phone.
    PhoneHash(PhoneHash),
}

/// A purchase as reported.
#[derive(Debug)]
pub(crate) struct Report {
    /// The partner's own number.
    pub(crate) external_id: String,
    /// Which of the partner's systems.
    pub(crate) source_system: String,
    /// Orders edits. Rule D2.
    pub(crate) revision: u32,
    /// Whether the purchase is void.
    pub(crate) cancelled: bool,
    /// Whose.
    pub(crate) member: Member,
    /// Since when she is a member, if an import says so.
    pub(crate) registered_at: Option<Timestamp>,
    /// The bill.
    pub(crate) amount: Roubles,
    /// When.
    pub(crate) occurred_at: Timestamp,
    /// The hold it captures.
    pub(crate) redemption_id: Option<RedemptionId>,
    /// How much of it.
    pub(crate) redeem_amount: Option<Bonuses>,
    /// An activation code.
    pub(crate) coupon_code: Option<String>,
    /// How it came.
    pub(crate) source: PurchaseSource,
}

/// What a medical business may send.
const MEDICAL_FIELDS: [&str; 14] = [
    "external_id",
    "source_system",
    "revision",
    "cancelled",
    "member",
    "amount",
    "occurred_at",
    "redemption_id",
    "redeem_amount",
    "coupon_code",
    "source",
    "business_id",
    "qr",
    "registered_at",
];
const MEDICAL_MEMBER_FIELDS: [&str; 5] = ["member_id", "phone", "qr", "phone_hash", "registered_at"];

/// The fields that a medical business may not send: those of the contract by name, others without one.
pub(crate) fn forbidden_fields(json: &Json<'_>, confidentiality: Confidentiality) -> Vec<&'static str> {
    let Json::Map(fields) = json else { return Vec::new() };
    if confidentiality == Confidentiality::Ordinary {
        return Vec::new();
    }
    let mut forbidden = Vec::new();
    let mut check = |fields: &[(std::borrow::Cow<'_, str>, Json<'_>)], allowed: &[&str]| {
        for (name, _) in fields.iter().filter(|(name, _)| !allowed.contains(&name.as_ref())) {
            forbidden.push(if name == "description" { "description" } else { "(unnamed)" });
        }
    };
    check(fields, &MEDICAL_FIELDS);
    let member = fields.iter().find(|(name, _)| name == "member");
    if let Some((_, Json::Map(fields))) = member {
        check(fields, &MEDICAL_MEMBER_FIELDS);
    }
    forbidden.sort_unstable();
    forbidden.dedup();
    forbidden
}

impl Report {
    /// Reads a document whose `business_id` was taken before.
    pub(crate) fn read(
        fields: &mut Fields<'_, '_>,
        form: Form,
        confidentiality: Confidentiality,
    ) -> Option<Self> {
        let external_id = fields.required("external_id", json::text(128));
        let source_system = fields.optional("source_system", json::text(32));
        let revision = fields.optional("revision", json::integer(1, i32::MAX.unsigned_abs()));
        let cancelled = fields.optional("cancelled", json::flag);
        let member = match form {
            Form::Scan => fields.required("qr", json::text(2_000)).map(|qr| (Member::Qr(qr), None)),
            Form::Single | Form::Import => member(fields, form),
        };
        let amount = fields.required("amount", json::money);
        let occurred_at = fields.required("occurred_at", |json| match form {
            Form::Import => local_moment(json),
            Form::Single | Form::Scan => json::moment(json),
        });
        if confidentiality == Confidentiality::Ordinary {
            // Accepted so that a till need not tell partners apart; it goes nowhere.
            fields.optional("description", json::text(1_000));
        }
        let redemption_id = fields.optional("redemption_id", json::uuid).map(RedemptionId::from_uuid);
        let redeem_amount = fields.optional("redeem_amount", json::money);
        let coupon_code = fields.optional("coupon_code", json::text(32));
        let source = fields.optional("source", source).unwrap_or(match form {
            Form::Single => PurchaseSource::Api,
            Form::Scan => PurchaseSource::Qr,
            Form::Import => PurchaseSource::Import,
        });
        let (member, registered_at) = member?;
        Some(Self {
            external_id: external_id?,
            source_system: source_system.unwrap_or_else(|| DEFAULT_SOURCE.to_owned()),
            revision: revision.unwrap_or(1),
            cancelled: cancelled.unwrap_or(false),
            member,
            registered_at,
            amount: amount?,
            occurred_at: occurred_at?,
            redemption_id,
            redeem_amount: redeem_amount.map(|amount| Bonuses::from_kopecks(amount.kopecks())),
            coupon_code,
            source,
        })
    }
}

/// Exactly one way of naming her.
pub(super) fn member(fields: &mut Fields<'_, '_>, form: Form) -> Option<(Member, Option<Timestamp>)> {
    let mut member = fields.object("member")?;
    let given = ["member_id", "phone", "qr", "phone_hash"].into_iter();
    let given: Vec<&str> = given.filter(|name| member.names().any(|there| there == *name)).collect();
    let found = match given.as_slice() {
        ["member_id"] => {
            member.required("member_id", json::uuid).map(|id| Member::Id(MemberId::from_uuid(id)))
        }
        ["phone"] => member.required("phone", phone).map(Member::Phone),
        ["qr"] if form == Form::Single => member.required("qr", json::text(2_000)).map(Member::Qr),
        ["phone_hash"] if form == Form::Single => {
            member.required("phone_hash", phone_hash).map(Member::PhoneHash)
        }
        _ => {
            for name in given {
                member.maybe_json(name);
            }
            let ways = if form == Form::Import {
                "member_id or phone"
            } else {
                "member_id, phone, qr or phone_hash"
            };
            member.errors().add("member", format!("must have exactly one of {ways}"));
            None
        }
    };
    let registered_at =
        if form == Form::Import { member.optional("registered_at", local_moment) } else { None };
    member.finish();
    Some((found?, registered_at))
}

fn phone_hash(json: Json<'_>) -> Result<PhoneHash, String> {
    let wrong = || "must be 64 lower-case hexadecimal digits".to_owned();
    let Json::Text(text) = json else { return Err(wrong()) };
    PhoneHash::parse(&text).ok_or_else(wrong)
}

/// A moment in RFC 3339, or without a zone: then a Moscow clock's. Rule T6.
fn local_moment(json: Json<'_>) -> Result<Timestamp, String> {
    let Json::Text(text) = &json else { return json::moment(json) };
    let zoneless =
        text.len() <= 26 && text.as_bytes().get(10).is_some_and(|byte| matches!(byte, b'T' | b' '));
    let parsed = zoneless
        .then(|| {
            chrono::NaiveDateTime::parse_from_str(&text.replacen(' ', "T", 1), "%Y-%m-%dT%H:%M:%S%.f").ok()
        })
        .flatten();
    match parsed.and_then(Timestamp::from_moscow_local) {
        Some(moment) => Ok(moment),
        None => json::moment(json),
    }
}

fn source(json: Json<'_>) -> Result<PurchaseSource, String> {
    let Json::Text(text) = json else { return Err("must be a text".to_owned()) };
    match text.as_ref() {
        "manual" => Ok(PurchaseSource::Manual),
        "api" => Ok(PurchaseSource::Api),
        "qr" => Ok(PurchaseSource::Qr),
        "csv" => Ok(PurchaseSource::Csv),
        "crm" => Ok(PurchaseSource::Crm),
        _ => Err("must be one of manual, api, qr, csv, crm".to_owned()),
    }
}
