//! Query strings, as strictly as bodies: each parameter once, none unknown.

use actix_web::HttpRequest;
use actix_web::web::Query as Pairs;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use ledger_core::log::Position;
use ledger_core::member::hindsight::Hindsight;
use ledger_core::time::{NotATimestamp, Timestamp};
use uuid::Uuid;

use crate::call::Call;
use crate::json::FieldErrors;
use crate::operations::Operation;
use crate::problem::ApiError;

/// Items a page has at most.
const LIMIT_MAX: i64 = 200;
const LIMIT_DEFAULT: i64 = 50;
/// The furthest page by number.
const OFFSET_MAX: i64 = 1_000_000_000;

/// A parameter as the OpenAPI document names it.
pub(crate) struct Documented {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether the call is refused without it.
    pub(crate) required: bool,
    /// What it does.
    pub(crate) text: &'static str,
}

const fn may(name: &'static str, text: &'static str) -> Documented {
    Documented { name, required: false, text }
}

const LIMIT: Documented = may("limit", "Items in a page: 1 to 200, 50 when absent; more is 200");
const CURSOR: Documented = may("cursor", "The `next_cursor` of the page before");

/// The query parameters of a call. A test asks each call whether these are the ones that it takes.
pub(crate) const fn parameters(operation: Operation) -> &'static [Documented] {
    const PAGE: &[Documented] = &[LIMIT, CURSOR];
    const HISTORY: &[Documented] = &[
        LIMIT,
        CURSOR,
        may("offset", "Items to leave out, 0 when absent"),
        may("type", "Lines of these types alone, with commas between"),
        may("business_id", "Lines of one business alone, which must not be a medical one: id or slug"),
        may("from", "Lines of what happened then or later (RFC 3339)"),
        may("to", "Lines of what happened before then (RFC 3339)"),
    ];
    const HINDSIGHT: &[Documented] = &[
        may("as_of", "As it was at this moment (RFC 3339, not in the future); now when absent"),
        may("known_at", "As it was known at this moment: what was recorded later is left out"),
    ];
    const PURCHASES: &[Documented] =
        &[LIMIT, CURSOR, may("business_id", "From an admin alone, who must: id or slug")];
    const RANKING: &[Documented] = &[
        LIMIT,
        CURSOR,
        may("as_of", "Where the 60 days end (RFC 3339, not in the future); now when absent"),
    ];
    const POSITION: Documented =
        Documented { name: "position", required: true, text: "The event's place on the log, from 1" };
    const INCLUSION: &[Documented] =
        &[POSITION, may("tree_size", "Among the first so many events; all that are sealed when absent")];
    const FROM: Documented =
        Documented { name: "from", required: true, text: "How many events the smaller tree has, at least 1" };
    const CONSISTENCY: &[Documented] =
        &[FROM, may("to", "How many the larger tree has; all that are sealed when absent")];
    const EVENTS: &[Documented] = &[may("from", "The first position, 1 when absent"), LIMIT];
    const CHECKPOINT: &[Documented] =
        &[may("cosigned", "`true`: the newest that a witness signed, instead of the newest of all")];
    const ACCESSES: &[Documented] = &[
        LIMIT,
        CURSOR,
        may("member_id", "Records about this member alone"),
        may("from", "Records of then or later (RFC 3339)"),
        may("to", "Records of before then (RFC 3339)"),
    ];
    const REQUESTS: &[Documented] =
        &[LIMIT, CURSOR, may("state", "`open`, `overdue` or `answered`; `open` when absent")];
    const WORDING: &[Documented] = &[may("version", "The version of the text; the newest when absent")];
    const OUTBOX: &[Documented] =
        &[Documented { name: "phone", required: true, text: "Whose messages, in any common form" }];
    match operation {
        Operation::History => HISTORY,
        Operation::Balance | Operation::StatusProgress => HINDSIGHT,
        Operation::Purchases => PURCHASES,
        Operation::Businesses
        | Operation::Policies
        | Operation::Quarantine
        | Operation::Erasures
        | Operation::OwnCoupons
        | Operation::OwnRequests
        | Operation::Chains
        | Operation::Offers
        | Operation::OfferHistory
        | Operation::Approvals
        | Operation::SecurityEvents => PAGE,
        Operation::WinWin | Operation::FrequentPaths | Operation::Recommendations => RANKING,
        Operation::Checkpoint => CHECKPOINT,
        Operation::InclusionProof => INCLUSION,
        Operation::ConsistencyProof => CONSISTENCY,
        Operation::AuditEvents => EVENTS,
        Operation::AccessRecords => ACCESSES,
        Operation::SubjectRequests => REQUESTS,
        Operation::ConsentText => WORDING,
        Operation::Outbox => OUTBOX,
        _ => &[],
    }
}

/// The parameters of a request while they are taken.
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    errors: FieldErrors,
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many items, 1 to 200.
    pub(crate) limit: i64,
    /// After which item.
    pub(crate) after: Option<String>,
    /// How many items are left out.
    pub(crate) offset: i64,
}

impl Page {
    /// Before which position the items are, in a list of the newest first whose cursors are positions.
    pub(crate) fn before(&self) -> Position {
        self.after.as_deref().and_then(|position| position.parse().ok()).unwrap_or(Position::MAX)
    }

    /// Before which number the items are, in a list of the newest first whose cursors are numbers.
    pub(crate) fn before_number(&self) -> u32 {
        self.after.as_deref().and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
    }

