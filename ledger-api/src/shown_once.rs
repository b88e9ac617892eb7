//! Answers that hold a secret and so are stored nowhere: kept in memory for the retry of the request that made them.
//!
//! Why it is right: one request of a key runs at a time, the others wait for it and find its answer. Bounds: the last
//! [`KEPT_MAX`] answers of this process; a retry beyond that, or to another process, makes another secret, which its
//! owner can list and revoke.

use std::num::NonZeroUsize;

use ledger_core::rejection::Rejection;
use lru::LruCache;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::problem::ApiError;

const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");

/// A secret and what names it.
#[derive(Clone)]
pub(crate) struct Secret {
    /// What names it.
    pub(crate) id: Uuid,
    /// The secret.
    pub(crate) text: String,
}

/// What was asked, and the answer.
type Kept = ([u8; 32], Secret);

/// The last answers.
pub(crate) struct ShownOnce {
    kept: Mutex<LruCache<[u8; 32], Kept>>,
}

impl ShownOnce {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { kept: Mutex::new(LruCache::new(KEPT_MAX)) }
    }

    /// The answer to the request `key` that asks for `asked`, made now or before; whether it was before.
    ///
    /// Making one holds the lock: these are an admin's rare calls, and two of one key must not both make a secret.
    pub(crate) async fn once(
        &self,
        key: [u8; 32],
        asked: [u8; 32],
        make: impl Future<Output = Result<Secret, ApiError>>,
    ) -> Result<(Secret, bool), ApiError> {
        let mut kept = self.kept.lock().await;
        if let Some((before, secret)) = kept.get(&key) {
            let same = *before == asked;
            return if same {
                Ok((secret.clone(), true))
            } else {
                Err(Rejection::IdempotencyKeyReused.into())
            };
        }
        let secret = make.await?;
        kept.put(key, (asked, secret.clone()));
        Ok((secret, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_retry_gets_the_secret_of_the_first_and_another_request_is_refused() {
        let kept = ShownOnce::new();
        let make = |n: u128| async move { Ok(Secret { id: Uuid::from_u128(n), text: n.to_string() }) };
        let (first, replayed) = kept.once([1; 32], [9; 32], make(1)).await.expect("made");
        assert_eq!((first.text.as_str(), replayed), ("1", false));
        let (again, replayed) = kept.once([1; 32], [9; 32], make(2)).await.expect("kept");
        assert_eq!((again.text.as_str(), replayed), ("1", true));
        let other = kept.once([1; 32], [8; 32], make(3)).await.err().map(|error| error.code());
        assert_eq!(other, Some("IDEMPOTENCY_KEY_REUSED"));
    }
}
