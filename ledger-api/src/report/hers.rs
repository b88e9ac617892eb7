//! The data themselves, as far as the reader may see them.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use ledger_core::context::Registry;
use ledger_core::ids::{MemberId, ReasonId};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use pii_vault::VaultError;
use pii_vault::access::{Access, AccessQuestion, AccessRecord, Purpose};
use pii_vault::auth::Holder;
use pii_vault::members::Remark;
use uuid::Uuid;

use super::document::{
    ReportedAccess, ReportedBalance, ReportedCoupon, ReportedData, ReportedHold, ReportedProfile,
    ReportedPurchase, ReportedRemark, ReportedSession, ReportedWaiting,
};
use super::past::Past;
use super::{Reader, business_named};
use crate::app::App;
use crate::dto::{HistoryLine, SubjectRequest};
use crate::problem::{ApiError, Cause};
use crate::query::Page;
use crate::read;
use crate::read::coupons::StoredCoupon;
use crate::read::history::Filter;
use crate::read::statuses::Standing;

/// Rows that are read at once of what may be long.
const PAGE: i64 = 1_000;

/// Whom a report is about, and who reads it.
pub(super) struct About<'a> {
    pub(super) app: &'a App,
    pub(super) registry: &'a Registry,
    pub(super) member: MemberId,
    pub(super) accounts: &'a [MemberId],
    pub(super) reader: Reader,
    pub(super) now: Timestamp,
}

