//! Offers as they come in: how they are read.

use std::collections::BTreeSet;

use ledger_core::category::Category;
use ledger_core::member::event::CouponBenefit;
use ledger_core::money::Roubles;
use ledger_core::offer::audience::{Audience, BoughtCategory, Segment};
use ledger_core::offer::definition::OfferFunder;
use ledger_core::rate::Multiplier;
use ledger_core::time::Timestamp;

use super::admin::decimal;
use super::chain_wanted::COUNT_MAX;
use super::coupons::{TEXT_CHARS_MAX, gives, one_of, statuses};
use super::object;
use crate::json::{self, Fields, Json};

/// The longest title of an offer, in characters.
const TITLE_CHARS_MAX: usize = 100;
const FUNDERS: [(&str, OfferFunder); 2] =
    [("business", OfferFunder::Business), ("coalition", OfferFunder::Coalition)];

/// What an offer is asked to give.
pub(crate) enum OfferRewardWanted {
    Coupon {
        gives: CouponBenefit,
        /// What a gift is, in words.
        gift: Option<String>,
        min_bill: Option<Roubles>,
        life_days: u32,
        with_bonuses: bool,
        description: Option<String>,
    },
    Multiplier {
        value: Multiplier,
    },
}

/// An offer, or a change to one, as asked for. A value that is there without one is taken away.
pub(crate) struct OfferWanted {
    pub(crate) title: Option<String>,
    pub(crate) text: Option<Option<String>>,
    pub(crate) reward: Option<OfferRewardWanted>,
    pub(crate) audience: Option<Audience>,
    pub(crate) from: Option<Option<Timestamp>>,
    pub(crate) to: Option<Option<Timestamp>>,
    pub(crate) limit: Option<Option<u32>>,
    pub(crate) budget: Option<Option<Roubles>>,
    pub(crate) funded_by: Option<OfferFunder>,
}

impl OfferWanted {
    /// Reads a new offer, whose `business_id` was taken before.
    pub(crate) fn draft(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let title = fields.required("title", json::text(TITLE_CHARS_MAX));
        let text = fields.optional("text", json::text(TEXT_CHARS_MAX)).map(Some);
        let reward = fields.object("reward").and_then(reward);
        let audience = match fields.maybe_json("audience") {
            Some(json) => Some(object(json, "audience", fields.errors(), audience)?),
            None => None,
        };
        let from = fields.optional("from", json::moment).map(Some);
        let to = fields.optional("to", json::moment).map(Some);
        let limit = fields.optional("limit", json::integer(0, COUNT_MAX)).map(Some);
        let budget = fields.optional("budget", json::money).map(Some);
        let funded_by = fields.optional("funded_by", |json| one_of(json, &FUNDERS));
        let (title, reward) = (Some(title?), Some(reward?));
        Some(Self { title, text, reward, audience, from, to, limit, budget, funded_by })
    }

    /// Reads a change.
    pub(crate) fn change(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let title = fields.optional("title", json::text(TITLE_CHARS_MAX));
        let text = fields.nullable("text", json::text(TEXT_CHARS_MAX));
        let reward = match fields.maybe_json("reward") {
            Some(Json::Null) => {
                fields.wrong("reward", "must not be null");
                None
            }
            Some(json) => Fields::of(json, "reward", fields.errors()).and_then(reward),
            None => None,
        };
        let audience = match fields.maybe_json("audience") {
            Some(Json::Null) => Some(Audience::default()),
            Some(json) => Some(object(json, "audience", fields.errors(), audience)?),
            None => None,
        };
        let from = fields.nullable("from", json::moment);
        let to = fields.nullable("to", json::moment);
        let limit = fields.nullable("limit", json::integer(0, COUNT_MAX));
        let budget = fields.nullable("budget", json::money);
        let funded_by = fields.optional("funded_by", |json| one_of(json, &FUNDERS));
        Some(Self { title, text, reward, audience, from, to, limit, budget, funded_by })
    }
}

/// Audience of the body in which an audience is all there is to read.
pub(crate) fn audience(fields: &mut Fields<'_, '_>) -> Option<Audience> {
    let statuses = fields.optional("statuses", statuses).unwrap_or_default().into_iter().collect();
    let bought_category = match fields.maybe_json("bought_category") {
        Some(json) => Some(object(json, "audience.bought_category", fields.errors(), bought)?),
        None => None,
    };
    let segments = Segment::ALL.map(|segment| (segment.as_str(), segment));
    let rfm = fields.optional("rfm", |json| different(json, &segments, "segments")).unwrap_or_default();
    let new_customers = fields.optional("new_customers", json::flag).unwrap_or_default();
    Some(Audience { statuses, bought_category, rfm, new_customers })
}

fn bought(fields: &mut Fields<'_, '_>) -> Option<BoughtCategory> {
    let known = Category::ALL.map(|category| (category.as_str(), category));
    let categories = fields.required("categories", |json| different(json, &known, "categories"));
    let within_days = fields.required("within_days", json::integer(0, COUNT_MAX));
    Some(BoughtCategory { categories: categories?, within_days: within_days? })
}

/// A list of different names, one at least.
fn different<T: Copy + Ord>(json: Json<'_>, known: &[(&str, T)], what: &str) -> Result<BTreeSet<T>, String> {
    let wrong = || format!("must be a list of one or more different {what}");
    let Json::List(items) = json else { return Err(wrong()) };
    if items.is_empty() || items.len() > known.len() {
        return Err(wrong());
    }
    let named = items.len();
    let all = items.into_iter().map(|item| one_of(item, known)).collect::<Result<BTreeSet<T>, _>>()?;
    if all.len() == named { Ok(all) } else { Err(wrong()) }
}

fn reward(mut fields: Fields<'_, '_>) -> Option<OfferRewardWanted> {
    let reward = reward_of(&mut fields);
    fields.finish();
    reward
}

fn reward_of(fields: &mut Fields<'_, '_>) -> Option<OfferRewardWanted> {
    let is_coupon =
        fields.required("type", |json| one_of(json, &[("coupon", true), ("multiplier", false)]))?;
    if !is_coupon {
        return Some(OfferRewardWanted::Multiplier { value: fields.required("value", decimal)? });
    }
    let mut of_coupon = fields.object("coupon")?;
    let coupon = coupon(&mut of_coupon);
    of_coupon.finish();
    coupon
}

fn coupon(fields: &mut Fields<'_, '_>) -> Option<OfferRewardWanted> {
    let given = gives(fields);
    let min_bill = fields.optional("min_bill", json::money);
    let life_days = fields.required("life_days", json::integer(0, COUNT_MAX));
    let with_bonuses = fields.optional("with_bonuses", json::flag).unwrap_or(true);
    let description = fields.optional("description", json::text(TEXT_CHARS_MAX));
    let (gives, gift) = given?;
    Some(OfferRewardWanted::Coupon {
        gives,
        gift,
        min_bill,
        life_days: life_days?,
        with_bonuses,
        description,
    })
}
