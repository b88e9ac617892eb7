//! Double-entry postings of every event with an effect on value. Rules M1, M2; the chart of accounts of the design.
//!
//! Pure: what an event posts follows from the event alone. The postings of every event sum to zero in each unit, so that
//! balances are sums of postings at every prefix of the log.

use std::fmt;

use crate::ids::{LotId, MemberId, PurchaseId, Slug};
use crate::log::Event;
use crate::member::event::{
    BonusAccrued, BonusExpired, BonusMatured, BonusReturned, BonusTakenBack, BonusWithdrawn, BonusesHeld,
    BonusesRedeemed, CouponReckoned, CouponRedeemed, DebtIncurred, DebtRepaid, DebtWrittenOff, Estate,
    EstateLot, ExpiredTo, HoldReleased, Holding, LotPart, MemberEvent, OtherPart, OwnPart, Way,
};
use crate::member::lot::{Funder, Lot};
use crate::money::Roubles;

/// What a posting counts; the two are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// Bonuses.
    Bon,
    /// What businesses, coalition and fund owe each other.
    Rub,
}

impl Unit {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bon => "BON",
            Self::Rub => "RUB",
        }
    }
}

/// An account of the chart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// `member/{id}/pending`.
    MemberPending(MemberId),
    /// `member/{id}/available`.
    MemberAvailable(MemberId),
    /// `member/{id}/held`.
    MemberHeld(MemberId),
    /// `member/{id}/debt`: what she owes, below zero.
    MemberDebt(MemberId),
    /// `funder/{slug|coalition}/issued`.
    Issued(Funder),
    /// `funder/{slug|coalition}/expired`.
    Expired(Funder),
    /// `funder/{slug|coalition}/taken_back`.
    TakenBack(Funder),
    /// `business/{slug}|coalition/redeemed`.
    Redeemed(Funder),
    /// `business/{slug}|coalition/claims`.
    Claims(Funder),
    /// `business/{slug}/clearing`, or `coalition/promo` for the coalition: c(f) of the design.
    Clearing(Funder),
    /// `coalition/float`.
    Float,
    /// `coalition/breakage`.
    Breakage,
    /// `transfer/{id}/pending`: on the way between an account that became one with another, and that other.
    TransferPending(MemberId),
    /// `transfer/{id}/available`.
    TransferAvailable(MemberId),
    /// `transfer/{id}/debt`.
    TransferDebt(MemberId),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MemberPending(id) => write!(f, "member/{id}/pending"),
            Self::MemberAvailable(id) => write!(f, "member/{id}/available"),
            Self::MemberHeld(id) => write!(f, "member/{id}/held"),
            Self::MemberDebt(id) => write!(f, "member/{id}/debt"),
            Self::TakenBack(funder) => write!(f, "funder/{funder}/taken_back"),
            Self::Redeemed(Funder::Business(slug)) => write!(f, "business/{slug}/redeemed"),
            Self::Redeemed(Funder::Coalition) => f.write_str("coalition/redeemed"),
            Self::Claims(Funder::Business(slug)) => write!(f, "business/{slug}/claims"),
            Self::Claims(Funder::Coalition) => f.write_str("coalition/claims"),
            Self::Issued(funder) => write!(f, "funder/{funder}/issued"),
            Self::Expired(funder) => write!(f, "funder/{funder}/expired"),
            Self::Clearing(Funder::Business(slug)) => write!(f, "business/{slug}/clearing"),
            Self::Clearing(Funder::Coalition) => f.write_str("coalition/promo"),
            Self::Float => f.write_str("coalition/float"),
            Self::Breakage => f.write_str("coalition/breakage"),
            Self::TransferPending(id) => write!(f, "transfer/{id}/pending"),
            Self::TransferAvailable(id) => write!(f, "transfer/{id}/available"),
            Self::TransferDebt(id) => write!(f, "transfer/{id}/debt"),
        }
    }
}

impl Account {
    /// Its name in the chart; of a member, or of what moves between two accounts, only which: `member/available`,
    /// `transfer/available`. So all members are one.
    #[must_use]
    pub fn folded(&self) -> String {
        let name = self.to_string();
        let mut parts = name.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(of @ ("member" | "transfer")), Some(_), Some(which), None) => format!("{of}/{which}"),
            _ => name,
        }
    }
}

/// One line of double entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// What it counts.
    pub unit: Unit,
    /// Where.
    pub account: Account,
    /// How much, in kopecks or hundredths of a bonus, signed.
    pub kopecks: i64,
    /// The lot it is about; of a discount, the one that a coupon of bonuses would have made.
    pub lot_id: LotId,
    /// Who funds that lot.
    pub funder: Funder,
}

