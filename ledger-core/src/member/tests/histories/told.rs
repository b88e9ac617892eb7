//! What the documents say, and what of the bill is paid in bonuses by them: the rule book's arithmetic in whole kopecks.

use std::collections::BTreeMap;

/// What a coupon gives, in kopecks or percent. Rule C1.
#[derive(Debug, Clone, Copy)]
pub(super) enum Coupon {
    Fixed(i64),
    Percent(i64, Option<i64>),
    Bonus(i64),
}

impl Coupon {
    fn discount(self, bill: i64) -> i64 {
        match self {
            Self::Fixed(value) => value.min(bill),
            Self::Percent(percent, cap) => {
                rounded(bill * percent, 100).min(cap.unwrap_or(i64::MAX)).min(bill)
            }
            Self::Bonus(_) => 0,
        }
    }
}

/// How a purchase is paid besides money: thousandths of its bill in bonuses; a coupon, and whether the coalition bears it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Way {
    pub(super) permille: Option<i64>,
    pub(super) coupon: Option<(Coupon, bool)>,
}

impl Way {
    pub(super) fn discount(self, bill: i64) -> i64 {
        self.coupon.map_or(0, |(coupon, _)| coupon.discount(bill))
    }
}

fn rounded(over: i64, under: i64) -> i64 {
    (2 * over + under) / (2 * under)
}

/// What has been told of one purchase.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) way: Way,
    pub(super) first_bill: i64,
    /// Every revision that took effect; nothing is cancelled.
    revisions: BTreeMap<u32, Option<i64>>,
    pub(super) refunds: Vec<i64>,
    /// What the first document was paid with in bonuses.
    pub(super) paid: i64,
    /// What of that the newest one is: of a smaller bill the same share; more again only as long as what came back lies there.
    /// Rule D3.
    pub(super) kept: i64,
    /// What came back of it, less what was taken again.
    pub(super) returned: i64,
}

impl Told {
    pub(super) fn first(number: u32, bill: Option<i64>, first_bill: i64, way: Way, paid: i64) -> Self {
        let revisions = BTreeMap::from([(number, bill)]);
        Self { way, first_bill, revisions, refunds: Vec::new(), paid, kept: paid, returned: 0 }
    }

    /// The newest revision.
    pub(super) fn number(&self) -> u32 {
        self.revisions.last_key_value().map(|(number, _)| *number).expect("a first one")
    }

    /// Its bill.
    pub(super) fn bill(&self) -> Option<i64> {
        self.revisions.last_key_value().and_then(|(_, bill)| *bill)
    }

    pub(super) fn refunded(&self) -> i64 {
        self.refunds.iter().sum()
    }

    /// A revision so far ahead of the newest; its number and bill if it is news. Of what came back so much is `there` to be
    /// taken again. Rules D2, D3, F1.
    pub(super) fn revise(&mut self, ahead: i64, bill: Option<i64>, there: i64) -> Option<(u32, Option<i64>)> {
        let number = u32::try_from(i64::from(self.number()) + ahead).ok()?;
        // A lower one is stale, the same is a replay.
        if number <= self.number() {
            return None;
        }
        let bill = bill.map(|kopecks| kopecks.max(self.refunded()));
        let before = self.bill().unwrap_or(0);
        self.revisions.insert(number, bill);
        // What comes back is rounded, as of a refund of the difference. Rule F4.
        let share =
            |bill: i64| self.paid - rounded(self.paid * (self.first_bill - bill).max(0), self.first_bill);
        // What of the newest was paid in money is not paid again.
        let wanted = bill.map_or(0, |bill| {
            let more = (share(bill) - share(before)).max(0);
            share(bill).min(self.kept + more).min(bill - self.way.discount(bill))
        });
        let newest = std::mem::replace(&mut self.kept, wanted);
        if self.returned - self.due() > there {
            // What is not all there is not taken at all, and no revision says that it is paid with.
            self.kept = newest.min(wanted);
            while self.returned > self.due() {
                self.kept -= 1;
            }
        }
        self.returned = self.due();
        Some((number, bill))
    }

    /// A refund of so much, or of what is left.
    pub(super) fn refund(&mut self, kopecks: i64) -> Option<i64> {
        let kopecks = kopecks.min(self.bill()? - self.refunded());
        if kopecks <= 0 {
            return None;
        }
        self.refunds.push(kopecks);
        self.returned = self.returned.max(self.due());
        Some(kopecks)
    }

    /// What is due back of what was paid in bonuses. Rules D3, F4.
    pub(super) fn due(&self) -> i64 {
        let by_refunds = self.bill().map_or(0, |bill| rounded(self.kept * self.refunded(), bill));
        self.paid - self.kept + by_refunds
    }
}