impl About<'_> {
    /// The data.
    pub(super) async fn data(
        &self,
        access: &Access,
        standing: &Standing,
        past: &Past,
    ) -> Result<ReportedData, ApiError> {
        let profiles = self.profiles(access).await?;
        let remarks = self.remarks(access).await?;
        let (coupons, remarks) = self.coupons(remarks, access).await?;
        let (blocked, processing_blocked, invited) = read::report::marks(self.app, self.member).await?;
        Ok(ReportedData {
            profiles,
            status: standing.status.as_str(),
            premium: standing.premium,
            blocked,
            processing_blocked,
            requests: self.requests().await?,
            invited,
            balance: self.balance().await?,
            purchases: self.purchases().await?,
            history: self.history().await?,
            holds: self.holds().await?,
            waiting: self.waiting().await?,
            coupons,
            remarks,
            sessions: self.sessions().await?,
            details: self.details(past).await?,
        })
    }

    /// The name of a business; none in an admin's copy.
    pub(super) fn named(&self, business: Uuid) -> Option<String> {
        match self.reader {
            Reader::Herself => business_named(self.registry, business),
            Reader::Admin => None,
        }
    }

    /// An id by which an admin may ask for the business; none in an admin's copy.
    fn numbered(&self, id: Uuid) -> Option<Uuid> {
        (self.reader == Reader::Herself).then_some(id)
    }

    async fn profiles(&self, access: &Access) -> Result<Vec<ReportedProfile>, ApiError> {
        let mut told = Vec::with_capacity(self.accounts.len());
        for account in self.accounts {
            let known = match self.app.vault.members().profile(*account, access).await {
                Ok(known) => known,
                // Another account of hers may have none any more.
                Err(VaultError::UnknownMember) => continue,
                Err(other) => return Err(other.into()),
            };
            told.push(ReportedProfile {
                account: account.as_uuid(),
                phone: known.phone.expose().to_owned(),
                first_name: known.first_name.map(|name| name.expose().to_owned()),
                last_name: known.last_name.map(|name| name.expose().to_owned()),
                email: known.email.map(|email| email.expose().to_owned()),
                birth_date: known.birth_date.map(|date| date.expose().to_string()),
                city: known.city.map(|city| city.expose().to_owned()),
            });
        }
        // She is being forgotten at this moment.
        if told.is_empty() { Err(Rejection::MemberErased.into()) } else { Ok(told) }
    }

    /// What is written about her accounts, once what two of them keep each.
    async fn remarks(&self, access: &Access) -> Result<Vec<Remark>, ApiError> {
        let mut remarks = Vec::new();
        for account in self.accounts {
            remarks.extend(self.app.vault.members().remarks(*account, access).await?);
        }
        let again: HashSet<ReasonId> = remarks.iter().map(|remark| remark.reason_id.of_other()).collect();
        remarks.retain(|remark| !again.contains(&remark.reason_id));
        Ok(remarks)
    }

    /// Rule B6.
    async fn balance(&self) -> Result<ReportedBalance, ApiError> {
        let policy = self.registry.policies.in_force(self.now).ok_or(Rejection::PolicyMissing)?;
        let soon = policy.parameters.bonus_expiring_soon_days;
        let impossible = || ApiError::Unavailable(Cause::Impossible("a balance does not fit"));
        let balance = read::balances::at(self.app, self.member, self.now, soon).await?;
        let balance = balance.ok_or_else(impossible)?;
        Ok(ReportedBalance {
            total: balance.total().ok_or_else(impossible)?,
            available: balance.available,
            pending: balance.pending,
            held: balance.held,
            debt: balance.debt,
        })
    }

    async fn purchases(&self) -> Result<Vec<ReportedPurchase>, ApiError> {
        let bills = read::report::bills(self.app, self.accounts).await?;
        let told = bills.into_iter().map(|bill| ReportedPurchase {
            transaction_id: self.numbered(bill.purchase_id),
            business: self.named(bill.business_id),
            amount: bill.amount(),
            occurred_at: bill.at(),
            category: (self.reader == Reader::Herself).then_some(bill.category),
        });
        Ok(told.collect())
    }

    /// Page by page: a history may be long.
    async fn history(&self) -> Result<Vec<HistoryLine>, ApiError> {
        let mut told = Vec::new();
        let mut page = Page { limit: PAGE, after: None, offset: 0 };
        loop {
            let (mut lines, _) =
                read::history::lines(self.app, self.accounts, &Filter::default(), &page).await?;
            let is_more = lines.len() >= page.looked_for();
            lines.truncate(page.looked_for().saturating_sub(1));
            page.after = lines.last().map(|line| line.position.to_string());
            told.extend(lines.into_iter().map(|line| match self.reader {
                Reader::Herself => line.whole(self.registry),
                Reader::Admin => line.unnamed(self.registry),
            }));
            if !is_more {
                return Ok(told);
            }
        }
    }

    async fn holds(&self) -> Result<Vec<ReportedHold>, ApiError> {
        let holds = read::report::holds(self.app, self.accounts, self.now).await?;
        let told = holds.into_iter().map(|hold| ReportedHold {
            redemption_id: self.numbered(hold.redemption_id),
            amount: hold.amount(),
            expires_at: hold.until(),
        });
        Ok(told.collect())
    }

    /// What she demanded, page by page.
    async fn requests(&self) -> Result<Vec<SubjectRequest>, ApiError> {
        let mut told = Vec::new();
        let mut page = Page { limit: PAGE, after: None, offset: 0 };
        loop {
            let mut found = read::requests::of(self.app, self.accounts, &page).await?;
            let is_more = found.len() >= page.looked_for();
            found.truncate(page.looked_for().saturating_sub(1));
            page.after = found.last().map(|one| one.position.to_string());
            told.extend(found.into_iter().map(|one| one.shown(self.now, None)));
            if !is_more {
                return Ok(told);
            }
        }
    }

    async fn waiting(&self) -> Result<Vec<ReportedWaiting>, ApiError> {
        let waiting = read::report::waiting(self.app, self.accounts).await?;
        let told = waiting.into_iter().map(|one| ReportedWaiting {
            business: self.named(one.business_id),
            amount: one.amount(),
            occurred_at: one.at(),
            reason: one.reason,
        });
        Ok(told.collect())
    }

    /// Her coupons with their words, none of them in an admin's copy, and the words that no coupon has. No code: whoever finds the
    /// paper could use it.
    async fn coupons(
        &self,
        remarks: Vec<Remark>,
        access: &Access,
    ) -> Result<(Vec<ReportedCoupon>, Vec<ReportedRemark>), ApiError> {
        let mut texts: HashMap<ReasonId, Remark> =
            remarks.into_iter().map(|remark| (remark.reason_id, remark)).collect();
        let mut told = Vec::new();
        let coupons = read::coupons::all(self.app, self.accounts).await?;
        let named: Vec<ReasonId> = coupons.iter().flat_map(StoredCoupon::named_texts).flatten().collect();
        // Those that chains and offers gave have words of theirs.
        let of_promotions = match self.reader {
            Reader::Herself => self.app.vault.words().texts(&named, access).await?,
            Reader::Admin => HashMap::new(),
        };
        for coupon in coupons {
            let [description, gift] = coupon.named_texts();
            let id = coupon.id();
            let mut take = |named: Option<ReasonId>, own: ReasonId| {
                let id = named.unwrap_or(own);
                texts.remove(&id).map(|remark| remark.text).or_else(|| of_promotions.get(&id).cloned())
            };
            let words = (take(description, id.description()), take(gift, id.gift()));
            if self.reader == Reader::Herself {
                let business_id = Some(coupon.business_id);
                told.push(ReportedCoupon {
                    business: self.named(coupon.business_id),
                    terms: coupon.terms(self.now, business_id, words),
                });
            }
        }
        let mut left: Vec<ReportedRemark> = texts
            .into_values()
            .map(|remark| ReportedRemark { written_at: Timestamp::new(remark.written_at), text: remark.text })
            .collect();
        left.sort_by(|one, other| (one.written_at, &one.text).cmp(&(other.written_at, &other.text)));
        Ok((told, left))
    }

    async fn sessions(&self) -> Result<Vec<ReportedSession>, ApiError> {
        let mut told = Vec::new();
        for account in self.accounts {
            let holder = Holder::Member(*account);
            let sessions = self.app.vault.refresh_tokens().sessions(holder, self.now.to_utc()).await?;
            told.extend(sessions.into_iter().map(|session| ReportedSession {
                created_at: Timestamp::new(session.created_at),
                last_seen_at: Timestamp::new(session.last_seen_at),
                expires_at: Timestamp::new(session.expires_at),
            }));
        }
        Ok(told)
    }

    /// Who touched her data, the newest first.
    pub(super) async fn accesses(&self) -> Result<Vec<ReportedAccess>, ApiError> {
        let mut records: Vec<AccessRecord> = Vec::new();
        for account in self.accounts {
            let mut before = i64::MAX;
            loop {
                let member = Some(*account);
                let asked = AccessQuestion { member, from: None, to: None, before, limit: PAGE };
                let page = self.app.vault.access_log().page(asked).await?;
                let Some(last) = page.last() else { break };
                before = last.access_id;
                records.extend(page);
            }
        }
        if self.reader == Reader::Admin {
            // One for each partner whom she lets report, clinics among them.
            records.retain(|record| record.purpose != Purpose::PartnerIndex.as_str());
        }
        records.sort_by_key(|record| Reverse(record.access_id));
        Ok(records.into_iter().map(|record| self.access(record)).collect())
    }

    /// One access: a partner by its name, people by what they are. Which of staff it was is that one's data, and an auditor's
    /// to know.
    fn access(&self, record: AccessRecord) -> ReportedAccess {
        let business =
            if record.actor_kind == "business" { Uuid::parse_str(&record.actor_id).ok() } else { None };
        let business = business.and_then(|id| self.named(id));
        ReportedAccess {
            at: Timestamp::new(record.at),
            by: record.actor_kind,
            business,
            action: record.action,
            fields: record.fields,
            purpose: record.purpose,
            result: record.result,
        }
    }
}