/// The postings of `event` on the stream of `member`; none for an event without an effect on value.
#[must_use]
pub fn postings(member: MemberId, event: &Event) -> Vec<Posting> {
    let Event::Member(event) = event else { return Vec::new() };
    match event {
        MemberEvent::BonusAccrued(fact) => accrued(member, fact),
        MemberEvent::BonusMatured(fact) => matured(member, fact),
        MemberEvent::BonusExpired(fact) => expired(member, fact),
        MemberEvent::BonusesHeld(fact) => held(member, fact),
        MemberEvent::HoldReleased(fact) => released(member, fact),
        MemberEvent::BonusesRedeemed(fact) => redeemed(member, fact),
        MemberEvent::BonusReturned(fact) => returned(member, fact),
        MemberEvent::BonusTakenBack(fact) => taken_back(member, fact),
        MemberEvent::DebtIncurred(fact) => owed(member, fact),
        MemberEvent::DebtRepaid(fact) => repaid(member, fact),
        MemberEvent::BonusGifted(fact) => opened(member, &fact.lot),
        MemberEvent::BonusAdjusted(fact) => opened(member, &fact.lot),
        MemberEvent::BonusWithdrawn(fact) => withdrawn(member, fact),
        MemberEvent::CrossBonusAccrued(fact) => fact.lot.iter().flat_map(|lot| opened(member, lot)).collect(),
        MemberEvent::CouponRedeemed(fact) => coupon_used(member, fact),
        MemberEvent::CouponReckoned(fact) => coupon_reckoned(member, fact),
        MemberEvent::AccountMerged(fact) => moved(member, member, &fact.estate, Way::Out),
        MemberEvent::AccountTakenIn(fact) => moved(member, fact.absorbed, &fact.estate, Way::In),
        MemberEvent::AccountParted(fact) => moved(member, fact.absorbed, &fact.estate, Way::Out),
        MemberEvent::AccountRestored(fact) => moved(member, member, &fact.estate, Way::In),
        MemberEvent::DebtWrittenOff(fact) => written_off(member, fact),
        MemberEvent::MemberRegistered(_)
        | MemberEvent::MembershipBackdated(_)
        | MemberEvent::ConsentGranted(_)
        | MemberEvent::ConsentWithdrawn(_)
        | MemberEvent::PurchaseRecorded(_)
        | MemberEvent::PurchaseQuarantined(_)
        | MemberEvent::QuarantineApplied(_)
        | MemberEvent::QuarantineDropped(_)
        | MemberEvent::PurchaseAmended(_)
        | MemberEvent::PurchaseTakenOver(_)
        | MemberEvent::PurchaseRefunded(_)
        | MemberEvent::WaitingRefundDropped(_)
        | MemberEvent::StatusChanged(_)
        | MemberEvent::StatusDowngradeScheduled(_)
        | MemberEvent::StatusDowngradeCancelled(_)
        | MemberEvent::InnerCircleInvited(_)
        | MemberEvent::InnerCircleInvitationWithdrawn(_)
        | MemberEvent::TopSpendersEntered(_)
        | MemberEvent::TopSpendersLeft(_)
        | MemberEvent::PremiumStarted(_)
        | MemberEvent::PremiumRenewed(_)
        | MemberEvent::PremiumCancelled(_)
        | MemberEvent::PremiumLapsed(_)
        | MemberEvent::MemberBlocked(_)
        | MemberEvent::MemberUnblocked(_)
        | MemberEvent::PhoneChanged(_)
        | MemberEvent::CouponIssued(_)
        | MemberEvent::CouponActivated(_)
        | MemberEvent::CouponExpired(_)
        | MemberEvent::CouponRevoked(_)
        | MemberEvent::ChainTriggered(_)
        | MemberEvent::ChainConverted(_)
        | MemberEvent::MemberErased(_)
        | MemberEvent::Rights(_) => Vec::new(),
    }
}

/// Collects pairs of postings that move an amount of one lot from one account to another.
struct Moves {
    lot_id: LotId,
    funder: Funder,
    kopecks: i64,
    postings: Vec<Posting>,
}

impl Moves {
    const fn of(lot_id: LotId, funder: Funder, kopecks: i64) -> Self {
        Self { lot_id, funder, kopecks, postings: Vec::new() }
    }

    fn part(part: &LotPart) -> Self {
        Self::of(part.lot_id, part.funder.clone(), part.amount.kopecks())
    }

    fn shift(mut self, unit: Unit, from: Account, to: Account) -> Self {
        let mut post = |account, kopecks| {
            self.postings.push(Posting {
                unit,
                account,
                kopecks,
                lot_id: self.lot_id,
                funder: self.funder.clone(),
            });
        };
        // Amounts are never negative, so the negation always fits.
        post(from, self.kopecks.saturating_neg());
        post(to, self.kopecks);
        self
    }
}

