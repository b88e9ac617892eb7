//! Two members whose accounts become one, and two again.

use uuid::Uuid;

use super::{World, reason_id};
use crate::context::Context;
use crate::ids::MemberId;
use crate::member::{Accounts, Joined, MemberState, merge, unmerge};
use crate::rejection::Rejection;

/// The account that goes.
pub(crate) const OLD: MemberId = MemberId::from_uuid(Uuid::from_u128(0x01d));
/// The one that stays.
pub(crate) const HERS: MemberId = MemberId::from_uuid(Uuid::from_u128(0x4e5));

/// Merging, or parting.
pub(crate) type Decide = fn(&MemberState, &MemberState, &Accounts, &Context<'_>) -> Result<Joined, Rejection>;

/// The account that goes, and the one that stays.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) old: World,
    pub(crate) hers: World,
}

impl Pair {
    /// Both at the later of their moments.
    pub(crate) fn of(mut old: World, mut hers: World) -> Self {
        let now = old.now.max(hers.now);
        (old.now, hers.now) = (now, now);
        Self { old, hers }
    }

    /// What merging them leads to.
    pub(crate) fn when_merged(&self) -> Result<Joined, Rejection> {
        self.when(merge)
    }

    /// What parting them leads to.
    pub(crate) fn when_parted(&self) -> Result<Joined, Rejection> {
        self.when(unmerge)
    }

    fn when(&self, decide: Decide) -> Result<Joined, Rejection> {
        let accounts = Accounts { from: OLD, into: HERS, reason_id: reason_id(1) };
        let context = Context { recorded_at: self.hers.now, registry: &self.hers.registry };
        decide(&self.old.state, &self.hers.state, &accounts, &context)
    }

    /// Both after they became one.
    pub(crate) fn merged(mut self) -> Self {
        let joined = self.when_merged().expect("accepted");
        self.write(joined);
        // From now on purchases of either are known there.
        self.hers.known = [self.old.known.clone(), self.hers.known].concat();
        self
    }

    /// Both after they became two again.
    pub(crate) fn parted(mut self) -> Self {
        self.old.now = self.hers.now;
        let joined = self.when_parted().expect("accepted");
        self.write(joined);
        self.old.known.clone_from(&self.hers.known);
        self
    }

    /// What happens to the one that stays.
    pub(crate) fn then(mut self, happens: impl FnOnce(World) -> World) -> Self {
        self.hers = happens(self.hers);
        self
    }

    fn write(&mut self, joined: Joined) {
        for (world, draft) in [(&mut self.old, joined.from), (&mut self.hers, joined.into)] {
            draft.events.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
        }
    }
}
