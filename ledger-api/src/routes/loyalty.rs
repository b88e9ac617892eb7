//! What a member has: balance, history, status.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::web::Payload;
use ledger_core::category::Category;
use ledger_core::context::Registry;
use ledger_core::ids::MemberId;
use ledger_core::log::Position;
use ledger_core::member::consent::Purpose;
use ledger_core::member::hindsight::Hindsight;
use ledger_core::member::movement::LineKind;
use ledger_core::member::status::{
    Requirement, Spent, Status, missing, progress_percent, requirement, visited_for,
};
use ledger_core::policy::Parameters;
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;

use crate::call::{Answer, Call};
use crate::dto;
use crate::problem::{ApiError, Cause};
use crate::query::{self, Query};
use crate::read::explain::percent;
use crate::read::hindsight::Past;
use crate::read::history::Filter;
use crate::read::statuses::Standing;
use crate::read::{self, Model};

/// Her balance, whether or not what is due has been written: now from the read model, else from the log. Rules B5, B6.
pub(crate) async fn balance(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let hindsight = query.hindsight(call.now());
    query.finish()?;
    let member = call.member()?;
    let (balance, position) = if hindsight == Hindsight::default() {
        let position = read::wait(&call, Model::Balances, Some(member)).await?;
        let (now, registry) = (call.now(), call.app.ledger.registry());
        (read::balances::at(&call.app, member, now, soon(&registry, now)?).await?, position)
    } else {
        let past = read::hindsight::look(&call, member, hindsight).await?;
        (past.state.balance(past.moment, soon(&past.registry, past.moment)?), past.position)
    };
    let impossible = || ApiError::Unavailable(Cause::Impossible("a balance does not fit"));
    let balance = balance.ok_or_else(impossible)?;
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

/// How many days ahead count as soon at `moment`. Rule B6.
fn soon(registry: &Registry, moment: Timestamp) -> Result<u32, ApiError> {
    let policy = registry.policies.in_force(moment).ok_or(Rejection::PolicyMissing)?;
    Ok(policy.parameters.bonus_expiring_soon_days)
}

pub(crate) async fn history(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let mut page = query.page(&call);
    page.offset = query.offset();
    let (filter, known) = history_filter(&call, &mut query).await;
    query.finish()?;
    let member = call.member()?;
    let position = read::wait(&call, Model::History, Some(member)).await?;
    let registry = call.app.ledger.registry();
    // A business that nobody knows, or that may not be asked for, has no lines.
    let (lines, total) = if known {
        read::history::lines(&call.app, &call.accounts(member), &filter, &page).await?
    } else {
        (Vec::new(), 0)
    };
    let (lines, next_cursor) = query::paged(&call, lines, page.limit, |line| line.position.to_string());
    let items = lines.into_iter().map(|line| line.shown(&registry)).collect();
    call.read(&dto::History { items, next_cursor, total }, position)
}

/// The lines that are asked for, and whether the business that is named is known.
async fn history_filter(call: &Call, query: &mut Query) -> (Filter, bool) {
    let kinds = query.take("type").map(|names| {
        let kind = |name: &str| LineKind::ALL.into_iter().find(|kind| kind.as_str() == name);
        names.split(',').map(kind).collect::<Option<Vec<_>>>()
    });
    if kinds == Some(None) {
        query.wrong("type", "must be types of lines with commas between");
    }
    let named = query.take("business_id");
    let business = match &named {
        Some(name) => call.app.business(name).await.map(|business| business.business_id),
        None => None,
    };
    let known = named.is_none() || business.is_some();
    let filter =
        Filter { kinds: kinds.flatten(), business, from: query.moment("from"), to: query.moment("to") };
    (filter, known)
}

/// Why one line of her history is what it is. Rule P5.
pub(crate) async fn explain(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let id = call.path_uuid("id")?;
    let member = call.member()?;
    let position = read::wait(&call, Model::History, Some(member)).await?;
    let line = read::history::line(&call.app, &call.accounts(member), id).await?.ok_or(ApiError::NotFound)?;
    let line_position = line.position;
    let line = line.shown(&call.app.ledger.registry());
    call.read(&read::explain::explain(&call.app, line_position, line).await?, position)
}

/// What a status is shown by.
struct Shown {
    standing: Standing,
    spent: Spent,
    moment: Timestamp,
    registry: Arc<Registry>,
    position: Position,
}

impl Shown {
    /// Her status now, from the read model.
    async fn now(call: &Call, member: MemberId) -> Result<Self, ApiError> {
        let position = read::wait(call, Model::Statuses, Some(member)).await?;
        let (moment, registry) = (call.now(), call.app.ledger.registry());
        let policy = registry.policies.in_force(moment).ok_or(Rejection::PolicyMissing)?;
        let standing = read::statuses::standing(&call.app, member).await?;
        let after = moment.months_before(policy.parameters.status_window_months);
        let spent = read::statuses::spent(&call.app, member, after, moment, standing.medical_counts).await?;
        Ok(Self { standing, spent, moment, registry, position })
    }

    /// Her status in the past, from the log.
    async fn then(call: &Call, member: MemberId, hindsight: Hindsight) -> Result<Self, ApiError> {
        let Past { moment, state, registry, position } =
            read::hindsight::look(call, member, hindsight).await?;
        let policy = registry.policies.in_force(moment).ok_or(Rejection::PolicyMissing)?;
        let after = moment.months_before(policy.parameters.status_window_months);
        let impossible = || ApiError::Unavailable(Cause::Impossible("a sum of bills does not fit"));
        let spent = state.spent(after, moment).ok_or_else(impossible)?;
        let standing = Standing {
            status: state.status_at(moment),
            medical_counts: state.consents_to(&Purpose::MedicalStatus),
            premium: state.premium().is_active(moment),
            registered_at: None,
            falls: state.shown().scheduled,
        };
        Ok(Self { standing, spent, moment, registry, position })
    }
}

/// Rule S5. At the top there is no next status, and all is done.
pub(crate) async fn progress(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let hindsight = query.hindsight(call.now());
    query.finish()?;
    let member = call.member()?;
    let shown = if hindsight == Hindsight::default() {
        Shown::now(&call, member).await?
    } else {
        Shown::then(&call, member, hindsight).await?
    };
    let Shown { standing, spent, moment, registry, position } = shown;
    let policy = registry.policies.in_force(moment).ok_or(Rejection::PolicyMissing)?;
    let parameters = &policy.parameters;
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
        downgrade: downgrade(standing, &spent, parameters, all),
    };
    call.read(&data, position)
}

/// The fall that waits, unless Premium holds her where she is. Rules S3, S4.
fn downgrade(
    standing: Standing,
    spent: &Spent,
    policy: &Parameters,
    all: &BTreeSet<Category>,
) -> Option<dto::Downgrade> {
    let fall = standing.falls?;
    let to = if standing.premium { fall.to.max(Status::Vip) } else { fall.to };
    if to >= standing.status {
        return None;
    }
    let (missing_spent, missing_categories) = missing(standing.status, spent, policy, all);
    Some(dto::Downgrade { on: fall.on.to_date(), to: to.as_str(), missing_spent, missing_categories })
}

/// What a status gives under the policy in force. Rules B1, B2, S4, V1, V2.
fn benefits(status: Status, premium: bool, policy: &Parameters) -> Vec<String> {
    let rate = if premium { status.rate(policy).max(policy.rate_premium) } else { status.rate(policy) };
    let rate = percent(rate.to_decimal());
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
