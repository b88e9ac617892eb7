//! Facts as tests expect them, with defaults.

use super::{at, bon, business_id, kind_of, purchase_id, rub};
use crate::ids::{LotId, NaturalKey};
use crate::log::Event;
use crate::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin};
use crate::member::event::{
    BonusExpired, BonusMatured, ConsentGranted, ConsentWithdrawn, ExpiredTo, Holding, MemberRegistered,
    PurchaseRecorded, PurchaseSource,
};
use crate::member::lot::{Funder, Lot, LotOrigin};

/// A consent given or withdrawn, to version `v1` of its text.
pub(crate) fn consent(purpose: &str, choice: ConsentChoice) -> ConsentChange {
    let version = "v1".parse().expect("a version");
    ConsentChange { purpose: purpose.parse().expect("a purpose"), choice, version, text_hash: None }
}

/// How tests decide on consents unless they say otherwise.
pub(crate) const IN_THE_APP: ConsentOrigin = ConsentOrigin::from_channel(ConsentChannel::App);

pub(crate) fn granted(purpose: &str) -> Event {
    let ConsentChange { purpose, version, .. } = consent(purpose, ConsentChoice::Granted);
    ConsentGranted {
        purpose,
        version,
        channel: ConsentChannel::App,
        evidence: None,
        text_hash: None,
        session: None,
    }
    .into()
}

pub(crate) fn withdrawn(purpose: &str) -> Event {
    let ConsentChange { purpose, version, .. } = consent(purpose, ConsentChoice::Withdrawn);
    ConsentWithdrawn {
        purpose,
        version,
        channel: ConsentChannel::App,
        evidence: None,
        text_hash: None,
        session: None,
    }
    .into()
}

pub(crate) fn registered(when: &str) -> Event {
    MemberRegistered { registered_at: at(when) }.into()
}

/// The purchase `serial` as the log takes it.
pub(crate) fn recorded(serial: u8, slug: &str, amount: &str) -> PurchaseRecorded {
    let (category, confidentiality) = kind_of(slug);
    PurchaseRecorded {
        purchase_id: purchase_id(serial),
        business_id: business_id(slug),
        business: slug.parse().expect("a slug"),
        category,
        confidentiality,
        natural_key: NaturalKey::from_bytes([serial; 32]),
        revision: 1,
        amount: rub(amount),
        source: PurchaseSource::Api,
        source_system: None,
    }
}

/// The origin of a lot of purchase `serial` at `slug`.
pub(crate) fn bought(serial: u8, slug: &str) -> LotOrigin {
    LotOrigin::Purchase {
        purchase_id: purchase_id(serial),
        business_id: business_id(slug),
        confidentiality: kind_of(slug).1,
    }
}

fn funder(name: &str) -> Funder {
    name.parse().expect("a funder")
}

/// A lot of purchase `serial`, available from the first of two moments to the second.
pub(crate) fn lot(serial: u8, by: &str, amount: &str, opens: Holding, life: [&str; 2]) -> Lot {
    Lot {
        lot_id: LotId::of(purchase_id(serial), by),
        funder: funder(by),
        amount: bon(amount),
        opens,
        available_from: at(life[0]),
        expires_at: at(life[1]),
    }
}

/// The lot by `by` of purchase `serial` at `slug` matures.
pub(crate) fn matured(serial: u8, slug: &str, by: &str, amount: &str) -> Event {
    let fact = BonusMatured {
        lot_id: LotId::of(purchase_id(serial), by),
        origin: bought(serial, slug),
        confidentiality: bought(serial, slug).confidentiality(),
        funder: funder(by),
        amount: bon(amount),
    };
    fact.into()
}

/// The available lot by `by` of purchase `serial` at `slug` expires.
pub(crate) fn expired(serial: u8, slug: &str, by: &str, amount: &str, expired_to: ExpiredTo) -> Event {
    let fact = BonusExpired {
        lot_id: LotId::of(purchase_id(serial), by),
        origin: bought(serial, slug),
        confidentiality: bought(serial, slug).confidentiality(),
        funder: funder(by),
        amount: bon(amount),
        holding: Holding::Available,
        expired_to,
    };
    fact.into()
}
