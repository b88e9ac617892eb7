//! Lots of bonuses as lists of moves from place to place. Rules B5–B7, M1.

use ledger_core::ids::{LotId, PurchaseId};
use ledger_core::time::Timestamp;

use crate::Kopecks;

/// The coalition's name as a funder.
pub const COALITION: &str = "coalition";

/// Where bonuses of a lot can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Not yet issued.
    Funder,
    /// Before `available_from`.
    Pending,
    /// Spendable.
    Available,
    /// Reserved.
    Held,
    /// Spent at a business.
    Redeemed(String),
    /// Past their life; the face value went to the funder or to the coalition's breakage. Rule B8.
    Expired(ExpiredTo),
    /// Given back to the lot's own funder. Rules F2, B10.
    TakenBack,
    /// Taken for a creditor whose own lot could not give them. Rules F2, M2.
    TakenFor(String),
}

/// Who gets the face value of what expired. Rule B8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ExpiredTo {
    Funder,
    Breakage,
}

/// One move.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Move {
    pub amount: Kopecks,
    pub from: Place,
    pub to: Place,
}

/// One lot with everything that ever happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Its id.
    pub id: LotId,
    /// The slug of the business that funds it, or `coalition`.
    pub funder: String,
    /// The purchase that earned it; none for what was given.
    pub purchase: Option<PurchaseId>,
    /// From when it is spendable.
    pub available_from: Timestamp,
    /// The last moment at which it is.
    pub expires_at: Timestamp,
    /// All its moves.
    pub moves: Vec<Move>,
    /// What of it had expired before a refund and counted as taken back. Rule F2.
    pub counted_expired: Vec<Kopecks>,
}

impl Lot {
    /// One that is still its funder's, with its life: spendable from, until.
    pub(crate) fn new(
        id: LotId,
        funder: &str,
        purchase: Option<PurchaseId>,
        (available_from, expires_at): (Timestamp, Timestamp),
    ) -> Self {
        let funder = funder.to_owned();
        let (moves, counted_expired) = (Vec::new(), Vec::new());
        Self { id, funder, purchase, available_from, expires_at, moves, counted_expired }
    }

    /// What is issued is pending before it is spendable. Rule B5.
    pub(crate) fn issue(&mut self, amount: Kopecks, now: Timestamp) {
        let opens = if self.available_from <= now { Place::Available } else { Place::Pending };
        self.shift(amount, Place::Funder, opens);
    }

    /// How much of it is at `place`.
    #[must_use]
    pub fn amount_at(&self, place: &Place) -> Kopecks {
        let into: Kopecks = self.moves.iter().filter(|it| it.to == *place).map(|it| it.amount).sum();
        let out: Kopecks = self.moves.iter().filter(|it| it.from == *place).map(|it| it.amount).sum();
        into - out
    }

    /// How much it began with.
    #[must_use]
    pub fn issued(&self) -> Kopecks {
        -self.amount_at(&Place::Funder)
    }

    /// How much of it expired, while it was hers or when it came back past its life.
    #[must_use]
    pub fn expired(&self) -> Kopecks {
        self.moves.iter().filter(|it| matches!(it.to, Place::Expired(_))).map(|it| it.amount).sum()
    }

    /// True while it is not past its life. Rule B5.
    #[must_use]
    pub fn is_alive(&self, at: Timestamp) -> bool {
        at <= self.expires_at
    }

    /// Moves some of it; nothing moves for nothing.
    pub(crate) fn shift(&mut self, amount: Kopecks, from: Place, to: Place) {
        assert!(amount >= 0, "nothing is moved backwards");
        if amount > 0 {
            self.moves.push(Move { amount, from, to });
        }
    }
}
