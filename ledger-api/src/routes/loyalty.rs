//! What a member has: balance, history, status.

use actix_web::web::Payload;
use ledger_core::member::status::{Requirement, Status, progress_percent, requirement, visited_for};
use ledger_core::policy::Parameters;
use ledger_core::rejection::Rejection;

use crate::call::{Answer, Call};
use crate::dto;
use crate::problem::{ApiError, Cause};
use crate::query::{self, Query};
use crate::read::{self, Model};

/// Her balance at now, whether or not what is due has been written. Rules B5, B6.
pub(crate) async fn balance(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    if query.take("as_of").is_some() {
        // A balance in the past comes with a piece of work of its own; today's in its place would be a lie.
        query.wrong("as_of", "is not supported yet: the balance is always the one of now");
    }
    query.finish()?;
    let member = call.member()?;
    let position = read::wait(&call, Model::Balances, Some(member)).await?;
    let now = call.now();
    let registry = call.app.ledger.registry();
    let policy = registry.policies.in_force(now).ok_or(Rejection::PolicyMissing)?;
    let impossible = || ApiError::Unavailable(Cause::Impossible("a balance does not fit"));
    let soon = policy.parameters.bonus_expiring_soon_days;
    let balance = read::balances::at(&call.app, member, now, soon).await?.ok_or_else(impossible)?;
    let expiring_soon = balance.expiring_soon.iter();
    let data = dto::Balance {
        total: balance.total().ok_or_else(impossible)?,
        available: balance.available,
        pending: balance.pending,
        held: balance.held,
        debt: balance.debt,
        expiring_soon: expiring_soon
            .map(|(expires_at, amount)| dto::Expiring { amount: *amount, expires_at: *expires_at })
            .collect(),
    };
    call.read(&data, position)
}

pub(crate) async fn history(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let mut page = query.page(&call);
    page.offset = query.offset();
    query.finish()?;
    let member = call.member()?;
    let position = read::wait(&call, Model::History, Some(member)).await?;
    let registry = call.app.ledger.registry();
    let (lines, total) = read::history::lines(&call.app, member, &page).await?;
    let (lines, next_cursor) = query::paged(&call, lines, page.limit, |line| line.position.to_string());
    let items = lines.into_iter().map(|line| line.shown(&registry)).collect();
    call.read(&dto::History { items, next_cursor, total }, position)
}

/// Rule S5. At the top there is no next status, and all is done.
pub(crate) async fn progress(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let member = call.member()?;
    let position = read::wait(&call, Model::Statuses, Some(member)).await?;
    let now = call.now();
    let registry = call.app.ledger.registry();
    let policy = registry.policies.in_force(now).ok_or(Rejection::PolicyMissing)?;
    let parameters = &policy.parameters;
    let standing = read::statuses::standing(&call.app, member).await?;
    let after = now.months_before(parameters.status_window_months);
    let spent = read::statuses::spent(&call.app, member, after, now, standing.medical_counts).await?;
    let all = registry.businesses.ordinary_categories();
    let next = standing.status.next();
    let target = next.unwrap_or(Status::InnerCircle);
    let needed: Requirement = requirement(target, parameters, all);
    let visited = visited_for(target, &spent, all);
    let percentage = if next.is_some() { progress_percent(&spent, needed, visited) } else { 100 };
    let data = dto::StatusProgress {
        current_status: standing.status.as_str(),
        next_status: next.map(Status::as_str),
        progress: dto::Progress {
            total_spent: spent.amount,
            total_spent_required: needed.spent,
            categories_visited: visited,
            categories_required: needed.categories,
            percentage,
        },
        benefits: benefits(standing.status, standing.premium, parameters),
    };
    call.read(&data, position)
}

/// What a status gives under the policy in force. Rules B1, B2, S4, V1, V2.
fn benefits(status: Status, premium: bool, policy: &Parameters) -> Vec<String> {
    let rate = if premium { status.rate(policy).max(policy.rate_premium) } else { status.rate(policy) };
    let rate = rate.to_decimal().checked_mul(rust_decimal::Decimal::ONE_HUNDRED);
    let rate = rate.unwrap_or_default().normalize();
    let multiplier = status.new_category(policy).to_decimal().normalize();
    let votes = match status {
        Status::Insider => policy.vote_weight_insider,
        Status::Vip => policy.vote_weight_vip,
        Status::Elite => policy.vote_weight_elite,
        Status::InnerCircle => policy.vote_weight_inner_circle,
    };
    let mut benefits = vec![
        format!("{rate} % бонусами с каждой покупки"),
        format!("×{multiplier} за первую покупку в новой категории"),
        format!("Вес голоса в клубных решениях: {votes}"),
    ];
    if status == Status::InnerCircle {
        benefits.push("Право вето в клубных решениях".to_owned());
    }
    if premium {
        benefits.push("Premium: статус не ниже vip, пока действует подписка".to_owned());
    }
    benefits
}
