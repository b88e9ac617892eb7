//! What the report says, item by item of 152-ФЗ art. 14 part 7, in the order of the law.

use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::details::ReportedDetails;
use crate::dto::{CouponTerms, HistoryLine, SubjectRequest};
use crate::erasure::papers::Organisation;

/// All that is known of a member.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubjectReport {
    /// When it was put together.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) prepared_at: Timestamp,
    /// Whose it is: the account that stands for all of hers.
    pub(crate) person: Uuid,
    /// Every account of hers, that one last.
    pub(crate) accounts: Vec<Uuid>,
    /// What an admin's copy leaves out; empty in her own.
    pub(crate) withheld: Vec<&'static str>,
    /// Item 1: that data are processed.
    pub(crate) processing: ReportedProcessing,
    /// Item 2: grounds and purposes, with the consents that she gave and withdrew.
    pub(crate) purposes: Vec<ReportedPurpose>,
    /// What she agreed to and what she withdrew, in the order of the log.
    pub(crate) consents: Vec<ReportedConsent>,
    /// Item 3: how.
    pub(crate) methods: Vec<&'static str>,
    /// Item 4: who operates.
    pub(crate) operator: ReportedOperator,
    /// Item 4: who has access, or may get something of it.
    pub(crate) recipients: Vec<ReportedRecipient>,
    /// Item 5: the data themselves.
    pub(crate) data: ReportedData,
    /// Item 5: where they come from.
    pub(crate) sources: Vec<&'static str>,
    /// Item 5: which way she came, account by account.
    pub(crate) registrations: Vec<ReportedRegistration>,
    /// Item 6: for how long.
    pub(crate) terms: Vec<ReportedTerm>,
    /// Item 7: what she may ask for, and how.
    pub(crate) rights: Vec<ReportedRight>,
    /// Item 8: transfers abroad.
    pub(crate) cross_border: ReportedCrossBorder,
    /// Item 9: who processes on the operator's behalf.
    pub(crate) processors: Vec<Organisation>,
    /// Item 9.1: how the operator meets the duties of art. 18.1.
    pub(crate) duties: Vec<&'static str>,
    /// Who touched her data, the newest first, this reading included.
    pub(crate) accesses: Vec<ReportedAccess>,
}

/// That her data are processed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedProcessing {
    /// Always true: of whom nothing is known there is no report.
    pub(crate) confirmed: bool,
    /// Since when she is a member.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) since: Option<Timestamp>,
    /// What the log holds about her, by kinds of facts.
    pub(crate) records: Vec<ReportedRecords>,
}

/// Facts of one kind.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedRecords {
    /// Which, as the log names it.
    pub(crate) event_type: String,
    /// How many.
    pub(crate) count: u64,
    /// When the log took the first.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) first_at: Timestamp,
    /// And the last.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) last_at: Timestamp,
}

/// What a category of data is for, and why that is lawful.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedPurpose {
    /// The category, as `/admin/retention` names it; of data that are processed by a consent, the consent's purpose.
    pub(crate) category: String,
    /// Its name.
    pub(crate) name: String,
    /// What for.
    pub(crate) purpose: String,
    /// On what ground.
    pub(crate) ground: &'static str,
}

/// How an account came into being.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedRegistration {
    /// The account.
    pub(crate) account: Uuid,
    /// `app`: she herself; `admin`: staff; `import`: staff, with a history from before this ledger.
    pub(crate) channel: &'static str,
    /// When the log took it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
}

/// A consent given or withdrawn.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedConsent {
    /// To what; of a medical partner, in an admin's copy, without its name.
    pub(crate) purpose: String,
    /// To what, in words.
    pub(crate) name: String,
    /// Given, or withdrawn.
    pub(crate) granted: bool,
    /// Whether it is what holds now.
    pub(crate) stands: bool,
    /// The version of the text.
    pub(crate) version: String,
    /// SHA-256 of the text, hexadecimal.
    pub(crate) text_hash: Option<String>,
    /// `app`, `admin` or `import`.
    pub(crate) channel: &'static str,
    /// The code request that proves it.
    pub(crate) evidence: Option<Uuid>,
    /// The sign-in by which she decided.
    pub(crate) session: Option<Uuid>,
    /// When the log took it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
}

/// Who operates.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedOperator {
    /// The name.
    pub(crate) name: String,
    /// The address.
    pub(crate) address: String,
    /// The information system.
    pub(crate) information_system: String,
    /// Who answers for it, with the position.
    pub(crate) responsible: String,
}

/// Who has access, or may get something.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedRecipient {
    /// Who.
    pub(crate) name: String,
    /// What.
    pub(crate) gets: &'static str,
    /// On what ground.
    pub(crate) ground: String,
}

