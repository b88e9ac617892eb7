//! The daily review of statuses, at the beginning of each Moscow day: first the ranking of spenders (`top.rs`), then
//! everyone who may change. Rules S1, S2, S3, T2.
//!
//! Time alone only lowers a status: a bill leaves the window, or the day of a fall comes. So on an ordinary day those are
//! reviewed who have something to lose and a bill that left the window since the last review, those whose day has come, and
//! those with a bill since the last review: an import decides each bill as of its own time (T6), so one that comes after a
//! later-dated one may complete a window that nobody has looked at. When what a policy says of statuses, or the
//! categories of the coalition, changed since the last review, or the clock was set back, everyone is.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::category::Category;
use ledger_core::log::Position;
use ledger_core::member::MemberCommand;
use ledger_core::time::{MoscowDay, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::command::send_daily;
use super::status::{Done, memory, record};
use super::top::rank;
use super::{Hands, Look, is_made, wait_until_passed};
use crate::error::ProjectError;

const NAME: &str = "review";

/// What the last review knew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// The Moscow day of the last review.
    day: Option<MoscowDay>,
    /// Its moment.
    at: Option<Timestamp>,
    /// How far the log went then.
    position: Position,
    /// What the policy in force then said of statuses, by name.
    rules: BTreeMap<String, Value>,
    /// The categories with an ordinary business then.
    categories: BTreeSet<Category>,
}

impl Memory {
    /// Whom a review is about that knows `now`.
    fn whom(&self, now: &Self, window_months: u32) -> Whom {
        let same_rules = now.rules == self.rules && now.categories == self.categories;
        match (self.at, now.at) {
            (Some(last), Some(at)) if same_rules && last <= at => Whom::WhoMayChange {
                after: last.months_before(window_months),
                until: at.months_before(window_months),
                position: self.position,
            },
            _ => Whom::Everyone,
        }
    }
}

/// Whom a review is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// Who has something to lose and a bill within the days that left the window, whose day has come, and who has a bill
    /// after this position.
    WhoMayChange { after: Timestamp, until: Timestamp, position: Position },
    /// Everyone.
    Everyone,
}

/// The reactor.
pub(super) struct Review {
    memory: Memory,
    recorded: Option<Done>,
}

impl Review {
    pub(super) async fn load(read: &PgPool) -> Result<Self, ProjectError> {
        let stored = memory(read, NAME).await?;
        let memory = stored.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
        Ok(Self { memory, recorded: None })
    }

    pub(super) async fn look(&mut self, hands: &Hands<'_>) -> Result<Look, ProjectError> {
        let read = &hands.options.read;
        let now = hands.clock.now();
        let head = hands.options.log.head().await?;
        let here = Done { done_through: now, log_position: head };
        if self.recorded == Some(here) || !is_made(read, "statuses.members").await? {
            return Ok(Look::Done);
        }
        let today = now.moscow_day();
        // Another day, not a later one: the clock of a `dev` installation may be set back.
        if self.memory.day == Some(today) {
            self.record(read, here).await?;
            return Ok(Look::Done);
        }
        // Who is to be reviewed is read from a model that has seen everything of the day before.
        if !wait_until_passed(read, "statuses", head).await? {
            return Ok(Look::Done);
        }
        hands.ledger.refresh().await;
        let known = self.known(hands, now, head);
        let registry = hands.ledger.registry();
        let Some(policy) = registry.policies.in_force(now) else { return Ok(Look::Done) };
        let whom = self.memory.whom(&known, policy.parameters.status_window_months);
        let ranked = rank(hands, now, today, &policy.parameters).await?;
        let reviewed = review(hands, today, whom).await?;
        tracing::info!(day = %today, members = reviewed, ranked, "statuses are reviewed");
        self.memory = known;
        self.record(read, here).await?;
        Ok(Look::Again)
    }

