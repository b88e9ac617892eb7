//! States of many things in bounded memory: what was touched lately is warm, the rest lies in a file that has no name.
//!
//! Bounds: `warm_max` values, and about 50 bytes for each thing that there is.

use std::collections::HashMap;
use std::fs::File;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;

use lru::LruCache;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::AuditError;

/// Values by id.
pub(super) struct Shelf<V> {
    warm: LruCache<Uuid, V>,
    cold: HashMap<Uuid, (u64, u32)>,
    file: Option<File>,
    end: u64,
}

impl<V: Default + Serialize + DeserializeOwned> Shelf<V> {
    /// An empty one that keeps up to `warm_max` values in memory.
    pub(super) fn of(warm_max: NonZeroUsize) -> Self {
        Self { warm: LruCache::new(warm_max), cold: HashMap::new(), file: None, end: 0 }
    }

    /// The value of `id`; a new one if there is none.
    pub(super) fn get(&mut self, id: Uuid) -> Result<&mut V, AuditError> {
        if !self.warm.contains(&id) {
            let value = self.fetch(id)?.unwrap_or_default();
            self.put(id, value)?;
        }
        self.warm
            .get_mut(&id)
            .ok_or_else(|| AuditError::Input("a value was lost between two steps".to_owned()))
    }

    /// Whether there is a value of `id`.
    pub(super) fn has(&self, id: Uuid) -> bool {
        self.warm.contains(&id) || self.cold.contains_key(&id)
    }

    /// Everything, in no order.
    pub(super) fn each(
        mut self,
        mut see: impl FnMut(Uuid, &V) -> Result<(), AuditError>,
    ) -> Result<(), AuditError> {
        for (id, value) in &self.warm {
            see(*id, value)?;
        }
        let warm = std::mem::replace(&mut self.warm, LruCache::new(NonZeroUsize::MIN));
        let cold: Vec<Uuid> = self.cold.keys().copied().filter(|id| !warm.contains(id)).collect();
        drop(warm);
        for id in cold {
            if let Some(value) = self.fetch(id)? {
                see(id, &value)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, id: Uuid, value: V) -> Result<(), AuditError> {
        let Some((cold, value)) = self.warm.push(id, value).filter(|(old, _)| *old != id) else {
            return Ok(());
        };
        let unwritable = |error: std::io::Error| {
            AuditError::Input(format!("a temporary file cannot be written: {error}. Is the disk full?"))
        };
        let bytes = serde_json::to_vec(&value).map_err(|error| AuditError::Input(error.to_string()))?;
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile().map_err(unwritable)?);
        }
        if let Some(file) = &self.file {
            file.write_all_at(&bytes, self.end).map_err(unwritable)?;
        }
        let length = u32::try_from(bytes.len()).map_err(|error| AuditError::Input(error.to_string()))?;
        self.cold.insert(cold, (self.end, length));
        self.end += u64::from(length);
        Ok(())
    }

    fn fetch(&self, id: Uuid) -> Result<Option<V>, AuditError> {
        let (Some((from, length)), Some(file)) = (self.cold.get(&id), &self.file) else { return Ok(None) };
        let unreadable =
            |error: String| AuditError::Input(format!("a temporary file cannot be read: {error}"));
        let mut bytes = vec![0; usize::try_from(*length).unwrap_or(0)];
        file.read_exact_at(&mut bytes, *from).map_err(|error| unreadable(error.to_string()))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cold_comes_back_as_it_was() {
        let mut shelf = Shelf::<Vec<u32>>::of(NonZeroUsize::new(3).expect("not zero"));
        for round in 0..4_u32 {
            for one in 0..20_u128 {
                shelf.get(Uuid::from_u128(one)).expect("a value").push(round);
            }
        }
        assert!(shelf.has(Uuid::from_u128(7)) && !shelf.has(Uuid::from_u128(70)));
        let mut seen = 0;
        let each = |_, value: &Vec<u32>| {
            assert_eq!(*value, [0, 1, 2, 3]);
            seen += 1;
            Ok(())
        };
        shelf.each(each).expect("all of them");
        assert_eq!(seen, 20);
    }
}
