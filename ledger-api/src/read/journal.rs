//! The trial balance from the journal's running totals. Rules M1, M2.

use ledger_core::money::Roubles;
use sqlx::FromRow;
use tokio::time::Instant;

use super::POLL;
use crate::app::App;
use crate::dto::{AccountBalance, StandingCheck, TrialBalance, UnitBalance};
use crate::problem::{ApiError, Cause};

#[derive(FromRow)]
struct TotalRow {
    unit: String,
    account: String,
    kopecks: i64,
}

#[derive(FromRow)]
struct CheckRow {
    name: String,
    says: String,
    left_kopecks: i64,
    right_kopecks: Option<i64>,
    off_kopecks: Option<i64>,
}

/// The checks, as the projector of the journal asks them for its metrics.
const CHECKS: &str = include_str!("../../../migrations/queries/standing_checks.sql");

/// The trial balance at one moment. While purchases come in, it looks a few times for one at which all checks can be
/// decided.
pub(crate) async fn trial_balance(app: &App) -> Result<TrialBalance, ApiError> {
    let deadline = Instant::now() + app.read_wait;
    loop {
        let (totals, checks) = at_one_moment(app).await?;
        let is_decided = checks.iter().all(|check| check.off_kopecks.is_some());
        if is_decided || Instant::now() >= deadline {
            let checks = checks.into_iter().map(shown).collect();
            return Ok(TrialBalance { units: by_unit(totals)?, checks });
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn at_one_moment(app: &App) -> Result<(Vec<TotalRow>, Vec<CheckRow>), ApiError> {
    let mut snapshot = app.read_pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut *snapshot).await?;
    let totals = "SELECT unit, account, kopecks FROM journal.totals ORDER BY unit, account COLLATE \"C\"";
    let totals = sqlx::query_as(totals).fetch_all(&mut *snapshot).await?;
    let checks = sqlx::query_as(CHECKS).fetch_all(&mut *snapshot).await?;
    snapshot.commit().await?;
    Ok((totals, checks))
}

/// One balance per unit; `totals` come by unit.
fn by_unit(totals: Vec<TotalRow>) -> Result<Vec<UnitBalance>, ApiError> {
    let too_large = || ApiError::Unavailable(Cause::Impossible("a total does not fit"));
    let unit = |unit: &str| UnitBalance {
        unit: unit.to_owned(),
        accounts: Vec::new(),
        total: Roubles::from_kopecks(0),
    };
    let mut units = vec![unit("BON"), unit("RUB")];
    for TotalRow { unit, account, kopecks } in totals {
        let Some(one) = units.iter_mut().find(|one| one.unit == unit) else {
            return Err(ApiError::Unavailable(Cause::Impossible("a total of a unit nobody knows")));
        };
        let sum = one.total.kopecks().checked_add(kopecks).ok_or_else(too_large)?;
        one.total = Roubles::from_kopecks(sum);
        one.accounts.push(AccountBalance { account, balance: Roubles::from_kopecks(kopecks) });
    }
    Ok(units)
}

fn shown(row: CheckRow) -> StandingCheck {
    StandingCheck {
        check: row.name,
        says: row.says,
        left: Roubles::from_kopecks(row.left_kopecks),
        right: row.right_kopecks.map(Roubles::from_kopecks),
        ok: row.off_kopecks.map(|off| off == 0),
    }
}
