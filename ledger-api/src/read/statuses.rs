//! Statuses, consents and what was spent. Rules S1, S5, S7.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use ledger_core::category::Category;
use ledger_core::ids::MemberId;
use ledger_core::member::consent::Purpose;
use ledger_core::member::state::ScheduledDowngrade;
use ledger_core::member::status::{Spent, Status};
use ledger_core::money::Roubles;
use ledger_core::rejection::Rejection;
use ledger_core::time::{MoscowDay, Timestamp};
use uuid::Uuid;

use super::Model;
use crate::app::App;
use crate::call::Call;
use crate::dto;
use crate::problem::{ApiError, Cause};

/// A member's status as she sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// The status shown. Rule S7.
    pub(crate) status: Status,
    /// Whether medical businesses count. Rule S7.
    pub(crate) medical_counts: bool,
    /// Whether Premium is active. Rule S4.
    pub(crate) premium: bool,
    /// Since when she is a member.
    pub(crate) registered_at: Option<Timestamp>,
    /// The downgrade that waits. Rule S3.
    pub(crate) falls: Option<ScheduledDowngrade>,
}

/// The shown status, since when, the consent, Premium, and the day of a fall with where to.
type StandingColumns = (String, Option<DateTime<Utc>>, bool, bool, Option<NaiveDate>, Option<String>);

/// Her standing; an insider's while the read model does not know her. Rule S6.
pub(crate) async fn standing(app: &App, member: MemberId) -> Result<Standing, ApiError> {
    let row: Option<StandingColumns> = sqlx::query_as(
        "SELECT CASE WHEN c.granted THEN m.with_medical_status ELSE m.ordinary_status END, m.registered_at,
                COALESCE(c.granted, false),
                EXISTS (SELECT FROM statuses.premium p
                        WHERE p.member_id = m.member_id AND p.from_time <= $3 AND $3 < p.to_time),
                CASE WHEN c.granted THEN m.with_medical_falls_on ELSE m.ordinary_falls_on END,
                CASE WHEN c.granted THEN m.with_medical_falls_to ELSE m.ordinary_falls_to END
         FROM statuses.members m
         LEFT JOIN statuses.consents c ON c.member_id = m.member_id AND c.purpose = $2
         WHERE m.member_id = $1",
    )
    .bind(member.as_uuid())
    .bind(Purpose::MedicalStatus.to_string())
    .bind(app.clock.now().to_utc())
    .fetch_optional(&app.read_pool)
    .await?;
    let Some((status, registered_at, medical_counts, premium, on, to)) = row else {
        return Ok(Standing::default());
    };
    let status = status_named(&status)?;
    let to = to.as_deref().map(status_named).transpose()?;
    let falls = on.zip(to).map(|(on, to)| ScheduledDowngrade { on: MoscowDay::from_date(on), to });
    // Rule S4: at least vip while it is active, whether or not anything was written about its beginning or end.
    let status = if premium { status.max(Status::Vip) } else { status };
    Ok(Standing { status, medical_counts, premium, registered_at: registered_at.map(Timestamp::new), falls })
}

/// The status shown. Rule S7.
pub(crate) async fn shown(app: &App, member: MemberId) -> Result<Status, ApiError> {
    Ok(standing(app, member).await?.status)
}

fn status_named(name: &str) -> Result<Status, ApiError> {
    Status::ALL
        .into_iter()
        .find(|status| status.as_str() == name)
        .ok_or(ApiError::Unavailable(Cause::Impossible("the read model has a status nobody knows")))
}

/// Her bills in the window of Rule S1, by category.
pub(crate) async fn spent(
    app: &App,
    member: MemberId,
    after: Timestamp,
    until: Timestamp,
    medical_counts: bool,
) -> Result<Spent, ApiError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT category, sum(amount_kopecks)::bigint FROM statuses.bills
         WHERE member_id = $1 AND occurred_at > $2 AND occurred_at <= $3 AND (NOT medical OR $4)
         GROUP BY category",
    )
    .bind(member.as_uuid())
    .bind(after.to_utc())
    .bind(until.to_utc())
    .bind(medical_counts)
    .fetch_all(&app.read_pool)
    .await?;
    let malformed =
        || ApiError::Unavailable(Cause::Impossible("the read model has a bill nobody understands"));
    let mut spent = Spent::default();
    for (name, kopecks) in rows {
        let category =
            Category::ALL.into_iter().find(|category| category.as_str() == name).ok_or_else(malformed)?;
        spent.amount = spent.amount.checked_add(Roubles::from_kopecks(kopecks)).ok_or_else(malformed)?;
        if kopecks > 0 {
            spent.categories.insert(category);
        }
    }
    Ok(spent)
}

/// Refuses what a business asks about a member whose data are kept and not used for now; who looks into them must see them.
/// Compliance S5.
///
/// # Errors
/// [`Rejection::ProcessingBlocked`]; a read model that is behind.
pub(crate) async fn must_be_used(call: &Call, member: MemberId) -> Result<(), ApiError> {
    if call.caller()?.is_admin() {
        return Ok(());
    }
    super::wait(call, Model::Statuses, Some(member)).await?;
    let unused = unused(&call.app, &[member.as_uuid()]).await?;
    if unused.is_empty() { Ok(()) } else { Err(Rejection::ProcessingBlocked.into()) }
}

/// Which of these members' data are kept and not used for now. Compliance S5. What is left of who was forgotten is nobody's.
pub(crate) async fn unused(app: &App, members: &[Uuid]) -> Result<BTreeSet<Uuid>, ApiError> {
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT member_id FROM statuses.members WHERE processing_blocked AND NOT erased AND member_id = ANY($1)",
    )
    .bind(members)
    .fetch_all(&app.read_pool)
    .await?;
    Ok(found.into_iter().collect())
}

/// Every purpose she ever decided on.
pub(crate) async fn consents(app: &App, member: MemberId) -> Result<Vec<dto::Consent>, ApiError> {
    let rows: Vec<(String, bool, String)> = sqlx::query_as(
        "SELECT purpose, granted, version FROM statuses.consents WHERE member_id = $1 ORDER BY purpose",
    )
    .bind(member.as_uuid())
    .fetch_all(&app.read_pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(purpose, granted, version)| dto::Consent { purpose, granted, version })
        .collect())
}
