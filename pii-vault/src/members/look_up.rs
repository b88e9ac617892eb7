//! Finding members by phone or by a partner's `phone_hash`.
//!
//! Every purchase by phone comes through here, so nothing is decrypted and concurrent look-ups share one statement: a
//! task takes all that wait, asks the database once, and answers all. That statement also writes the access log, so the
//! entries are durable before any answer leaves (design, "Where state lives"), at one fsync for all of them.
//!
//! Why it is right: answers carry the place of their question; each question keeps its own accessor, purpose and time in
//! the log. There is no cache, so an erased or changed member is never answered from memory.
//! Bounds: [`LOOK_UPS_MAX`] questions per call; one statement takes at most that many beyond its first call.

use ledger_core::ids::{BusinessId, MemberId};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::Members;
use crate::access::Access;
use crate::error::VaultError;
use crate::index::{BlindIndex, PhoneHash};
use crate::phone::Phone;

/// Most questions in one call of [`Members::look_up`].
pub const LOOK_UPS_MAX: usize = 1_000;
/// Calls that may wait in line; more wait to be let in.
const WAITING_CALLS_MAX: usize = 4_096;

/// A question: whose phone is it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUp {
    /// By the phone's blind index ([`Members::index_of`]).
    Phone(BlindIndex),
    /// By the hash a business computed; answers only for members who consented to that business.
    PartnerHash(BusinessId, PhoneHash),
}

impl Members {
    /// The active member of a phone.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`], [`VaultError::Database`].
    pub async fn find_by_phone(
        &self,
        phone: &Phone,
        access: &Access,
    ) -> Result<Option<MemberId>, VaultError> {
        let mut found = self.look_up(&[LookUp::Phone(self.index_of(phone))], access).await?;
        Ok(found.pop().flatten())
    }

    /// The active members asked for, in the order of the questions. One statement for all.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`], [`VaultError::Database`] (also for more than [`LOOK_UPS_MAX`] questions).
    pub async fn look_up(
        &self,
        questions: &[LookUp],
        access: &Access,
    ) -> Result<Vec<Option<MemberId>>, VaultError> {
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        if questions.len() > LOOK_UPS_MAX {
            return Err(VaultError::Database { reason: "too many look-ups in one call".to_owned() });
        }
        self.look_ups.ask(questions.to_vec(), *access).await
    }
}

type Answer = Result<Vec<Option<MemberId>>, Failure>;

/// A failure that several callers share.
#[derive(Clone)]
enum Failure {
    Unavailable(String),
    Database(String),
}

impl From<Failure> for VaultError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(reason) => Self::Unavailable { reason },
            Failure::Database(reason) => Self::Database { reason },
        }
    }
}

struct Call {
    questions: Vec<LookUp>,
    access: Access,
    answer: oneshot::Sender<Answer>,
}

/// Hands calls to the task that answers them together.
#[derive(Clone)]
pub(super) struct Batcher {
    calls: mpsc::Sender<Call>,
}

impl Batcher {
    /// Starts the task; it ends when the last handle is gone.
    pub(super) fn start(pool: PgPool) -> Self {
        let (calls, waiting) = mpsc::channel(WAITING_CALLS_MAX);
        tokio::spawn(answer_all(pool, waiting));
        Self { calls }
    }

    async fn ask(&self, questions: Vec<LookUp>, access: Access) -> Result<Vec<Option<MemberId>>, VaultError> {
        let stopped = || VaultError::Unavailable { reason: "look-ups have stopped".to_owned() };
        let (answer, answered) = oneshot::channel();
        self.calls.send(Call { questions, access, answer }).await.map_err(|_| stopped())?;
        Ok(answered.await.map_err(|_| stopped())??)
    }
}

async fn answer_all(pool: PgPool, mut waiting: mpsc::Receiver<Call>) {
    while let Some(first) = waiting.recv().await {
        let mut questions = first.questions.len();
        let mut calls = vec![first];
        while questions < LOOK_UPS_MAX {
            let Ok(next) = waiting.try_recv() else { break };
            questions += next.questions.len();
            calls.push(next);
        }
        answer_batch(&pool, calls).await;
    }
}

async fn answer_batch(pool: &PgPool, calls: Vec<Call>) {
    let found = ask_database(pool, &calls).await.map_err(|error| match error {
        VaultError::Unavailable { reason } => Failure::Unavailable(reason),
        other => Failure::Database(other.to_string()),
    });
    let mut from = 0;
    for call in calls {
        let to = from + call.questions.len();
        let own = found.as_ref().map_err(Clone::clone).and_then(|found| {
            let own = found.get(from..to).map(<[_]>::to_vec);
            own.ok_or_else(|| Failure::Database("a look-up lost answers".to_owned()))
        });
        from = to;
        // A caller that went away needs no answer.
        drop(call.answer.send(own));
    }
}

async fn ask_database(pool: &PgPool, calls: &[Call]) -> Result<Vec<Option<MemberId>>, VaultError> {
    let all =
        || calls.iter().flat_map(|call| call.questions.iter().map(move |question| (question, &call.access)));
    let (businesses, keys): (Vec<Option<Uuid>>, Vec<&[u8]>) = all()
        .map(|(question, _)| match question {
            LookUp::Phone(index) => (None, index.as_bytes()),
            LookUp::PartnerHash(business, hash) => (Some(business.as_uuid()), hash.as_bytes()),
        })
        .unzip();
    let times: Vec<_> = all().map(|(_, access)| access.at).collect();
    let kinds: Vec<&str> = all().map(|(_, access)| access.by.kind()).collect();
    let actors: Vec<String> = all().map(|(_, access)| access.by.id()).collect();
    let staff: Vec<Option<Uuid>> = all().map(|(_, access)| access.by.staff()).collect();
    let purposes: Vec<&str> = all().map(|(_, access)| access.purpose.as_str()).collect();
    let requests: Vec<Option<Uuid>> = all().map(|(_, access)| access.request_id).collect();
    // Sub-selects, not joins: each question is one probe of a unique index, whatever the planner believes about sizes.
    let rows: Vec<Option<Uuid>> = sqlx::query_scalar(
        "WITH asked AS (
               SELECT * FROM UNNEST($1::uuid[], $2::bytea[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                                    $7::uuid[], $8::uuid[]) WITH ORDINALITY
                   AS q (business_id, key, at, actor_kind, actor_id, purpose, request_id, staff_id, place)
           ), found AS (
               SELECT asked.*, CASE WHEN asked.business_id IS NULL THEN (
                   SELECT m.member_id FROM vault.members AS m
                   WHERE m.phone_index = asked.key AND m.state = 'active'
               ) ELSE (
                   SELECT m.member_id FROM vault.partner_members AS p JOIN vault.members AS m USING (member_id)
                   WHERE p.business_id = asked.business_id AND p.phone_hash = asked.key AND m.state = 'active'
               ) END AS member_id
               FROM asked
           ), logged AS (
               INSERT INTO vault.access_log
                   (at, actor_kind, actor_id, staff_id, member_id, action, fields, purpose, result, request_id)
               SELECT at, actor_kind, actor_id, staff_id, member_id, 'look_up', ARRAY['phone'], purpose,
                      CASE WHEN member_id IS NULL THEN 'not_found' ELSE 'done' END, request_id
               FROM found ORDER BY place
           )
           SELECT member_id FROM found ORDER BY place",
    )
    .bind(businesses)
    .bind(keys)
    .bind(times)
    .bind(kinds)
    .bind(actors)
    .bind(purposes)
    .bind(requests)
    .bind(staff)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|member| member.map(MemberId::from_uuid)).collect())
}
