//! An offer as it is shown, with the words of the vault.

use ledger_core::business::Businesses;
use ledger_core::category::{Category, Confidentiality};
use ledger_core::ids::ReasonId;
use ledger_core::log::{ActorKind, Event};
use ledger_core::member::status::Status;
use ledger_core::offer::Offer;
use ledger_core::offer::audience::{Audience, Segment};
use ledger_core::offer::definition::{OfferCoupon, OfferReward};
use ledger_core::offer::event::OfferEvent;
use ledger_store::log::StoredRow;

use crate::dto;
use crate::shown_coupon::{Texts, worth};

/// A business is told how many in whole groups of so many: fewer would be somebody.
const TOLD_IN: u32 = 10;

/// The texts of an offer.
pub(crate) fn texts_of(offer: &Offer) -> Vec<ReasonId> {
    offer.definition.texts().chain(offer.reason).collect()
}

/// Who looks at an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// Its business.
    Owner,
    /// An admin, at an ordinary business's.
    Admin,
    /// An admin, at a clinic's: how many new customers there are would tell how many patients (`compliance.md` M4).
    AdminOfClinic,
}

impl Viewer {
    /// Who the caller is.
    pub(crate) fn of(is_admin: bool, offer: &Offer, businesses: &Businesses) -> Self {
        let business = businesses.get(offer.definition.business_id);
        let is_clinic = business.is_none_or(|it| it.confidentiality == Confidentiality::Medical);
        match (is_admin, is_clinic) {
            (false, _) => Self::Owner,
            (true, false) => Self::Admin,
            (true, true) => Self::AdminOfClinic,
        }
    }
}

/// The offer; `to_admin` with exact figures.
pub(crate) fn shown(offer: &Offer, texts: &Texts, viewer: Viewer) -> dto::Offer {
    let said = |id: ReasonId| texts.get(&id).cloned();
    let definition = offer.definition.as_ref();
    let whole = |count: u32| count.saturating_sub(count % TOLD_IN);
    dto::Offer {
        offer_id: offer.offer_id.as_uuid(),
        business_id: definition.business_id.as_uuid(),
        version: offer.version,
        state: offer.state.as_str(),
        title: said(definition.title),
        text: definition.text.and_then(said),
        reward: match &definition.reward {
            OfferReward::Coupon { coupon: given } => {
                dto::ShownOfferReward { kind: "coupon", coupon: Some(coupon(given, texts)), value: None }
            }
            OfferReward::Multiplier { value } => {
                dto::ShownOfferReward { kind: "multiplier", coupon: None, value: Some(*value) }
            }
        },
        audience: audience(&definition.audience),
        from: definition.from,
        to: definition.to,
        limit: definition.limit,
        budget: definition.budget,
        funded_by: definition.funded_by.as_str(),
        reason: offer.reason.and_then(said),
        published_at: offer.published_at,
        ended_at: offer.ended_at,
        issued: match viewer {
            Viewer::Owner => Some(whole(offer.issued)),
            Viewer::Admin => Some(offer.issued),
            Viewer::AdminOfClinic => None,
        },
        committed: (viewer == Viewer::Admin).then_some(offer.committed),
    }
}

fn audience(audience: &Audience) -> dto::ShownOfferAudience {
    let bought = audience.bought_category.as_ref();
    dto::ShownOfferAudience {
        statuses: audience.statuses.iter().copied().map(Status::as_str).collect(),
        bought_category: bought.map(|bought| dto::ShownBoughtCategory {
            categories: bought.categories.iter().copied().map(Category::as_str).collect(),
            within_days: bought.within_days,
        }),
        rfm: audience.rfm.iter().copied().map(Segment::as_str).collect(),
        new_customers: audience.new_customers,
    }
}

fn coupon(given: &OfferCoupon, texts: &Texts) -> dto::ShownOfferCoupon {
    let (value, cap) = worth(&given.gives, given.gift, texts);
    dto::ShownOfferCoupon {
        kind: given.gives.kind(),
        value,
        cap,
        min_bill: given.min_bill,
        life_days: given.life_days,
        with_bonuses: given.with_bonuses,
        description: given.description.and_then(|id| texts.get(&id).cloned()),
    }
}

/// What a fact of an offer's stream says in words.
pub(crate) const fn said_by(fact: &OfferEvent) -> Option<ReasonId> {
    match fact {
        OfferEvent::OfferRejected(fact) => Some(fact.reason_id),
        OfferEvent::OfferCommented(fact) => Some(fact.comment_id),
        _ => None,
    }
}

/// The fact of an offer in this row; `None` for what is none.
pub(crate) fn fact_of(stored: &StoredRow) -> Option<OfferEvent> {
    match stored.row.event() {
        Ok(Event::Offer(fact)) => Some(fact),
        _ => None,
    }
}

/// One thing that was done with an offer; `None` for what is no step of its way.
pub(crate) fn step(stored: &StoredRow, fact: &OfferEvent, texts: &Texts) -> Option<dto::OfferStep> {
    let (kind, version) = match fact {
        OfferEvent::OfferDrafted(fact) => ("drafted", fact.version),
        OfferEvent::OfferSubmitted(fact) => ("submitted", fact.version),
        OfferEvent::OfferApproved(fact) => ("approved", fact.version),
        OfferEvent::OfferRejected(fact) => ("rejected", fact.version),
        OfferEvent::OfferCommented(fact) => ("commented", fact.version),
        OfferEvent::OfferPublished(fact) => ("published", fact.version),
        OfferEvent::OfferEnded(fact) => ("ended", fact.version),
        OfferEvent::OfferCouponIssued(_) => return None,
    };
    let by = match stored.row.metadata.actor.kind {
        ActorKind::Business => "business",
        _ => "admin",
    };
    let text = said_by(fact).and_then(|id| texts.get(&id).cloned());
    Some(dto::OfferStep { kind, version, at: stored.row.recorded_at, by, text })
}
