//! One member's expectation against what the sides hold of her.

use std::collections::BTreeMap;

use ledger_core::category::Confidentiality;
use ledger_core::member::MemberState;
use ledger_core::member::consent::Purpose;
use ledger_core::member::event::Holding;
use ledger_core::member::state::{LiveLot, StatusTrack};
use ledger_warehouse::{Kopecks, Purchases};
use uuid::Uuid;

use super::coupons::Coupons;
use super::fold::Expected;
use super::read_models::{Balance, Held, LotLine, Status};
use super::report::Report;

/// Compares `expected` of `member` with the read models; what differs goes into `report`.
pub(super) fn read_models(member: Uuid, expected: &Expected, held: &Held, report: &mut Report) {
    let mut differs = |what: &str, log: String, model: String| {
        if log != model {
            report.differs(|| format!("member {member}: {what}: log {log}, read model {model}"));
        }
    };
    let Balance { available_kopecks, pending_kopecks, held_kopecks, debt_kopecks, .. } =
        held.balances.get(&member).copied().unwrap_or_default();
    let kopecks = |value: i128| Kopecks(value).to_string();
    differs("available", kopecks(expected.available), kopecks(available_kopecks.into()));
    differs("pending", kopecks(expected.pending), kopecks(pending_kopecks.into()));
    differs("held", kopecks(expected.held), kopecks(held_kopecks.into()));
    differs("debt", kopecks(expected.debt), kopecks(debt_kopecks.into()));
    let nothing = BTreeMap::new();
    let lots = held.lots.get(&member).unwrap_or(&nothing);
    let of_log: Vec<LotLine> = expected.lots.values().map(|lot| lot_line(member, lot)).collect();
    let of_model: Vec<LotLine> = lots.values().cloned().collect();
    if of_log != of_model {
        differs("lots", summary(&of_log), format!("{} (others, or unequal)", summary(&of_model)));
    }
    let none = Coupons::default();
    let coupons = held.coupons.get(&member).unwrap_or(&none);
    // Of accounts that are or were one, what became of a coupon may be on either stream.
    if expected.coupons != *coupons && !expected.merges {
        differs("coupons", format!("{:?}", expected.coupons), format!("{coupons:?}"));
    }
    let total = held.totals.get(&member).cloned().unwrap_or_default();
    differs("history total", kopecks(expected.total), kopecks(total.total_kopecks.into()));
    differs("newest running total", kopecks(expected.total), kopecks(total.newest_kopecks.into()));
    differs("history lines", total.lines.to_string(), total.found.to_string());
    differs("wrong running totals", "0".to_owned(), total.wrong.to_string());
    let (ordinary, with_medical) = expected.state.tracks();
    let consents = expected.state.consents_to(&Purpose::MedicalStatus);
    let log = format!("{}; {}; medical {consents}", track(ordinary), track(with_medical));
    let model = held.statuses.get(&member).map_or_else(|| "nothing".to_owned(), status);
    differs("statuses", log, model);
    differs(
        "standing",
        standing(&expected.state),
        held.statuses.get(&member).map_or_else(String::new, held_standing),
    );
    let bills = held.statuses.get(&member).map_or((0, 0), |status| (status.bills, status.bill_kopecks));
    let bills = Purchases { count: bills.0.into(), amount: bills.1.into(), bonuses: 0 };
    let bills = if expected.merges { Purchases { count: expected.bills.count, ..bills } } else { bills };
    differs("bills", expected.bills.to_string(), bills.to_string());
}

/// Compares purchases by business of one member on one side.
pub(super) fn purchases(
    member: Uuid,
    side: &str,
    expected: &BTreeMap<Uuid, Purchases>,
    held: Option<&BTreeMap<Uuid, Purchases>>,
    report: &mut Report,
) {
    let nothing = BTreeMap::new();
    let held = held.unwrap_or(&nothing);
    if expected == held {
        return;
    }
    let mut businesses: Vec<&Uuid> = expected.keys().chain(held.keys()).collect();
    businesses.sort_unstable();
    businesses.dedup();
    for business in businesses {
        let of = |sums: &BTreeMap<Uuid, Purchases>| sums.get(business).copied().unwrap_or_default();
        let (log, there) = (of(expected), of(held));
        if log != there {
            report.differs(|| {
                format!("member {member}: purchases at business {business}: log {log}, {side} {there}")
            });
        }
    }
}

fn lot_line(member: Uuid, lot: &LiveLot) -> LotLine {
    LotLine {
        member_id: member,
        lot_id: lot.lot_id.as_uuid(),
        origin: lot.origin.kind().to_owned(),
        origin_id: lot.origin.id(),
        business_id: lot.origin.business_id().map(|id| id.as_uuid()),
        medical: lot.confidentiality == Confidentiality::Medical,
        funder: lot.funder.as_str().to_owned(),
        left_kopecks: lot.left.kopecks(),
        held_kopecks: lot.held.kopecks(),
        pending: lot.holding == Holding::Pending,
        available_from: lot.available_from.to_utc(),
        expires_at: lot.expires_at.to_utc(),
    }
}

fn summary(lots: &[LotLine]) -> String {
    let left = lots.iter().map(|lot| i128::from(lot.left_kopecks) + i128::from(lot.held_kopecks)).sum();
    format!("{} with {}", lots.len(), Kopecks(left))
}

fn track(track: &StatusTrack) -> String {
    let falls = track.scheduled.map(|falls| (falls.on.to_string(), falls.to.as_str()));
    line(track.status.as_str(), falls)
}

fn status(status: &Status) -> String {
    let falls = |on: &Option<chrono::NaiveDate>, to: &Option<String>| {
        on.map(|on| (on.to_string(), to.clone().unwrap_or_default()))
    };
    let ordinary = falls(&status.ordinary_falls_on, &status.ordinary_falls_to);
    let medical = falls(&status.with_medical_falls_on, &status.with_medical_falls_to);
    format!(
        "{}; {}; medical {}",
        line(&status.ordinary_status, ordinary.as_ref().map(|(on, to)| (on.clone(), to.as_str()))),
        line(&status.with_medical_status, medical.as_ref().map(|(on, to)| (on.clone(), to.as_str()))),
        status.consents
    )
}

/// What stands beside the tracks: invited, blocked, her data not used, top, and what was paid for Premium.
fn standing(state: &MemberState) -> String {
    let (ordinary, with_medical) = state.tracks();
    let periods = state.premium().periods();
    let (blocked, unused) = (state.is_blocked(), state.is_processing_blocked());
    let flags = [ordinary.invited, blocked, unused, ordinary.top, with_medical.top];
    let until = periods.iter().map(|period| period.to.to_utc()).max();
    format!("{flags:?}; premium {} until {until:?}", periods.len())
}

fn held_standing(status: &Status) -> String {
    let Status { premium, premium_to, .. } = status;
    let (blocked, unused) = (status.blocked, status.processing_blocked);
    let flags = [status.invited, blocked, unused, status.top_ordinary, status.top_with_medical];
    format!("{flags:?}; premium {premium} until {premium_to:?}")
}

fn line(status: &str, falls: Option<(String, &str)>) -> String {
    match falls {
        Some((on, to)) => format!("{status}, falls to {to} on {on}"),
        None => status.to_owned(),
    }
}
