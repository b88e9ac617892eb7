//! The account PostgreSQL runs under, and the folders that account can reach.
//!
//! PostgreSQL refuses to run as root. Started by root, it runs as `postgres` or else `nobody`; such an account often
//! cannot enter the folder the checkout or the cache lies in (`/root` has mode 700). Whether it can is found out by
//! trying, as that account. If not, the program is copied once and the data put below `/var/tmp`, in a folder that
//! belongs to root, with a link where the data would have been.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::StackError;

const REACHABLE_ROOT: &str = "/var/tmp/own-circle-postgres";

/// An unprivileged account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The account to use instead of root; `None` for anybody else, who runs PostgreSQL as himself.
    pub(crate) fn instead_of_root() -> Result<Option<Self>, StackError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").map_err(StackError::io("reading /etc/passwd"))?;
        let found = ["postgres", "nobody"].iter().find_map(|name| Self::parse(&accounts, name));
        found.map(Some).ok_or(StackError::NoUnprivilegedUser)
    }

    fn parse(accounts: &str, name: &str) -> Option<Self> {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let account = Self { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? };
        (account.user != 0).then_some(account)
    }

    /// Makes the command run under this account, without root's supplementary groups.
    pub(crate) fn apply(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }

    /// Gives a file or folder to this account.
    pub(crate) fn own(self, path: &Path) -> Result<(), StackError> {
        chown(path, Some(self.user), Some(self.group))
            .map_err(StackError::io(format!("giving {} to the PostgreSQL account", path.display())))
    }

    fn reaches(self, path: &Path) -> bool {
        let mut test = Command::new("/bin/sh");
        test.args(["-c", r#"test -x "$1" && test -r "$1""#, "sh"]).arg(path).current_dir("/");
        test.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.apply(&mut test);
        test.status().is_ok_and(|status| status.success())
    }
}

/// The folder of the PostgreSQL programs, where the account can run them.
pub(crate) fn reachable_program(installed: &Path, account: Option<Account>) -> Result<PathBuf, StackError> {
    let Some(account) = account else { return Ok(installed.to_path_buf()) };
    if account.reaches(&installed.join("bin/postgres")) {
        return Ok(installed.to_path_buf());
    }
    let name = installed.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let root = reachable_root()?;
    let copy = root.join(&name);
    let lock_path = root.join(format!("{name}.lock"));
    let lock =
        fs::File::create(&lock_path).map_err(StackError::io(format!("creating {}", lock_path.display())))?;
    lock.lock().map_err(StackError::io(format!("locking {}", lock_path.display())))?;
    if !copy.is_dir() {
        let partial = root.join(format!("{name}.partial"));
        if partial.exists() {
            fs::remove_dir_all(&partial)
                .map_err(StackError::io(format!("removing {}", partial.display())))?;
        }
        copy_tree(installed, &partial)?;
        fs::rename(&partial, &copy).map_err(StackError::io(format!("moving to {}", copy.display())))?;
    }
    Ok(copy)
}

/// Makes the folder `wanted` (or a link there to a place the account can reach) and returns the real place.
pub(crate) fn reachable_folder(wanted: &Path, account: Option<Account>) -> Result<PathBuf, StackError> {
    let Some(account) = account else {
        make_private(wanted)?;
        return Ok(wanted.to_path_buf());
    };
    let parent = wanted.parent().unwrap_or(Path::new("/"));
    if !wanted.is_symlink() && account.reaches(parent) {
        make_private(wanted)?;
        account.own(wanted)?;
        return Ok(wanted.to_path_buf());
    }
    let tag: String =
        hex::encode(Sha256::digest(wanted.as_os_str().as_encoded_bytes())).chars().take(16).collect();
    let real = reachable_root()?.join(format!("data-{tag}"));
    if wanted.symlink_metadata().is_err() {
        // A folder without its link belongs to a stack that was deleted from the checkout.
        let _ = fs::remove_dir_all(&real);
        symlink(&real, wanted).map_err(StackError::io(format!("linking {}", wanted.display())))?;
    }
    make_private(&real)?;
    account.own(&real)?;
    Ok(real)
}

fn make_private(folder: &Path) -> Result<(), StackError> {
    let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(folder);
    made.map_err(StackError::io(format!("creating {}", folder.display())))
}

/// Root's folder below the world-writable `/var/tmp`: refused if somebody else made it or may change it.
fn reachable_root() -> Result<PathBuf, StackError> {
    let root = PathBuf::from(REACHABLE_ROOT);
    let made = fs::DirBuilder::new().mode(0o755).recursive(true).create(&root);
    made.map_err(StackError::io(format!("creating {REACHABLE_ROOT}")))?;
    let meta = fs::symlink_metadata(&root).map_err(StackError::io(format!("reading {REACHABLE_ROOT}")))?;
    if !meta.is_dir() || meta.uid() != 0 || meta.permissions().mode() & 0o022 != 0 {
        let source = std::io::Error::other("it does not belong to root alone; remove it");
        return Err(StackError::Io { doing: format!("using {REACHABLE_ROOT}"), source });
    }
    // The mode above went through the umask.
    let open = fs::set_permissions(&root, fs::Permissions::from_mode(0o755));
    open.map_err(StackError::io(format!("opening {REACHABLE_ROOT}")))?;
    Ok(root)
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), StackError> {
    let doing = || StackError::io(format!("copying {} to {}", from.display(), to.display()));
    fs::create_dir(to).map_err(doing())?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).map_err(doing())?;
    for entry in fs::read_dir(from).map_err(doing())? {
        let entry = entry.map_err(doing())?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(doing())?;
        if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source).map_err(doing())?, &target).map_err(doing())?;
        } else {
            fs::copy(&source, &target).map_err(doing())?;
            let mode = entry.metadata().map_err(doing())?.permissions().mode();
            // The other account needs to read what only root could.
            let shared = fs::Permissions::from_mode(mode & 0o755 | 0o444 | (mode & 0o100) >> 6);
            fs::set_permissions(&target, shared).map_err(doing())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNTS: &str = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65533:n:/:/x\npostgresql:x:7:7::/:/x\n";

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        assert_eq!(Account::parse(ACCOUNTS, "nobody"), Some(Account { user: 65_534, group: 65_533 }));
        assert_eq!(Account::parse(ACCOUNTS, "postgres"), None);
    }

    #[test]
    fn root_is_never_the_unprivileged_account() {
        assert_eq!(Account::parse(ACCOUNTS, "root"), None);
    }
}