fn accrued(member: MemberId, fact: &BonusAccrued) -> Vec<Posting> {
    fact.lots.iter().flat_map(|lot| opened(member, lot)).collect()
}

fn opened(member: MemberId, lot: &Lot) -> Vec<Posting> {
    let moves = Moves::of(lot.lot_id, lot.funder.clone(), lot.amount.kopecks());
    let issued = Account::Issued(lot.funder.clone());
    let moves = match lot.opens {
        Holding::Pending => moves.shift(Unit::Bon, issued, Account::MemberPending(member)),
        Holding::Available => moves.shift(Unit::Bon, issued, Account::MemberAvailable(member)).shift(
            Unit::Rub,
            Account::Clearing(lot.funder.clone()),
            Account::Float,
        ),
    };
    moves.postings
}

fn withdrawn(member: MemberId, fact: &BonusWithdrawn) -> Vec<Posting> {
    Moves::of(fact.lot_id, fact.funder.clone(), fact.amount.kopecks())
        .shift(Unit::Bon, Account::MemberAvailable(member), Account::TakenBack(fact.funder.clone()))
        .shift(Unit::Rub, Account::Float, Account::Clearing(fact.funder.clone()))
        .postings
}

fn matured(member: MemberId, fact: &BonusMatured) -> Vec<Posting> {
    Moves::of(fact.lot_id, fact.funder.clone(), fact.amount.kopecks())
        .shift(Unit::Bon, Account::MemberPending(member), Account::MemberAvailable(member))
        .shift(Unit::Rub, Account::Clearing(fact.funder.clone()), Account::Float)
        .postings
}

fn expired(member: MemberId, fact: &BonusExpired) -> Vec<Posting> {
    let moves = Moves::of(fact.lot_id, fact.funder.clone(), fact.amount.kopecks());
    let gone = Account::Expired(fact.funder.clone());
    let back = ended(fact.expired_to, &fact.funder);
    match fact.holding {
        // A pending lot was never paid for (Rule M2), so nothing flows back.
        Holding::Pending => moves.shift(Unit::Bon, Account::MemberPending(member), gone).postings,
        Holding::Available => {
            moves
                .shift(Unit::Bon, Account::MemberAvailable(member), gone)
                .shift(Unit::Rub, Account::Float, back)
                .postings
        }
    }
}

/// Where the face value of what expired goes. Rule B8.
fn ended(expired_to: ExpiredTo, funder: &Funder) -> Account {
    match expired_to {
        ExpiredTo::Funder => Account::Clearing(funder.clone()),
        ExpiredTo::Coalition => Account::Breakage,
    }
}

fn held(member: MemberId, fact: &BonusesHeld) -> Vec<Posting> {
    let (from, to) = (Account::MemberAvailable(member), Account::MemberHeld(member));
    let parts = fact.parts.iter().map(|held| &held.part);
    parts.flat_map(|part| Moves::part(part).shift(Unit::Bon, from.clone(), to.clone()).postings).collect()
}

fn released(member: MemberId, fact: &HoldReleased) -> Vec<Posting> {
    let (from, to) = (Account::MemberHeld(member), Account::MemberAvailable(member));
    let parts = fact.parts.iter();
    parts.flat_map(|part| Moves::part(part).shift(Unit::Bon, from.clone(), to.clone()).postings).collect()
}

/// `part` leaves `from` and counts as spent with `creditor`, who is owed its face value. Rule M2.
fn spent(part: &LotPart, from: Account, creditor: &Funder) -> Vec<Posting> {
    Moves::part(part)
        .shift(Unit::Bon, from, Account::Redeemed(creditor.clone()))
        .shift(Unit::Rub, Account::Float, Account::Clearing(creditor.clone()))
        .postings
}

fn redeemed(member: MemberId, fact: &BonusesRedeemed) -> Vec<Posting> {
    let with = Funder::Business(fact.business.clone());
    fact.parts.iter().flat_map(|held| spent(&held.part, Account::MemberHeld(member), &with)).collect()
}

fn returned(member: MemberId, fact: &BonusReturned) -> Vec<Posting> {
    let with = Funder::Business(fact.business.clone());
    let alive = fact.parts.iter().flat_map(|held| {
        Moves::part(&held.part)
            .shift(Unit::Bon, Account::Redeemed(with.clone()), Account::MemberAvailable(member))
            .shift(Unit::Rub, Account::Clearing(with.clone()), Account::Float)
            .postings
    });
    let past_life = fact.past_life.iter().flat_map(|part| {
        Moves::part(part)
            .shift(Unit::Bon, Account::Redeemed(with.clone()), Account::Expired(part.funder.clone()))
            .shift(Unit::Rub, Account::Clearing(with.clone()), ended(fact.expired_to, &part.funder))
            .postings
    });
    let instead = fact.instead.iter().flat_map(|lot| opened(member, lot));
    alive.chain(past_life).chain(instead).collect()
}

