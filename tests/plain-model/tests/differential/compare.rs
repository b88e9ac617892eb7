//! What both must agree on: after every step, and at the end of a history.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use ledger_core::ids::{CouponId, LotId};
use ledger_core::member::status::{Spent, progress_percent, requirement, visited_for};
use ledger_core::time::Timestamp;
use plain_model::Kopecks;
use plain_model::lot::Place;
use plain_model::member::Command;
use plain_model::status::Status;
use proptest::prelude::*;

use crate::domain::{roubles, status};
use crate::run::{Run, first_word};
use crate::steps::Step;
use crate::{coupons, reactions};

impl Run {
    pub(crate) fn compare(&self) -> Result<(), TestCaseError> {
        let now = self.now;
        let days = self.circle.policy(now).expiring_soon_days;
        prop_assert_eq!(
            self.domain.balance(now, days),
            self.member.balance(&self.circle, now),
            "balance at {}",
            now
        );
        prop_assert_eq!(self.their_statuses(), self.our_statuses(), "statuses at {}", now);
        prop_assert_eq!(self.their_lots(), self.our_lots(), "lots at {}", now);
        let ours: BTreeSet<CouponId> = self.member.open_coupons(now).map(|coupon| coupon.id).collect();
        prop_assert_eq!(coupons::open(&self.domain, now), ours, "coupons at {}", now);
        let ours = reactions::converted(&self.member);
        prop_assert_eq!(self.domain.her.converted(), ours, "conversions at {}", now);
        let ours: Vec<_> =
            self.circle.chains.iter().map(|chain| (chain.given.len(), chain.committed())).collect();
        prop_assert_eq!(self.domain.given(), ours, "what chains gave by {}", now);
        Ok(())
    }

    fn our_statuses(&self) -> [(Status, Option<NaiveDate>); 2] {
        [self.member.ordinary, self.member.with_medical].map(|track| (track.status, track.falls_on))
    }

    fn their_statuses(&self) -> [(Status, Option<NaiveDate>); 2] {
        let (ordinary, with_medical) = self.domain.her.state.tracks();
        [ordinary, with_medical]
            .map(|track| (status(track.status), track.scheduled.map(|it| it.on.to_date())))
    }

    /// Of each lot what is left and what is held, at now with everything due written.
    fn our_lots(&self) -> BTreeMap<LotId, (Kopecks, Kopecks, Timestamp)> {
        let after = self.member.at(&self.circle, self.now);
        let lots = after.lots.iter().map(|lot| {
            let left = lot.amount_at(&Place::Available) + lot.amount_at(&Place::Pending);
            (lot.id, (left, lot.amount_at(&Place::Held), lot.expires_at))
        });
        lots.filter(|(_, (left, held, _))| left + held > 0).collect()
    }

    fn their_lots(&self) -> BTreeMap<LotId, (Kopecks, Kopecks, Timestamp)> {
        let mut after = self.domain.clone();
        after.command(self.now, &Command::Due).expect("never refused");
        let of = |amount: ledger_core::money::Bonuses| Kopecks::from(amount.kopecks());
        let lots = after.her.state.live_lots();
        lots.map(|lot| (lot.lot_id, (of(lot.left), of(lot.held), lot.expires_at))).collect()
    }

    /// The books of both agree, every lot is accounted for, and lots = postings = balance. Rules M1, M2.
    pub(crate) fn close(&mut self) -> Result<(), TestCaseError> {
        self.close_one()?;
        (0..self.others.len()).try_for_each(|pick| {
            self.meet(pick);
            self.close_one()
        })
    }

    fn close_one(&mut self) -> Result<(), TestCaseError> {
        self.react()?;
        self.step(&Step::Due)?;
        self.read_again()?;
        let (books, lots) = self.domain.books();
        prop_assert_eq!(&books, &self.member.books(&self.domain.her.id.to_string()), "books");
        prop_assert_eq!(books.bon.values().sum::<Kopecks>(), 0);
        prop_assert_eq!(books.rub.values().sum::<Kopecks>(), 0);
        prop_assert!(lots.values().all(|(rest, _)| *rest == 0), "a lot is not accounted for: {:?}", lots);
        let outstanding: BTreeMap<_, _> = lots.into_iter().map(|(id, (_, left))| (id, left)).collect();
        for (id, (left, held, _)) in self.our_lots() {
            prop_assert_eq!(outstanding.get(&id), Some(&(left + held)));
        }
        let balance = self.member.balance(&self.circle, self.now);
        prop_assert_eq!(outstanding.values().sum::<Kopecks>(), balance.total);
        self.look_back();
        self.look_back_at_chains();
        self.look_back_at_revisions();
        self.compare_progress()
    }

    /// Rule S5: the domain's arithmetic on what the model says she spent.
    fn compare_progress(&self) -> Result<(), TestCaseError> {
        let policy = self.circle.policy(self.now);
        let spent = self.member.spent(
            &self.circle,
            policy,
            self.now,
            None,
            self.member.consents_to("medical_status"),
        );
        let theirs =
            Spent { amount: roubles(spent.amount), categories: spent.categories.into_iter().collect() };
        let all = self.domain.registry.businesses.ordinary_categories();
        let parameters = &self.domain.registry.policies.in_force(self.now).expect("a policy").parameters;
        let percent = self.domain.her.state.status_at(self.now).next().map(|next| {
            let needed = requirement(next, parameters, all);
            progress_percent(&theirs, needed, visited_for(next, &theirs, all))
        });
        prop_assert_eq!(percent, self.member.progress(&self.circle, self.now), "progress");
        Ok(())
    }

    /// What became of her bonuses and of her, for `seen`.
    fn look_back(&mut self) {
        for it in self.member.lots.iter().flat_map(|lot| &lot.moves) {
            let place = |place: &Place| first_word(&format!("{place:?}"));
            self.seen.insert(format!("{} to {}", place(&it.from), place(&it.to)));
        }
        self.seen.extend(coupons::seen(&self.member));
        let is_repaid = self.member.debts.iter().any(|debt| !debt.payments.is_empty());
        self.seen.extend(is_repaid.then(|| "debt repaid".to_owned()));
        self.seen.insert(format!("ends as {}", self.member.shown(self.now).as_str()));
        self.seen.extend(self.member.ordinary.falls_on.map(|_| "ends before a fall".to_owned()));
    }
}
