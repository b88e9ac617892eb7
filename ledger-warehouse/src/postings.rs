//! The postings that ClickHouse gets: those of lots that have nothing to do with a medical business. Design J6.
//!
//! A posting is kept with its lot or left out with it. The postings of one lot sum to zero in each unit within their event,
//! so what is sent sums to zero too.

use ledger_core::category::Confidentiality;
use ledger_core::ids::MemberId;
use ledger_core::log::Event;
use ledger_core::postings::{Posting, postings};

use crate::lots::{discount_of, lots_of};

/// The postings of `event` that are no medical secret, each with its place among all of them. What is not known to be
/// ordinary is left out.
#[must_use]
pub fn ordinary_postings(member: MemberId, event: &Event) -> Vec<(u32, Posting)> {
    let Some((_, mut lots)) = lots_of(event) else { return Vec::new() };
    lots.extend(discount_of(event));
    let is_ordinary = |posting: &Posting| {
        let lot = lots.iter().find(|lot| lot.lot_id == posting.lot_id);
        lot.is_some_and(|lot| lot.confidentiality == Confidentiality::Ordinary)
    };
    (0..).zip(postings(member, event)).filter(|(_, posting)| is_ordinary(posting)).collect()
}