    /// How many items to look for: one more than the page holds tells whether another follows ([`paged`]).
    pub(crate) fn looked_for(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX).saturating_add(1)
    }
}

impl Query {
    /// The parameters of a request.
    pub(crate) fn of(http: &HttpRequest) -> Result<Self, ApiError> {
        let wrong = || ApiError::field("query", "cannot be read");
        let pairs = Pairs::<Vec<(String, String)>>::from_query(http.query_string()).map_err(|_| wrong())?;
        Ok(Self { pairs: pairs.into_inner(), errors: FieldErrors::default() })
    }

    /// A parameter that may be absent.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.pairs.iter().position(|(found, _)| found == name)?;
        Some(self.pairs.swap_remove(place).1)
    }

    /// Notes what is wrong with a parameter.
    pub(crate) fn wrong(&mut self, name: &str, message: &str) {
        self.errors.add(name, message);
    }

    fn number(&mut self, name: &str, min: i64, default: i64, max: i64) -> i64 {
        let Some(text) = self.take(name) else { return default };
        let plain = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<i64>() {
            Ok(number) if plain && number >= min => number.min(max),
            _ => {
                self.wrong(name, "must be a whole number");
                default
            }
        }
    }

    /// A position on the log, or a number of its events: at least 1; may be absent.
    pub(crate) fn position(&mut self, name: &str) -> Option<Position> {
        let text = self.take(name)?;
        let plain = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let read = text.parse().ok().filter(|position| plain && *position >= 1);
        if read.is_none() {
            self.wrong(name, "must be a whole number, at least 1");
        }
        read
    }

    /// The same, which must be there; what stands for it otherwise is never used, since the call is refused.
    pub(crate) fn required_position(&mut self, name: &str) -> Position {
        if !self.pairs.iter().any(|(given, _)| given == name) {
            self.wrong(name, "is required");
        }
        self.position(name).unwrap_or(1)
    }

    /// `true` or `false`, which it is when it is absent.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.take(name).as_deref() {
            Some("true") => true,
            Some("false") | None => false,
            Some(_) => {
                self.wrong(name, "must be true or false");
                false
            }
        }
    }

    /// A UUID that may be absent.
    pub(crate) fn uuid(&mut self, name: &str) -> Option<Uuid> {
        let text = self.take(name)?;
        let read = crate::json::read_uuid(&text);
        if read.is_none() {
            self.wrong(name, "must be a UUID");
        }
        read
    }

    /// `limit` alone; more than 200 is 200.
    pub(crate) fn limit(&mut self) -> i64 {
        self.number("limit", 1, LIMIT_DEFAULT, LIMIT_MAX)
    }

    /// `limit` and `cursor`; a page larger than 200 is 200.
    pub(crate) fn page(&mut self, call: &Call) -> Page {
        let limit = self.limit();
        let after = self.take("cursor").and_then(|cursor| {
            let read = read_cursor(call, &cursor);
            if read.is_none() {
                self.wrong("cursor", "is not one of this list");
            }
            read
        });
        Page { limit, after, offset: 0 }
    }

    /// `offset`, for lists that take it.
    pub(crate) fn offset(&mut self) -> i64 {
        self.number("offset", 0, 0, OFFSET_MAX)
    }

    /// A moment that may be absent.
    pub(crate) fn moment(&mut self, name: &str) -> Option<Timestamp> {
        let read = self.take(name)?.parse();
        if let Err(error) = &read {
            let error: &NotATimestamp = error;
            self.wrong(name, &error.to_string());
        }
        read.ok()
    }

    /// A moment that may be absent, and must not be in the future.
    pub(crate) fn past(&mut self, name: &str, now: Timestamp) -> Option<Timestamp> {
        let moment = self.moment(name)?;
        if moment > now {
            self.wrong(name, "must not be in the future");
        }
        Some(moment)
    }

    /// `as_of` and `known_at`, neither in the future.
    pub(crate) fn hindsight(&mut self, now: Timestamp) -> Hindsight {
        Hindsight { as_of: self.past("as_of", now), known_at: self.past("known_at", now) }
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(mut self) -> Result<(), ApiError> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            let shown =
                name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let name = if shown { name } else { "(unnamed)".to_owned() };
            self.errors.add(&name, "is not a parameter of this call, or was given twice");
        }
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::Validation(self.errors)) }
    }
}

/// A request without parameters.
pub(crate) fn none(call: &Call) -> Result<(), ApiError> {
    Query::of(&call.http)?.finish()
}

/// A cursor behind the item `key`: its own text and eight bytes that bind it to this call.
pub(crate) fn cursor(call: &Call, key: &str) -> String {
    let mut bytes = seal(call, key).to_vec();
    bytes.extend_from_slice(key.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_cursor(call: &Call, cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok().filter(|bytes| bytes.len() <= 100)?;
    let (mac, key) = bytes.split_at_checked(8)?;
    let key = std::str::from_utf8(key).ok()?;
    (seal(call, key) == mac).then(|| key.to_owned())
}

fn seal(call: &Call, key: &str) -> [u8; 8] {
    let owner = call.caller().map(|caller| caller.owner()).unwrap_or_default();
    let mac = call.app.keyed.request(owner, call.operation.name(), None, key);
    let mut short = [0; 8];
    short.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
    short
}

/// A page of `items` that were read one more than `limit`; the key of the last one shown gives the cursor.
pub(crate) fn paged<T>(
    call: &Call,
    mut items: Vec<T>,
    limit: i64,
    key: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| cursor(call, &key(last)));
    (items, next)
}
