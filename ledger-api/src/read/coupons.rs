//! Coupons as the log says, and what they are worth now. Rules C2, C3.

use chrono::{DateTime, Utc};
use ledger_core::ids::{CouponId, MemberId, NaturalKey, ReasonId};
use ledger_core::log::Position;
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::app::App;
use crate::dto::CouponTerms;
use crate::problem::ApiError;
use crate::query::Page;

/// One coupon as stored.
#[derive(FromRow)]
pub(crate) struct StoredCoupon {
    coupon_id: Uuid,
    member_id: Uuid,
    pub(crate) business_id: Uuid,
    pub(crate) medical: bool,
    #[sqlx(rename = "type")]
    kind: String,
    value: Option<String>,
    cap_kopecks: Option<i64>,
    min_bill_kopecks: Option<i64>,
    new_customers_only: bool,
    statuses: Vec<String>,
    with_bonuses: bool,
    pub(crate) by_coalition: bool,
    valid_from: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
    state: String,
    code_hash: Option<String>,
    code_until: Option<DateTime<Utc>>,
    pub(crate) purchase_id: Option<Uuid>,
    discount_kopecks: i64,
    bonuses_kopecks: i64,
    description_id: Option<Uuid>,
    gift_id: Option<Uuid>,
    offer_id: Option<Uuid>,
    pub(crate) position: Position,
}

/// The columns of a coupon, of those that `conditions` finds.
macro_rules! coupons {
    ($conditions:literal) => {
        concat!(
            "SELECT coupon_id, member_id, business_id, medical, type, value, cap_kopecks, min_bill_kopecks, ",
            "new_customers_only, statuses, with_bonuses, by_coalition, valid_from, expires_at, state, code_hash, ",
            "code_until, purchase_id, discount_kopecks, bonuses_kopecks, description_id, gift_id, offer_id, position FROM directory.coupons WHERE ",
            $conditions
        )
    };
}

/// One coupon.
pub(crate) async fn one(app: &App, id: CouponId) -> Result<Option<StoredCoupon>, ApiError> {
    let found = sqlx::query_as(coupons!("coupon_id = $1")).bind(id.as_uuid());
    Ok(found.fetch_optional(&app.read_pool).await?)
}

/// Up to one coupon more than the page holds that a member can still use, of all her accounts, newest first.
pub(crate) async fn open(
    app: &App,
    accounts: &[MemberId],
    now: Timestamp,
    page: &Page,
) -> Result<Vec<StoredCoupon>, ApiError> {
    let statement = coupons!(
        "member_id = ANY($1) AND position < $2 AND state IN ('issued', 'activated') AND expires_at >= $3
         ORDER BY position DESC LIMIT $4"
    );
    let found = sqlx::query_as(statement)
        .bind(accounts.iter().map(MemberId::as_uuid).collect::<Vec<Uuid>>())
        .bind(page.before())
        .bind(now.to_utc())
        .bind(page.limit.saturating_add(1));
    Ok(found.fetch_all(&app.read_pool).await?)
}

/// Every coupon that these accounts ever had, newest first.
pub(crate) async fn all(app: &App, accounts: &[MemberId]) -> Result<Vec<StoredCoupon>, ApiError> {
    let found = sqlx::query_as(coupons!("member_id = ANY($1) ORDER BY position DESC"))
        .bind(accounts.iter().map(MemberId::as_uuid).collect::<Vec<Uuid>>());
    Ok(found.fetch_all(&app.read_pool).await?)
}

impl StoredCoupon {
    /// Whose it is.
    pub(crate) const fn member(&self) -> MemberId {
        MemberId::from_uuid(self.member_id)
    }

    /// The coupon.
    pub(crate) const fn id(&self) -> CouponId {
        CouponId::from_uuid(self.coupon_id)
    }

    /// Whether an offer gave it.
    pub(crate) const fn is_of_offer(&self) -> bool {
        self.offer_id.is_some()
    }

    /// The texts that its fact names, hers or of the chain or offer that gave it: what describes it, what a gift is.
    pub(crate) fn named_texts(&self) -> [Option<ReasonId>; 2] {
        [self.description_id, self.gift_id].map(|id| id.map(ReasonId::from_uuid))
    }

    /// Where texts of its own may be: those that it names, and those of one that names none, from before facts did.
    pub(crate) fn own_texts(&self) -> impl Iterator<Item = ReasonId> + use<> {
        let before = [self.id().description(), self.id().gift()];
        self.named_texts().into_iter().flatten().chain(before)
    }

    /// What came off the bill, net of refunds, and the bonuses it gave.
    pub(crate) const fn gave(&self) -> (Roubles, Bonuses) {
        (Roubles::from_kopecks(self.discount_kopecks), Bonuses::from_kopecks(self.bonuses_kopecks))
    }

    /// The keyed hash of the code that is good now, and until when.
    pub(crate) fn code(&self, now: Timestamp) -> Option<([u8; 32], Timestamp)> {
        let until = self.code_until.map(Timestamp::new).filter(|until| now <= *until)?;
        let hash = NaturalKey::try_from(self.code_hash.clone()?).ok()?;
        (self.state_at(now) == "activated").then_some((*hash.as_bytes(), until))
    }

    /// What it is at `now`, whether or not its end is written. One whose code has lapsed can be activated anew.
    fn state_at(&self, now: Timestamp) -> &'static str {
        let is_over = now > Timestamp::new(self.expires_at);
        match self.state.as_str() {
            "redeemed" => "redeemed",
            "revoked" => "revoked",
            "expired" => "expired",
            _ if is_over => "expired",
            "activated" if self.code_until.is_some_and(|until| now <= Timestamp::new(until)) => "activated",
            _ => "issued",
        }
    }

    /// What it gives, with its words.
    pub(crate) fn terms(
        self,
        now: Timestamp,
        business_id: Option<Uuid>,
        (description, gift): (Option<String>, Option<String>),
    ) -> CouponTerms {
        CouponTerms {
            coupon_id: self.coupon_id,
            business_id,
            state: self.state_at(now),
            kind: self.kind,
            value: self.value.or(gift),
            cap: self.cap_kopecks.map(Roubles::from_kopecks),
            min_bill: self.min_bill_kopecks.map(Roubles::from_kopecks),
            new_customers_only: self.new_customers_only,
            statuses: self.statuses,
            with_bonuses: self.with_bonuses,
            valid_from: self.valid_from.map(Timestamp::new),
            expires_at: Timestamp::new(self.expires_at),
            description,
        }
    }
}
