//! Win-Win: what chains led to, who goes from where to where, which chains would pay. Rules X4, X8; decision 13.

use std::sync::Arc;

use actix_web::web::Payload;
use chrono::TimeDelta;
use ledger_core::context::Registry;
use ledger_core::ids::ChainId;
use ledger_core::log::Position;
use ledger_core::time::Timestamp;

use super::chains::named;
use crate::call::{Answer, Call};
use crate::problem::ApiError;
use crate::query::{self, Page, Query};
use crate::read::warehouse::Window;
use crate::read::{self, Model};
use crate::win_win::{Matrix, longest, ordinary, promoted, running};
use crate::{chain_stats, dto};

/// How long a window of Win-Win is. Rule X8.
const WINDOW_DAYS: i64 = 60;

/// What a chain led to.
pub(crate) async fn stats(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let chain_id = ChainId::from_uuid(call.path_uuid("id")?);
    let position = read::wait(&call, Model::Analytics, None).await?;
    let chain = named(&call, chain_id).await?;
    if let Some(own) = call.caller()?.business {
        // All of a month that is over must be there, or its figures would change afterwards.
        read::catch_up(&call, Model::Analytics).await?;
        let as_of = chain_stats::closed(call.now());
        let used = read::promotion::closed(&call.app, chain_id, as_of).await?;
        let registry = call.app.ledger.registry();
        return call.read(&chain_stats::own((&chain, own), &used, as_of, &registry.businesses), position);
    }
    let as_of = call.now();
    let given = read::promotion::by_step(&call.app, chain_id, as_of).await?;
    let groups = read::control::of_chain(&call.app, &chain, as_of).await?;
    let registry = call.app.ledger.registry();
    let stats = chain_stats::stats((&chain, &given, &groups), as_of, &registry);
    call.read(&stats, position)
}

/// A page of a ranking over one window, as it was when its first page was asked for.
struct Ranking {
    window: Window,
    /// How many were shown before.
    before: usize,
    page: Page,
    position: Position,
    registry: Arc<Registry>,
}

impl Ranking {
    async fn asked_for(call: &Call) -> Result<Self, ApiError> {
        let mut query = Query::of(&call.http)?;
        let page = query.page(call);
        let as_of = query.past("as_of", call.now());
        query.finish()?;
        // A cursor is ours: it says the window's end and the place in the ranking.
        let cursor = page.after.as_deref().and_then(|cursor| cursor.split_once('.'));
        let cursor = cursor.and_then(|(until, place)| {
            Some((Timestamp::from_micros(until.parse().ok()?)?, place.parse::<usize>().ok()?))
        });
        let until = cursor.map(|(until, _)| until).or(as_of).unwrap_or_else(|| call.now());
        let before = cursor.map_or(0, |(_, place)| place.saturating_add(1));
        let window = Window { from: until.minus(TimeDelta::days(WINDOW_DAYS)), until };
        let position = read::wait(call, Model::Analytics, None).await?;
        read::registry(call).await?;
        Ok(Self { window, before, page, position, registry: call.app.ledger.registry() })
    }

    fn paged<T>(&self, call: &Call, items: Vec<T>) -> (Vec<T>, Option<String>) {
        let limit = usize::try_from(self.page.limit).unwrap_or(usize::MAX);
        let items: Vec<_> =
            items.into_iter().enumerate().skip(self.before).take(limit.saturating_add(1)).collect();
        let until = self.window.until.micros();
        let (items, next) =
            query::paged(call, items, self.page.limit, |(place, _)| format!("{until}.{place}"));
        (items.into_iter().map(|(_, item)| item).collect(), next)
    }

    /// Recommendations ask nothing of promotions, and wait for no question about them.
    async fn unpromoted(&self, call: &Call) -> Result<Matrix, ApiError> {
        let (shops, ways) = read::win_win::shops_and_ways(&call.app, self.window).await?;
        Ok(Matrix { shops, ways, ..Matrix::default() })
    }

    async fn matrix(&self, call: &Call) -> Result<Matrix, ApiError> {
        let Matrix { shops, ways, .. } = self.unpromoted(call).await?;
        let given = read::promotion::of_all(&call.app, self.window).await?;
        let groups = read::control::of_all(&call.app, self.window, &self.registry).await?;
        let (promotions, effects) = promoted(&given, &groups, (self.window.until, &self.registry));
        Ok(Matrix { shops, ways, promotions, effects })
    }
}

pub(crate) async fn win_win(call: Call, _: Payload) -> Answer {
    let ranking = Ranking::asked_for(&call).await?;
    let matrix = ranking.matrix(&call).await?;
    let (pairs, next_cursor) = ranking.paged(&call, matrix.pairs(&ordinary(&ranking.registry)));
    let items = pairs.into_iter().map(|(index, ends)| matrix.shown(index, ends)).collect();
    let Window { from, until: as_of } = ranking.window;
    call.read(&dto::WinWin { from, as_of, items, next_cursor }, ranking.position)
}

pub(crate) async fn paths(call: Call, _: Payload) -> Answer {
    let ranking = Ranking::asked_for(&call).await?;
    let found = read::win_win::paths(&call.app, ranking.window).await?;
    let (items, next_cursor) = ranking.paged(&call, longest(&found));
    let Window { from, until: as_of } = ranking.window;
    call.read(&dto::FrequentPaths { from, as_of, items, next_cursor }, ranking.position)
}

pub(crate) async fn recommendations(call: Call, _: Payload) -> Answer {
    let ranking = Ranking::asked_for(&call).await?;
    let matrix = ranking.unpromoted(&call).await?;
    let found = matrix.recommendations(&ordinary(&ranking.registry), &running(&ranking.registry));
    let (items, next_cursor) = ranking.paged(&call, found);
    let Window { from, until: as_of } = ranking.window;
    call.read(&dto::Recommendations { from, as_of, items, next_cursor }, ranking.position)
}
