//! The chart of accounts, line by line from the design's table. Rules M1, M2.

use std::collections::BTreeMap;

use crate::Kopecks;
use crate::lot::{COALITION, ExpiredTo, Lot, Move, Place};
use crate::member::Member;

/// What stands in each account: bonuses and roubles, by the account's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the design")]
pub struct Books {
    pub bon: BTreeMap<String, Kopecks>,
    pub rub: BTreeMap<String, Kopecks>,
}

impl Books {
    fn bon(&mut self, account: &str, amount: Kopecks) {
        *self.bon.entry(account.to_owned()).or_default() += amount;
    }

    fn rub(&mut self, from: &str, to: &str, amount: Kopecks) {
        *self.rub.entry(from.to_owned()).or_default() -= amount;
        *self.rub.entry(to.to_owned()).or_default() += amount;
    }
}

/// c(f) of the design.
fn clearing(funder: &str) -> String {
    if funder == COALITION { "coalition/promo".to_owned() } else { format!("business/{funder}/clearing") }
}

/// `business/{slug}/…`, or `coalition/…`.
fn of(party: &str, what: &str) -> String {
    if party == COALITION { format!("coalition/{what}") } else { format!("business/{party}/{what}") }
}

const FLOAT: &str = "coalition/float";

fn bon_account(place: &Place, lot: &Lot, member: &str) -> String {
    match place {
        Place::Funder => format!("funder/{}/issued", lot.funder),
        Place::Pending => format!("member/{member}/pending"),
        Place::Available => format!("member/{member}/available"),
        Place::Held => format!("member/{member}/held"),
        Place::Redeemed(business) => of(business, "redeemed"),
        Place::Expired(_) => format!("funder/{}/expired", lot.funder),
        Place::TakenBack => format!("funder/{}/taken_back", lot.funder),
        Place::TakenFor(creditor) => of(creditor, "redeemed"),
    }
}

fn post(books: &mut Books, lot: &Lot, Move { amount, from, to }: &Move, member: &str) {
    books.bon(&bon_account(from, lot, member), -amount);
    books.bon(&bon_account(to, lot, member), *amount);
    let funder = clearing(&lot.funder);
    let heir = |to: &ExpiredTo| match to {
        ExpiredTo::Funder => funder.clone(),
        ExpiredTo::Breakage => "coalition/breakage".to_owned(),
    };
    match (from, to) {
        // Accrual or gift that is spendable at once; matured.
        (Place::Funder | Place::Pending, Place::Available) => books.rub(&funder, FLOAT, *amount),
        // Capture at R; taken back from another lot for K; debt to K repaid.
        (Place::Held, Place::Redeemed(party)) | (Place::Available, Place::TakenFor(party)) => {
            books.rub(FLOAT, &clearing(party), *amount);
        }
        (Place::Available, Place::Expired(to)) => books.rub(FLOAT, &heir(to), *amount),
        // Taken back from the purchase's own lot, or by an adjustment.
        (Place::Available, Place::TakenBack) => books.rub(FLOAT, &funder, *amount),
        // Returned, lot alive; lot past its life.
        (Place::Redeemed(business), Place::Available) => books.rub(&clearing(business), FLOAT, *amount),
        (Place::Redeemed(business), Place::Expired(to)) => books.rub(&clearing(business), &heir(to), *amount),
        // Accrued and pending; hold, release; what ends while pending was never paid for.
        (Place::Funder, Place::Pending)
        | (Place::Available, Place::Held)
        | (Place::Held, Place::Available)
        | (Place::Pending, Place::Expired(_) | Place::TakenBack) => {}
        (from, to) => unreachable!("the design has no line from {from:?} to {to:?}"),
    }
}

impl Member {
    /// Every account after everything that is written, without those where nothing stands.
    #[must_use]
    pub fn books(&self, member: &str) -> Books {
        let mut books = Books::default();
        for lot in &self.lots {
            lot.moves.iter().for_each(|it| post(&mut books, lot, it, member));
        }
        // Coupon discount D at R, funded by g; a refund reverses in proportion.
        for purchase in &self.purchases {
            if let Some((funder, amount)) = purchase.discount_owed() {
                books.rub(&clearing(funder), &clearing(&purchase.business), amount);
            }
        }
        for debt in &self.debts {
            books.bon(&format!("member/{member}/debt"), -debt.left());
            books.bon(&of(&debt.creditor, "claims"), debt.left());
        }
        books.bon.retain(|_, amount| *amount != 0);
        books.rub.retain(|_, amount| *amount != 0);
        books
    }
}