/// What is known of her.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedData {
    /// What she gave of herself, account by account.
    pub(crate) profiles: Vec<ReportedProfile>,
    /// Her status.
    #[schema(value_type = String)]
    pub(crate) status: &'static str,
    /// Whether Premium is active.
    pub(crate) premium: bool,
    /// Whether she may not buy or spend.
    pub(crate) blocked: bool,
    /// Whether all of it is kept and not used while something is looked into.
    pub(crate) processing_blocked: bool,
    /// What she demanded about it, and where that stands, newest first.
    pub(crate) requests: Vec<SubjectRequest>,
    /// Whether she is invited to the inner circle.
    pub(crate) invited: bool,
    /// What she has.
    pub(crate) balance: ReportedBalance,
    /// What she bought, the oldest first.
    pub(crate) purchases: Vec<ReportedPurchase>,
    /// What moved her bonuses, the newest first.
    pub(crate) history: Vec<HistoryLine>,
    /// Bonuses that tills reserved.
    pub(crate) holds: Vec<ReportedHold>,
    /// Documents about her that wait for a decision.
    pub(crate) waiting: Vec<ReportedWaiting>,
    /// Coupons, the newest first.
    pub(crate) coupons: Vec<ReportedCoupon>,
    /// What is written about her in words: by staff, and on her coupons.
    pub(crate) remarks: Vec<ReportedRemark>,
    /// Sign-ins that go on.
    pub(crate) sessions: Vec<ReportedSession>,
    /// What is told one by one.
    #[serde(flatten)]
    pub(crate) details: ReportedDetails,
}

/// What one account's profile says.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedProfile {
    /// The account.
    pub(crate) account: Uuid,
    /// Phone.
    pub(crate) phone: String,
    /// First name.
    pub(crate) first_name: Option<String>,
    /// Last name.
    pub(crate) last_name: Option<String>,
    /// E-mail address.
    pub(crate) email: Option<String>,
    /// Date of birth.
    pub(crate) birth_date: Option<String>,
    /// City.
    pub(crate) city: Option<String>,
}

/// What she has now. Rule B6.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedBalance {
    /// available + held + pending.
    #[schema(value_type = String)]
    pub(crate) total: Bonuses,
    /// Spendable.
    #[schema(value_type = String)]
    pub(crate) available: Bonuses,
    /// Earned, not yet spendable.
    #[schema(value_type = String)]
    pub(crate) pending: Bonuses,
    /// Reserved.
    #[schema(value_type = String)]
    pub(crate) held: Bonuses,
    /// Owed back. Rule F3.
    #[schema(value_type = String)]
    pub(crate) debt: Bonuses,
}

/// A purchase.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedPurchase {
    /// Its id; null in an admin's copy, who could ask for its business by it.
    pub(crate) transaction_id: Option<Uuid>,
    /// Where; null in an admin's copy.
    pub(crate) business: Option<String>,
    /// Of what kind that business is; null in an admin's copy.
    pub(crate) category: Option<String>,
    /// The bill, net of refunds.
    #[schema(value_type = String)]
    pub(crate) amount: Roubles,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) occurred_at: Timestamp,
}

/// Reserved bonuses.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedHold {
    /// The hold; null in an admin's copy.
    pub(crate) redemption_id: Option<Uuid>,
    /// How much.
    #[schema(value_type = String)]
    pub(crate) amount: Bonuses,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// A document that waits.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedWaiting {
    /// Whose document; null in an admin's copy.
    pub(crate) business: Option<String>,
    /// The bill.
    #[schema(value_type = String)]
    pub(crate) amount: Roubles,
    /// When it was, as the document says.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) occurred_at: Timestamp,
    /// Why it waits.
    pub(crate) reason: String,
}

/// A coupon.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedCoupon {
    /// Where it can be used.
    pub(crate) business: Option<String>,
    /// What it gives, and where it stands.
    pub(crate) terms: CouponTerms,
}

/// Words about her.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedRemark {
    /// When they were written.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) written_at: Timestamp,
    /// The words.
    pub(crate) text: String,
}

/// A sign-in.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedSession {
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When it was last used.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) last_seen_at: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// How long a category is kept.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedTerm {
    /// The category, as `/admin/retention` names it.
    pub(crate) category: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// From when the term runs.
    pub(crate) starts: &'static str,
    /// How many days; null where something else than time ends it.
    pub(crate) days: Option<i64>,
    /// What happens at the end.
    pub(crate) at_end: &'static str,
}

/// Something she may ask for.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedRight {
    /// What.
    pub(crate) right: &'static str,
    /// How.
    pub(crate) how: String,
}

/// Transfers abroad.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedCrossBorder {
    /// Whether there are any.
    pub(crate) is_done: bool,
    /// In words.
    pub(crate) statement: &'static str,
}

/// An access to her data; never a value.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedAccess {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// `member`, `code_holder`, `business`, `admin` or `system`.
    pub(crate) by: String,
    /// Which business; null for anybody else, and in an admin's copy.
    pub(crate) business: Option<String>,
    /// `look_up`, `read`, `write` or `delete`.
    pub(crate) action: String,
    /// Which fields.
    pub(crate) fields: Vec<String>,
    /// Why.
    pub(crate) purpose: String,
    /// `done`, `not_found` or `failed`.
    pub(crate) result: String,
}
