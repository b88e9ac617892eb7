//! The processes that belong to another one, from `/proc`.
//!
//! A process group alone is not enough: PostgreSQL's backends make groups of their own. The tree alone is not enough
//! either: a child whose parent has ended hangs below another process. Together they find both.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const POLL: Duration = Duration::from_millis(2);

/// A process as it was when the table was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    id: u32,
    parent: u32,
    group: u32,
    /// In clock ticks since boot: with the number it tells a process from a later one of the same number.
    started: u64,
    dead: bool,
}

impl Member {
    /// SIGKILL. That it is gone already is no error.
    pub(crate) fn kill(&self) {
        let pid = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
    }

    fn read(id: u32) -> Option<Self> {
        Self::parse(id, &fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    fn parse(id: u32, stat: &str) -> Option<Self> {
        // The program's name stands in parentheses and may hold anything, so fields are counted from its end.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let dead = matches!(fields.next()?, "Z" | "X");
        let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let started = fields.nth(16)?.parse().ok()?;
        Some(Self { id, parent, group, started, dead })
    }
}

/// Everything below `root` or in its process group, without `root` itself.
pub(crate) fn family(root: u32) -> Vec<Member> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    related(root, ids.filter_map(Member::read).collect())
}

fn related(root: u32, mut open: Vec<Member>) -> Vec<Member> {
    open.retain(|member| member.id != root);
    let (mut found, mut rest): (Vec<Member>, Vec<Member>) =
        open.into_iter().partition(|member| member.group == root || member.parent == root);
    loop {
        let is_below = |member: &Member| found.iter().any(|parent| parent.id == member.parent);
        let (below, others): (Vec<Member>, Vec<Member>) = rest.into_iter().partition(is_below);
        if below.is_empty() {
            return found;
        }
        found.extend(below);
        rest = others;
    }
}

/// Waits until none of them lives, at most `limit`. One that only waits to be collected by its parent is gone.
pub(crate) fn wait_until_gone(family: &[Member], limit: Duration) {
    let begun = Instant::now();
    let lives = |member: &Member| {
        Member::read(member.id).is_some_and(|now| now.started == member.started && !now.dead)
    };
    while family.iter().any(lives) && begun.elapsed() < limit {
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u32, parent: u32, group: u32) -> Member {
        Member { id, parent, group, started: 1, dead: false }
    }

    #[test]
    fn a_line_of_proc_is_read_whatever_the_program_is_called() {
        let stat = "7 (a) b ) S 5 6 6 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 99 1 1";
        let expected = Member { started: 99, ..member(7, 5, 6) };
        assert_eq!(Member::parse(7, stat), Some(expected));
        assert!(Member::parse(7, &stat.replace(" S ", " Z ")).is_some_and(|member| member.dead));
        assert_eq!(Member::parse(7, "7 (short) S 5"), None);
    }

    #[test]
    fn the_family_is_the_tree_and_the_group_and_nobody_else() {
        let all = vec![
            member(10, 1, 10),
            member(11, 10, 11),
            member(12, 11, 12),
            member(13, 1, 10),
            member(20, 1, 20),
            member(21, 20, 20),
        ];
        let mut found: Vec<u32> = related(10, all).iter().map(|member| member.id).collect();
        found.sort_unstable();
        assert_eq!(found, [11, 12, 13]);
    }
}