fn taken_back(member: MemberId, fact: &BonusTakenBack) -> Vec<Posting> {
    let own = fact.own.iter().flat_map(|OwnPart { part, holding }| {
        let (moves, gone) = (Moves::part(part), Account::TakenBack(part.funder.clone()));
        match holding {
            // Nobody has paid for a pending lot (Rule M2).
            Holding::Pending => moves.shift(Unit::Bon, Account::MemberPending(member), gone).postings,
            Holding::Available => {
                moves
                    .shift(Unit::Bon, Account::MemberAvailable(member), gone)
                    .shift(Unit::Rub, Account::Float, Account::Clearing(part.funder.clone()))
                    .postings
            }
        }
    });
    let others = fact.others.iter();
    let others = others
        .flat_map(|OtherPart { creditor, part }| spent(part, Account::MemberAvailable(member), creditor));
    own.chain(others).collect()
}

fn owed(member: MemberId, fact: &DebtIncurred) -> Vec<Posting> {
    Moves::of(fact.lot_id, fact.creditor.clone(), fact.amount.kopecks())
        .shift(Unit::Bon, Account::MemberDebt(member), Account::Claims(fact.creditor.clone()))
        .postings
}

fn repaid(member: MemberId, fact: &DebtRepaid) -> Vec<Posting> {
    let paid = fact.parts.iter();
    let paid = paid.flat_map(|part| spent(part, Account::MemberAvailable(member), &fact.creditor));
    let settled = Moves::of(fact.lot_id, fact.creditor.clone(), fact.amount.kopecks()).shift(
        Unit::Bon,
        Account::Claims(fact.creditor.clone()),
        Account::MemberDebt(member),
    );
    paid.chain(settled.postings).collect()
}

/// The claim is gone with the debt: who had it bears it.
fn written_off(member: MemberId, fact: &DebtWrittenOff) -> Vec<Posting> {
    Moves::of(fact.lot_id, fact.creditor.clone(), fact.amount.kopecks())
        .shift(Unit::Bon, Account::Claims(fact.creditor.clone()), Account::MemberDebt(member))
        .postings
}

fn coupon_used(member: MemberId, fact: &CouponRedeemed) -> Vec<Posting> {
    let discount =
        discounted(fact.purchase_id, (&fact.funded_by, &fact.business), [Roubles::ZERO, fact.discount]);
    discount.into_iter().chain(fact.lot.iter().flat_map(|lot| opened(member, lot))).collect()
}

fn coupon_reckoned(member: MemberId, fact: &CouponReckoned) -> Vec<Posting> {
    let amounts = [fact.discount_before, fact.discount];
    let discount = discounted(fact.purchase_id, (&fact.funded_by, &fact.business), amounts);
    discount.into_iter().chain(fact.lot.iter().flat_map(|lot| opened(member, lot))).collect()
}

/// An estate goes from one stream to the other by way of accounts that both name, empty again after both.
fn moved(member: MemberId, account: MemberId, estate: &Estate, way: Way) -> Vec<Posting> {
    let lots = estate.lots.iter().flat_map(|EstateLot { lot, holding }| {
        let (hers, between) = match holding {
            Holding::Pending => (Account::MemberPending(member), Account::TransferPending(account)),
            Holding::Available => (Account::MemberAvailable(member), Account::TransferAvailable(account)),
        };
        let (from, to) = if way == Way::Out { (hers, between) } else { (between, hers) };
        Moves::part(&lot.part).shift(Unit::Bon, from, to).postings
    });
    // What is owed is below zero: the other way round.
    let debts = estate.debts.iter().flat_map(|debt| {
        let (hers, between) = (Account::MemberDebt(member), Account::TransferDebt(account));
        let (from, to) = if way == Way::Out { (between, hers) } else { (hers, between) };
        Moves::of(debt.lot_id, debt.creditor.clone(), debt.left.kopecks()).shift(Unit::Bon, from, to).postings
    });
    lots.chain(debts).collect()
}

/// What the funder of a discount owes the business where it was given; nothing when they are one. Rule C4.
fn discounted(
    purchase: PurchaseId,
    (funder, business): (&Funder, &Slug),
    [before, after]: [Roubles; 2],
) -> Vec<Posting> {
    let of_business = Funder::Business(business.clone());
    if *funder == of_business || before == after {
        return Vec::new();
    }
    let (bears, is_owed) = (Account::Clearing(funder.clone()), Account::Clearing(of_business));
    let (from, to) = if after > before { (bears, is_owed) } else { (is_owed, bears) };
    let (more, less) = (before.max(after), before.min(after));
    let kopecks = more.kopecks().saturating_sub(less.kopecks());
    Moves::of(LotId::of_coupon(purchase), funder.clone(), kopecks).shift(Unit::Rub, from, to).postings
}