    fn known(&self, hands: &Hands<'_>, now: Timestamp, position: Position) -> Memory {
        let registry = hands.ledger.registry();
        let rules = registry.policies.in_force(now).map(|policy| policy.parameters.of_statuses());
        Memory {
            day: Some(now.moscow_day()),
            at: Some(now),
            position,
            rules: rules.unwrap_or_default(),
            categories: registry.businesses.ordinary_categories().clone(),
        }
    }

    async fn record(&mut self, read: &PgPool, here: Done) -> Result<(), ProjectError> {
        let memory = serde_json::to_value(&self.memory)
            .map_err(|error| ProjectError::Setup(format!("the review's memory: {error}")))?;
        record(read, NAME, here, &memory).await?;
        self.recorded = Some(here);
        Ok(())
    }
}

/// Reviews all of `whom`; how many they were. Their ids are in memory at once, 16 bytes each.
async fn review(hands: &Hands<'_>, today: MoscowDay, whom: Whom) -> Result<usize, ProjectError> {
    let members = all_of(&hands.options.read, whom, today).await?;
    let reviewed = members.len();
    send_daily(hands.ledger, ("review", today), members, MemberCommand::ReviewStatus).await?;
    Ok(reviewed)
}

async fn all_of(read: &PgPool, whom: Whom, today: MoscowDay) -> Result<Vec<Uuid>, ProjectError> {
    let statement = match whom {
        Whom::WhoMayChange { after, until, position } => sqlx::query_scalar(
            "SELECT member_id FROM statuses.members AS m WHERE NOT erased AND NOT processing_blocked AND (ordinary_falls_on <= $4 \
                OR with_medical_falls_on <= $4 OR (ordinary_status <> 'insider' OR with_medical_status <> 'insider') AND EXISTS ( \
                    SELECT FROM statuses.bills AS b \
                    WHERE b.member_id = m.member_id AND b.occurred_at > $2 AND b.occurred_at <= $3)) \
             UNION SELECT member_id FROM statuses.bills WHERE position > $1 \
             ORDER BY member_id",
        )
        .bind(position)
        .bind(after.to_utc())
        .bind(until.to_utc())
        .bind(today.to_date()),
        Whom::Everyone => sqlx::query_scalar(
            "SELECT member_id FROM statuses.members WHERE registered_at IS NOT NULL AND NOT erased \
             AND NOT processing_blocked ORDER BY member_id",
        ),
    };
    Ok(statement.fetch_all(read).await?)
}

#[cfg(test)]
mod tests {
    use ledger_core::policy::Parameters;
    use serde_json::json;

    use super::*;

    fn reviewed(at: &str, changes: &[(&str, Value)]) -> Memory {
        let mut parameters = Parameters::defaults().expect("defaults");
        changes.iter().for_each(|(name, value)| parameters.set(name, value).expect("a parameter"));
        let rules = parameters.of_statuses();
        Memory { at: Some(at.parse().expect("a time")), rules, ..Memory::default() }
    }

    #[test]
    fn rule_s2_everyone_is_reviewed_when_what_a_policy_says_of_statuses_changes() {
        let last = reviewed("2026-03-01T00:00:00Z", &[]);
        let whom = |changes: &[_]| last.whom(&reviewed("2026-03-02T00:00:00Z", changes), 12);
        assert_ne!(whom(&[]), Whom::Everyone);
        assert_ne!(whom(&[("rates.vip", json!("0.08")), ("bonus.life_days", json!(30))]), Whom::Everyone);
        for (name, value) in [
            ("status.vip.spent", json!("29999.00")),
            ("status.grace_days", json!(0)),
            ("status.window_months", json!(6)),
            ("purchase.future_minutes", json!(0)),
        ] {
            assert_eq!(whom(&[(name, value)]), Whom::Everyone, "{name}");
        }
        assert_eq!(last.whom(&reviewed("2026-02-27T00:00:00Z", &[]), 12), Whom::Everyone, "a clock set back");
    }
}
